/** Whether all engines are back. */
import { expect } from 'chai';
import type { ZlibPool } from '../../../lib/index.ts';
import { until } from '../until.ts';

/** A lease ends a moment after its stream is closed. */
export async function allBack(pool: ZlibPool): Promise<void> {
  await until(() => pool.stats.leased === 0);
  expect(pool.stats).to.include({ leased: 0, leaked: 0, waiting: 0 });
}

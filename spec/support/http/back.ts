/** Whether all engines are back. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { ZlibPool } from '../../../lib/index.ts';

/** A lease ends a moment after its stream is closed. */
export async function allBack(pool: ZlibPool): Promise<void> {
  for (let i = 0; i < 400 && pool.stats.leased > 0; i++) await delay(5);
  expect(pool.stats).to.include({ leased: 0, leaked: 0, waiting: 0 });
}

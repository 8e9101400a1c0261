/**
 * A burst of messages takes the memory of those that are worked on, not of those that came. The full figures, 20,000 at once, are in
 * the benchmarks; here are fewer, and wider bounds.
 */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { CHILD_TIMEOUT_MS, loader, TEST_TIMEOUT_MS } from '../support/script.ts';

const run = promisify(execFile);
const script = fileURLToPath(new URL('../support/burst.ts', import.meta.url));
const COUNT = 8_000;

async function peakOf(who: string): Promise<number> {
  const args = [...loader, '--expose-gc', script, who, 'json', String(COUNT)];
  const { stdout } = await run(process.execPath, args, { timeout: CHILD_TIMEOUT_MS });
  const { right, peak } = JSON.parse(stdout.trim().split('\n').at(-1) as string);
  expect(right).to.equal(COUNT);
  return peak;
}

describe('A burst', function () {
  this.timeout(3 * TEST_TIMEOUT_MS);
  this.slow(30_000);

  it('takes less than half of the memory that it takes with node:zlib, on a pool with and without a bound', async () => {
    const stock = await peakOf('stock');
    const ratios = { unbounded: (await peakOf('unbounded')) / stock, bounded: (await peakOf('bounded')) / stock };
    if (process.env.SPEC_SHOW !== undefined) console.log(ratios);
    expect(ratios.unbounded).to.be.below(0.5);
    expect(ratios.bounded).to.be.below(0.5);
  });
});

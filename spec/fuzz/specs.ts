/** Random scripts as specs: good and bad streams beside each other on one pool, and each on node:zlib. */
import { inspect } from 'node:util';
import { expect } from 'chai';
import fc from 'fast-check';
import { ZlibPool } from '../support/library.ts';
import { TEST_TIMEOUT_MS } from '../support/script.ts';
import { seed } from '../support/seed.ts';
import { until } from '../support/until.ts';
import { callDifference, callsOf } from './calls.ts';
import { difference, directions, modes, scriptsOf } from './compare.ts';

/** @param numRuns - scripts for each mode */
export function describeScripts(numRuns: number): void {
  describe('Random scripts', function () {
    this.timeout(TEST_TIMEOUT_MS);
    this.slow(20_000);

    for (const [mode, direction] of modes.flatMap((mode) => directions.map((way) => [mode, way] as const))) {
      const title = `${direction}, ${mode.name}, seed ${seed}`;

      it(`have the same course on node:zlib and on zlease (${title})`, async () => {
        const pool = new ZlibPool(mode.pool);
        const scripts = fc.sample(scriptsOf[direction], { numRuns, seed });
        for (let at = 0; at < scripts.length; at += 64) {
          const found = await Promise.all(scripts.slice(at, at + 64).map((one) => difference(one, mode, pool)));
          const first = found.find((one) => one !== undefined);
          expect(first, inspect(first, { depth: 9 })).to.equal(undefined);
        }
        await addsUp(pool);
        // Encoders of the public engine are not used again. Many scripts need an engine of a kind of their own.
        if (direction === 'decompress' || mode.pool.engine !== 'public') {
          expect(pool.stats.reused).to.be.above(numRuns / 8);
        }
      });

      it(`have calls of the one-shot functions answered as by node:zlib (${title})`, async () => {
        const pool = new ZlibPool(mode.pool);
        for (let batch = 0; batch < numRuns / 128; batch++) {
          for (const calls of callsOf(direction, seed + batch, 64)) {
            const found = await callDifference(calls, mode, pool);
            expect(found, inspect(found, { depth: 9 })).to.equal(undefined);
          }
        }
        await addsUp(pool);
      });
    }
  });
}

async function addsUp(pool: InstanceType<typeof ZlibPool>): Promise<void> {
  await until(() => pool.stats.leased === 0);
  const { leased, created, idle, discarded, evicted } = pool.stats;
  expect({ leased, created }).to.deep.equal({ leased: 0, created: idle + discarded + evicted });
}

/** Random commands on random pools beside their model, as a spec. */
import fc from 'fast-check';
import { TEST_TIMEOUT_MS } from '../support/script.ts';
import { seed } from '../support/seed.ts';
import { quiet, runs } from './run.ts';

/** @param numRuns - broken copies are given as many as it takes: SPEC_RUNS */
export function describeModel(numRuns: number): void {
  describe('The model of a pool', function () {
    this.timeout(TEST_TIMEOUT_MS);
    this.slow(30_000);
    before(quiet);

    it(`agrees with the pool, whatever happens (seed ${seed})`, () =>
      fc.assert(runs, {
        seed,
        numRuns: Number(process.env.SPEC_RUNS ?? numRuns),
        endOnFailure: process.env.SPEC_LIB !== undefined,
      }));
  });
}

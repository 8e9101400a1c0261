/** P1 to P5, bounds and numbers of a pool at random: a short run of `npm run model`. */
import fc from 'fast-check';
import { runs } from './model/run.ts';
import { seed } from './support/seed.ts';

/** Broken copies are given as many as it takes. */
const numRuns = Number(process.env.ZLEASE_RUNS ?? 1_000);

describe('The model of a pool', function () {
  this.timeout(110_000);
  this.slow(20_000);

  it(`agrees with the pool, whatever happens (seed ${seed})`, () =>
    fc.assert(runs, { seed, numRuns, endOnFailure: process.env.ZLEASE_LIB !== undefined }));
});

/**
 * `npm run model -- [--minutes N] [--runs N] [--seed N]`: random commands on random pools beside their model, until the time or
 * the runs are up. Ends with the first run in which they differ, made small, and the seed that finds it again; exit code 1.
 */
import { parseArgs } from 'node:util';
import { SingleBar } from 'cli-progress';
import fc from 'fast-check';
import { runs } from './run.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    runs: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
  },
});
const minutes = Number(values.minutes);
const most = Number(values.runs);
const first = Number(values.seed);
if (!(minutes > 0) || !(most > 0) || !Number.isInteger(first)) {
  console.error('--minutes and --runs are numbers above 0, --seed is a whole number');
  process.exit(2);
}
process.on('unhandledRejection', (reason) => {
  throw reason;
});

/** Each batch has a seed of its own, the next number: a failure is found again without all that was before it. */
const BATCH_LENGTH = 500;

// A clock of its own: a run has time stand still.
const start = Date.now();
const seconds = (): number => (Date.now() - start) / 1_000;
const bar = new SingleBar({ format: '[{bar}] {played} runs, {value} of {total} s', stream: process.stderr });
let played = 0;
bar.start(Math.ceil(minutes * 60), 0, { played });
let report: string | undefined;
let seed = first;
for (; report === undefined && played < most && seconds() < minutes * 60; seed++) {
  const numRuns = Math.min(BATCH_LENGTH, most - played);
  const details = await fc.check(runs, { seed, numRuns });
  played += details.numRuns;
  if (details.failed) report = `${await fc.asyncDefaultReportMessage(details)}\n${details.errorInstance}`;
  bar.update(Math.floor(seconds()), { played });
}
bar.stop();
if (report !== undefined) {
  console.error(report);
  console.error(`They differ, in the batch of seed ${seed - 1}`);
  process.exitCode = 1;
}
console.log(`${played} runs on Node ${process.versions.node}, seeds ${first} to ${seed - 1}`);

/** `npm run model -- --help` prints the usage. Exits with 1 after a difference, which it prints, made small. */
import { Option } from '@commander-js/extra-typings';
import { SingleBar } from 'cli-progress';
import fc from 'fast-check';
import { command, positiveNumber, randomSeed, seed as seedOf, wholeNumber } from '../../examples/command.ts';
import { quiet, runs } from './run.ts';

const {
  minutes,
  runs: most,
  seed: first,
} = command('npm run model --', 'Runs random commands on pools and on their model, until the first difference.')
  .option('--minutes <number>', 'how long, in minutes', positiveNumber(1e6), 1)
  .addOption(new Option('--runs <number>', 'how many runs').default(Infinity, 'unlimited').argParser(wholeNumber(1)))
  .addOption(
    new Option('--seed <number>', 'the first seed, to repeat a run').default(randomSeed(), 'random').argParser(seedOf),
  )
  .parse()
  .opts();
process.on('unhandledRejection', (reason) => {
  throw reason;
});

/** Each batch has a seed of its own, the next number: a failure is found again without all that was before it. */
const BATCH_LENGTH = 500;

await quiet();
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

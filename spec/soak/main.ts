/**
 * Good and hostile streams and messages of all formats, 64 at a time, with random aborts, on two bounded pools, one an engine; for
 * a minute, or as long or as many jobs as it is told. Nothing may be lost or crossed, and memory must not grow. The last line is
 * JSON; exit code 1 where anything was wrong. `npm run soak -- --help` prints the usage.
 */
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as delay } from 'node:timers/promises';
import { Option } from '@commander-js/extra-typings';
import { SingleBar } from 'cli-progress';
import { linearRegression } from 'simple-statistics';
import { command, positiveNumber, randomSeed, seed as seedOf, wholeNumber } from '../../examples/command.ts';
import { engines, ZlibPool } from '../support/library.ts';
import { dice as diceOf } from '../support/seed.ts';
import { corrupted, goodInputs, hostileInputs, type Input, LONGEST } from './corpus.ts';
import { jobs, type Result } from './jobs.ts';

const options = command('npm run soak --', 'Runs good and hostile data on bounded pools, with random aborts.')
  .option('--minutes <number>', 'how long, in minutes (default: 1, with --jobs unlimited)', positiveNumber(1e6))
  .addOption(
    new Option('--jobs <number>', 'how many streams and messages')
      .default(Infinity, 'unlimited')
      .argParser(wholeNumber(1)),
  )
  .addOption(
    new Option('--seed <number>', 'the seed, to repeat a run').default(randomSeed(), 'random').argParser(seedOf),
  )
  .parse()
  .opts();
const { jobs: most, seed } = options;
const minutes = options.minutes ?? (most === Number.POSITIVE_INFINITY ? 1 : Number.POSITIVE_INFINITY);

const LANES = 64;
const SAMPLE_MS = 5_000;
/** Below this the heap has not settled, and a slope says nothing. */
const SLOPE_FROM_MINUTES = 10;
const MOST_MB_A_MINUTE = 1;
const MB = 2 ** 20;

const dice = diceOf(seed);
const good = goodInputs(24);
const hostile = hostileInputs();
const pools = engines.map(
  (engine) =>
    new ZlibPool({
      engine,
      maxLeased: 24,
      maxWaiting: LANES,
      leaseTimeoutMs: 600_000,
      maxIdle: 16,
      idleTimeoutMs: 1_000,
      maxOutputLength: LONGEST,
      maxRatio: 500,
      ratioFloorLength: 200_000,
    }),
);

let begun = 0;
const counts = { good: 0, failed: 0, aborted: 0 };
const wrong: string[] = [];

function check(input: Input, name: string, { bytes, code, aborted }: Result): void {
  if (aborted) {
    counts.aborted += 1;
    return;
  }
  const isRight =
    code === undefined
      ? bytes !== undefined && (input.name === 'corrupt' || input.plain?.equals(bytes) === true)
      : input.codes?.test(code) === true;
  counts[code === undefined ? 'good' : 'failed'] += 1;
  if (!isRight && wrong.length < 20) wrong.push(`${name}: ${input.format}, ${input.name}: ${code ?? bytes?.length}`);
}

function nextInput(): Input {
  if (!dice.onceIn(3)) return dice.one(good);
  return dice.onceIn(3) ? corrupted(dice.one(good.slice(4)), dice) : dice.one(hostile);
}

async function lane(until: number): Promise<void> {
  const all = Object.entries(jobs);
  while (begun < most && performance.now() < until && wrong.length === 0) {
    begun += 1;
    const input = nextInput();
    const [name, job] = dice.one(all);
    const pool = dice.onceIn(4) ? pools[1] : pools[0];
    check(input, name, await job(pool as (typeof pools)[number], input, dice));
  }
}

process.on('unhandledRejection', (reason) => {
  throw reason;
});
const loopDelay = monitorEventLoopDelay({ resolution: 10 });
loopDelay.enable();
const start = performance.now();
const until = start + minutes * 60_000;
const memory: Array<[minutes: number, megabytes: number]> = [];
const bar = new SingleBar({ format: '{bar} {value}/{total} s, rss {rss} MB', clearOnComplete: true });
if (process.stderr.isTTY && Number.isFinite(minutes)) bar.start(Math.round(minutes * 60), 0, { rss: 0 });
const sampler = setInterval(() => {
  const seconds = (performance.now() - start) / 1_000;
  // What stays is looked at, not what was not collected yet: on a busy machine that goes up and down by 60 MB.
  globalThis.gc?.();
  memory.push([seconds / 60, process.memoryUsage.rss() / MB]);
  bar.update(Math.round(seconds), { rss: Math.round(memory.at(-1)?.[1] as number) });
}, SAMPLE_MS);

await Promise.all(Array.from({ length: LANES }, () => lane(until)));
clearInterval(sampler);
bar.stop();
loopDelay.disable();
const lasted = (performance.now() - start) / 60_000;
// Ends only where a lease is lost: what is in the threadpool comes back, however late.
for (let i = 0; i < 6_000 && pools.some(({ stats }) => stats.leased > 0); i++) await delay(10);

const problems = [...wrong];
const stats = pools.map((pool) => pool.stats);
for (const { leased, waiting, idle, created, discarded, evicted, leaked } of stats) {
  const addsUp = created === leased + idle + discarded + evicted + leaked;
  if (leased !== 0 || waiting !== 0 || leaked !== 0 || !addsUp) problems.push('leases do not add up');
}
const late = memory.slice(memory.length >> 1);
const slope = late.length > 1 ? linearRegression(late).m : 0;
if (lasted >= SLOPE_FROM_MINUTES && slope >= MOST_MB_A_MINUTE) problems.push('memory grows');
if (counts.good === 0 || counts.failed === 0 || counts.aborted === 0) problems.push('nothing was done');
if (problems.length > 0) process.exitCode = 1;
console.log(
  JSON.stringify({
    node: process.versions.node,
    minutes: Number(lasted.toFixed(2)),
    seed,
    ...counts,
    problems,
    rssMB: Math.round(memory.at(-1)?.[1] ?? 0),
    rssSlopeMBPerMinute: Number(slope.toFixed(3)),
    eventLoopDelayP99Ms: Number((loopDelay.percentile(99) / 1e6).toFixed(1)),
    native: stats[0],
    public: stats[1],
  }),
);

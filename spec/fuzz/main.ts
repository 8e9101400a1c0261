/**
 * Random scripts on node:zlib and on zlease beside each other, until the time or the cases are up. Streams of one batch run at
 * the same time on one pool, the bad beside the good. Ends with the first difference, reduced, and the seed that finds it again;
 * exit code 1. `npm run fuzz -- --help` prints the usage.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { inspect } from 'node:util';
import { Option } from '@commander-js/extra-typings';
import fc from 'fast-check';
import { command, positiveNumber, randomSeed, seed as seedOf, wholeNumber } from '../../examples/command.ts';
import { ZlibPool } from '../../lib/index.ts';
import { callDifference, callsOf } from './calls.ts';
import { type Difference, difference, directions, type Mode, modes, scriptsOf } from './compare.ts';
import type { Direction } from './script.ts';

const values = command(
  'npm run fuzz --',
  'Plays random scripts on node:zlib and on zlease, until the first difference.',
)
  .option('--minutes <number>', 'how long, in minutes', positiveNumber(1e6), 1)
  .addOption(
    new Option('--cases <number>', 'how many scripts or calls, rounded up to whole batches')
      .default(Infinity, 'unlimited')
      .argParser(wholeNumber(1)),
  )
  .addOption(
    new Option('--seed <number>', 'the seed of the first batch, to repeat a run')
      .default(randomSeed(), 'random')
      .argParser(seedOf),
  )
  .option('--together <number>', 'scripts or calls that run at the same time', wholeNumber(1, 10_000), 64)
  .addOption(
    new Option(
      '--only <what>',
      'streams: scripts without the one-shot functions; messages: calls of the one-shot functions (default: scripts with both)',
    ).choices(['streams', 'messages'] as const),
  )
  .addOption(new Option('--direction <name>', 'the only direction (default: both in turn)').choices(directions))
  .addOption(
    new Option('--mode <name>', 'the only mode of the pool (default: all in turn)').choices(
      modes.map(({ name }) => name),
    ),
  )
  .parse()
  .opts();
const { together } = values;
/** Plays a batch. */
async function play(direction: Direction, seed: number, mode: Mode, pool: ZlibPool): Promise<Difference | undefined> {
  if (values.only === 'messages') {
    for (const calls of callsOf(direction, seed, together)) {
      played += calls.length;
      const found = await callDifference(calls, mode, pool);
      if (found !== undefined) return found;
    }
    return undefined;
  }
  const scripts = fc.sample(scriptsOf[direction], { numRuns: together, seed });
  played += scripts.length;
  const differences = await Promise.all(scripts.map((one) => difference(one, mode, pool, values.only !== 'streams')));
  return differences.find((one) => one !== undefined);
}

const chosen = modes.filter(({ name }) => values.mode === undefined || name === values.mode);

const end = performance.now() + values.minutes * 60_000;
const pools = new Map(chosen.map((mode) => [mode, new ZlibPool(mode.pool)]));
let played = 0;
let found: Difference | undefined;
process.on('unhandledRejection', (reason) => {
  throw reason;
});

let seed = values.seed;
for (let batch = 0; played < values.cases && found === undefined && performance.now() < end; batch++) {
  const mode = chosen[batch % chosen.length] as Mode;
  const pool = pools.get(mode) as ZlibPool;
  seed = values.seed + batch;
  const ways = directions.filter((name) => values.direction === undefined || name === values.direction);
  const direction = ways[Math.floor(batch / chosen.length) % ways.length] as Direction;
  found = await play(direction, seed, mode, pool);
  for (let i = 0; pool.stats.leased > 0 && i < 1_000; i++) await delay(1);
  const { leased, idle, created, discarded, evicted, leaked } = pool.stats;
  if (leased !== 0 || created !== idle + discarded + evicted + leaked) {
    console.error(`Leases do not add up, seed ${seed}, ${mode.name}:`, pool.stats);
    process.exitCode = 1;
    break;
  }
}
if (found !== undefined) {
  console.error(inspect(found, { depth: 9, breakLength: 140, maxArrayLength: 60 }));
  console.error(`A difference, in the batch of seed ${seed}`);
  process.exitCode = 1;
}
const reused = [...pools.values()].reduce((sum, { stats }) => sum + stats.reused, 0);
const created = [...pools.values()].reduce((sum, { stats }) => sum + stats.created, 0);
console.log(
  `${played} ${values.only === 'messages' ? 'calls' : 'scripts'} on Node ${process.versions.node}, seed ${values.seed}, ${created} engines created, ${reused} leases of one that was used before, ${chosen.map(({ name }) => name).join(' | ')}`,
);

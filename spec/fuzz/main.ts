/**
 * `npm run fuzz -- [--minutes N] [--cases N] [--seed N] [--together N] [--mode NAME]`: random scripts on node:zlib and on zlease
 * beside each other, until the time or the cases are up. Streams of one batch run at the same time on one pool, the bad beside the
 * good. Ends with the first difference, reduced, and the seed that finds it again; exit code 1.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { inspect, parseArgs } from 'node:util';
import fc from 'fast-check';
import { ZlibPool } from '../../lib/index.ts';
import { type Difference, difference, modes } from './compare.ts';
import { script } from './script.ts';

const { values } = parseArgs({
  options: {
    minutes: { type: 'string', default: '1' },
    cases: { type: 'string', default: 'Infinity' },
    seed: { type: 'string', default: String(Math.floor(Math.random() * 2 ** 31)) },
    together: { type: 'string', default: '64' },
    mode: { type: 'string' },
  },
});
const together = Number(values.together);
const batches = Math.ceil(Number(values.cases) / together);
const chosen = modes.filter(({ name }) => values.mode === undefined || name === values.mode);
if (chosen.length === 0 || !(together > 0) || !(batches > 0) || !(Number(values.minutes) > 0)) {
  console.error(`There is no such thing. Modes: ${modes.map(({ name }) => `'${name}'`).join(', ')}`);
  process.exit(2);
}

const end = performance.now() + Number(values.minutes) * 60_000;
const pools = new Map(chosen.map((mode) => [mode, new ZlibPool(mode.pool)]));
let played = 0;
let found: Difference | undefined;
process.on('unhandledRejection', (reason) => {
  throw reason;
});

for (let batch = 0; batch < batches && found === undefined && performance.now() < end; batch++) {
  const mode = chosen[batch % chosen.length] as (typeof chosen)[number];
  const pool = pools.get(mode) as ZlibPool;
  const seed = Number(values.seed) + batch;
  const scripts = fc.sample(script, { numRuns: together, seed });
  const differences = await Promise.all(scripts.map((one) => difference(one, mode, pool)));
  played += scripts.length;
  found = differences.find((one) => one !== undefined);
  for (let i = 0; pool.stats.leased > 0 && i < 1_000; i++) await delay(1);
  const { leased, idle, created, discarded, evicted, leaked } = pool.stats;
  if (leased !== 0 || created !== idle + discarded + evicted + leaked) {
    console.error(`Leases do not add up, seed ${seed}, ${mode.name}:`, pool.stats);
    process.exitCode = 1;
    break;
  }
}
if (found !== undefined) {
  const seed = Number(values.seed) + played / together - 1;
  console.error(inspect(found, { depth: 9, breakLength: 140, maxArrayLength: 60 }));
  console.error(`A difference, in the batch of seed ${seed}`);
  process.exitCode = 1;
}
console.log(
  `${played} scripts on Node ${process.versions.node}, seed ${values.seed}, ${chosen.map(({ name }) => name).join(' | ')}`,
);

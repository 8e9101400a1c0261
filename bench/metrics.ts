/**
 * `npm run bench:metrics`: the cost of `zlease/prometheus`, and of a subscriber of the channel `zlease:lease`, for each message, in
 * ratios to a pool without either. `npm run bench:metrics -- --help` prints the usage.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { Registry } from 'prom-client';
import { ZlibPool } from 'zlease';
import { collectPool } from 'zlease/prometheus';
import { command, wholeNumber } from '../examples/command.ts';
import { type Contest, type Decompressor, ratio, run, show } from './contest.ts';
import { messagesOf } from './corpus.ts';
import { readWhole } from './rivals.ts';

const { rounds } = command('npm run bench:metrics --', 'Measures the CPU of a message whose pool is watched.')
  .option('--rounds <number>', 'rounds of each contest', wholeNumber(1), 21)
  .parse()
  .opts();

const pool = new ZlibPool();

/** Watchers of the pool. Each starts, and returns a function that stops it. */
const watchers: Record<string, () => () => void> = {
  nobody: () => () => {},
  'zlease/prometheus': () => collectPool(pool, { register: new Registry() }),
  'an empty subscriber': () => {
    const listener = (): void => {};
    subscribe('zlease:lease', listener);
    return () => unsubscribe('zlease:lease', listener);
  },
};

let watching = '';
let end = (): void => {};

/** Rivals take turns, a round each: the first message of a round changes the watcher. */
function watched(name: string, decompress: Decompressor): Decompressor {
  return (message) => {
    if (watching !== name) {
      end();
      end = (watchers[name] as () => () => void)();
      watching = name;
    }
    return decompress(message);
  };
}

const ways: Record<string, Decompressor> = {
  'a stream': (message) => readWhole(pool.createGunzip(), message),
  'decompress()': (message) => pool.decompress(message, 'gzip'),
  'decompressSync()': (message) => pool.decompressSync(message, 'gzip'),
};

const rows: Record<string, Record<string, string>> = {};
for (const length of [256, 1_024, 8_192]) {
  for (const [way, decompress] of Object.entries(ways)) {
    const contest: Contest = {
      name: `${way}, ${length} bytes`,
      messages: messagesOf(length, { kind: 'json', seed: 1 }),
      atATime: 16,
      rivals: new Map(Object.keys(watchers).map((name) => [name, watched(name, decompress)])),
    };
    const samples = await run(contest, rounds);
    const [first, ...rest] = Object.keys(watchers) as [string, ...string[]];
    rows[contest.name] = Object.fromEntries(rest.map((name) => [name, show(ratio(samples, name, first, 'cpu'))]));
  }
}
end();
console.log('CPU of a message, of that without a watcher: median and quartiles');
console.table(rows);

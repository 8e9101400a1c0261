/**
 * `npm run bench`: one stream per message, against node:zlib, in ratios. Rivals take turns in one process, each
 * round gives a ratio of its own, and the median of these is printed with its spread: absolute times of a noisy
 * machine mean nothing.
 */
import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { parseArgs } from 'node:util';
import { gzipSync } from 'node:zlib';
import { SingleBar } from 'cli-progress';
import { median, quantile } from 'simple-statistics';
import { json } from './payloads.ts';
import { type Gunzipper, rivals } from './rivals.ts';

const { values } = parseArgs({
  options: { rounds: { type: 'string', default: '21' }, seed: { type: 'string', default: '1' } },
});
const rounds = Number(values.rounds);

interface Workload {
  length: number;
  atATime: number;
  messages: number;
}
const workloads: Workload[] = [
  { length: 1024, atATime: 1, messages: 400 },
  { length: 1024, atATime: 64, messages: 1280 },
  { length: 65_536, atATime: 1, messages: 60 },
  { length: 65_536, atATime: 64, messages: 192 },
];

/** Keeps `atATime` messages under way until all are done. */
async function drive(gunzip: Gunzipper, data: Buffer[], atATime: number, messages: number): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < messages) await gunzip(data[next++ % data.length] as Buffer);
  };
  await Promise.all(Array.from({ length: atATime }, lane));
}

interface Sample {
  wall: number;
  cpu: number;
  delay: number;
}

async function measure(gunzip: Gunzipper, data: Buffer[], { atATime, messages }: Workload): Promise<Sample> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const cpu = process.cpuUsage();
  const start = performance.now();
  await drive(gunzip, data, atATime, messages);
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  delay.disable();
  return { wall: (wall * 1000) / messages, cpu: (user + system) / messages, delay: delay.percentile(99) / 1e6 };
}

const spread = (values: number[]): string =>
  `${median(values).toFixed(2)} (${quantile(values, 0.25).toFixed(2)}-${quantile(values, 0.75).toFixed(2)})`;

const bar = new SingleBar({ format: '{bar} {value}/{total} rounds', clearOnComplete: true, noTTYOutput: false });
if (process.stderr.isTTY) bar.start(workloads.length * rounds, 0);
const rows: Record<string, Record<string, string>> = {};
for (const workload of workloads) {
  const plain = Array.from({ length: 16 }, (_, i) => json(workload.length, Number(values.seed) + i));
  const data = plain.map((text) => gzipSync(text));
  const field = rivals(workload.length);
  for (const [name, gunzip] of field) {
    for (const [i, message] of data.entries()) {
      assert.deepEqual(await gunzip(message), plain[i], `${name} is wrong`);
    }
    await measure(gunzip, data, workload);
  }
  const samples = new Map([...field.keys()].map((name) => [name, [] as Sample[]]));
  for (let round = 0; round < rounds; round++) {
    for (const [name, gunzip] of field) samples.get(name)?.push(await measure(gunzip, data, workload));
    bar.increment();
  }
  const of = (name: string, key: keyof Sample): number[] =>
    (samples.get(name) as Sample[]).map((sample) => sample[key]);
  const ratios = (a: string, b: string, key: keyof Sample): string => {
    const below = of(b, key);
    return spread(of(a, key).map((value, i) => value / (below[i] as number)));
  };
  rows[`${workload.length} B, ${workload.atATime} at a time`] = {
    'times as fast as stock': ratios('stock', 'zlease', 'wall'),
    'CPU, of stock': ratios('zlease', 'stock', 'cpu'),
    'time, of rawSync': ratios('zlease', 'rawSync', 'wall'),
    'delay p99 ms, stock / zlease': `${median(of('stock', 'delay')).toFixed(1)} / ${median(of('zlease', 'delay')).toFixed(1)}`,
    'µs a message (this machine)': median(of('zlease', 'wall')).toFixed(1),
  };
}
bar.stop();
console.log(`Node ${process.version}, ${rounds} rounds, median (quartiles), stock = zlib.createGunzip() per message`);
console.table(rows);

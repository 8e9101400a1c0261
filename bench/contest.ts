/**
 * Rivals take turns in one process, a round each, and each round gives ratios of its own, of which the median counts: absolute times of a
 * noisy machine mean nothing. The output of each rival is compared before it is timed.
 */
import assert from 'node:assert/strict';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { median, quantile } from 'simple-statistics';

/** Gives the bytes of one message. */
export type Decompressor = (message: Buffer) => Promise<Buffer> | Buffer;

export interface Message {
  plain: Buffer;
  data: Buffer;
}

export interface Contest {
  name: string;
  /** Taken in turn. */
  messages: readonly Message[];
  /** So many are under way at any time. */
  atATime: number;
  /** Or they come at a rate, the same for all: this part of what the first rival can do with `atATime`. */
  load?: number;
  /** The first is the one that the others are compared with. */
  rivals: ReadonlyMap<string, Decompressor>;
}

/** One rival in one round, per message, except for the delay. */
export interface Sample {
  /** Microseconds. */
  wall: number;
  /** CPU of the process, in microseconds. */
  cpu: number;
  /** CPU of the main thread, in microseconds. NaN on Node 20 and 22, which do not measure it. */
  main: number;
  /** 99th percentile of the event loop's delay, in milliseconds. */
  delay: number;
}

export type Samples = Record<string, Sample[]>;

/** The median, with its quartiles. */
export interface Figure {
  median: number;
  low: number;
  high: number;
}

/** So long each rival works in a round, about, whatever its speed: the event loop's delay is looked at for as long, and garbage is collected as often. */
const ROUND_MS = 80;

/** So long each works before anything counts: V8 has compiled what it will, and collected garbage a few times. */
const WARM_MS = 400;

/** Long contests have fewer rounds. */
const ENOUGH_MS = 20_000;
const FEWEST_ROUNDS = 5;

/** Keeps `atATime` messages under way until `count` are done. */
async function drive(decompress: Decompressor, { messages, atATime }: Contest, count: number): Promise<void> {
  let next = 0;
  const lane = async (): Promise<void> => {
    while (next < count) await decompress((messages[next++ % messages.length] as Message).data);
  };
  await Promise.all(Array.from({ length: atATime }, lane));
}

/** Has `count` messages come at a rate, a millisecond's at once, whether or not those before them are done. */
async function drivePaced(
  decompress: Decompressor,
  { messages }: Contest,
  count: number,
  perMs: number,
): Promise<void> {
  const start = performance.now();
  const done: Array<Promise<Buffer> | Buffer> = [];
  while (done.length < count) {
    await pause(1);
    const due = Math.min(count, Math.floor((performance.now() - start) * perMs));
    while (done.length < due) done.push(decompress((messages[done.length % messages.length] as Message).data));
  }
  await Promise.all(done);
}

async function measure(decompress: Decompressor, contest: Contest, count: number, perMs?: number): Promise<Sample> {
  const delay = monitorEventLoopDelay({ resolution: 1 });
  delay.enable();
  const mainBefore = mainCpu();
  const cpu = process.cpuUsage();
  const start = performance.now();
  await (perMs === undefined ? drive(decompress, contest, count) : drivePaced(decompress, contest, count, perMs));
  const wall = performance.now() - start;
  const { user, system } = process.cpuUsage(cpu);
  const main = (mainCpu() - mainBefore) / count;
  delay.disable();
  return { wall: (wall * 1_000) / count, cpu: (user + system) / count, main, delay: delay.percentile(99) / 1e6 };
}

/** Returns the CPU that the calling thread has used, in microseconds. */
function mainCpu(): number {
  const { threadCpuUsage } = process as { threadCpuUsage?: () => NodeJS.CpuUsage };
  if (threadCpuUsage === undefined) return Number.NaN;
  const { user, system } = threadCpuUsage.call(process);
  return user + system;
}

/** How many messages take so long. */
function countFor(wallUs: number, { atATime }: Contest, ms = ROUND_MS): number {
  return Math.max(atATime, Math.round((ms * 1_000) / wallUs));
}

export async function run(contest: Contest, rounds: number): Promise<Samples> {
  const rivals = [...contest.rivals];
  for (const [name, decompress] of rivals) {
    for (const { plain, data } of contest.messages) {
      const output = await decompress(data);
      assert.ok(plain.equals(output), `${name} is wrong in: ${contest.name}`);
    }
  }
  const counts = new Map<string, number>();
  let perMs: number | undefined;
  for (const [name, decompress] of rivals) {
    await measure(decompress, contest, contest.atATime);
    const { wall } = await measure(decompress, contest, 2 * contest.atATime);
    await measure(decompress, contest, countFor(wall, contest, WARM_MS));
    // It is faster than it was.
    const warm = await measure(decompress, contest, countFor(wall, contest));
    if (contest.load !== undefined) perMs ??= (contest.load * 1_000) / warm.wall;
    counts.set(name, countFor(perMs === undefined ? warm.wall : 1_000 / perMs, contest));
  }
  const samples: Samples = Object.fromEntries(rivals.map(([name]) => [name, []]));
  const start = performance.now();
  for (let round = 0; round < rounds; round++) {
    if (round >= FEWEST_ROUNDS && performance.now() - start > ENOUGH_MS) break;
    // No rival always follows the same one, whose garbage it would collect.
    for (let i = 0; i < rivals.length; i++) {
      const [name, decompress] = rivals[(round + i) % rivals.length] as [string, Decompressor];
      samples[name]?.push(await measure(decompress, contest, counts.get(name) as number, perMs));
    }
  }
  return samples;
}

/** How often `b` goes into `a`, round by round. */
export function ratio(samples: Samples, a: string, b: string, key: keyof Sample): Figure {
  const below = samples[b] as Sample[];
  return figure((samples[a] as Sample[]).map((sample, i) => sample[key] / (below[i] as Sample)[key]));
}

export function figure(values: number[]): Figure {
  return { median: median(values), low: quantile(values, 0.25), high: quantile(values, 0.75) };
}

export function show({ median, low, high }: Figure): string {
  return `${median.toFixed(2)} (${low.toFixed(2)}-${high.toFixed(2)})`;
}

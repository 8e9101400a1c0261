/**
 * `npm run bench:services`: services of well-known packages, unchanged, with stock node:zlib, under
 * zlease/register, and without compression. Each variant has a server and a client process of its
 * own, and new ones in each round, since processes of one variant differ by more than rounds of one
 * process. The variants take turns, and a round gives a ratio. The median of the ratios is printed
 * with its quartiles. `npm run bench:services -- --help` prints the usage.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { writeFile } from 'node:fs/promises';
import { monitorEventLoopDelay } from 'node:perf_hooks';
import { setTimeout as pause } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Option } from '@commander-js/extra-typings';
import { SingleBar } from 'cli-progress';
import { median } from 'simple-statistics';
import { command, text, wholeNumber } from '../examples/command.ts';
import { type Figure, figure, show } from './contest.ts';
import { type Lane, payload, services } from './services.ts';

export const variants = ['stock', 'register', 'none'] as const;
export type Variant = (typeof variants)[number];

/** Work of one round. */
interface Work {
  service: string;
  port: number;
  compressed: boolean;
  length: number;
  lanes: number;
  count: number;
  /** Messages per millisecond. Undefined: as many as the lanes carry. */
  rate?: number;
}

/** One variant in one round: per message, except for memory and delay. */
interface Sample {
  /** Milliseconds. */
  wall: number;
  /** CPU of both processes, in microseconds. */
  cpu: number;
  /** Peak of resident memory of both processes since their start, in bytes. */
  memory: number;
  /** The longer of the 99th percentiles of both event loops' delays at the same load, in milliseconds. */
  delay: number;
}

/** A service under zlease/register, compared with stock. */
export interface ServiceRow {
  name: string;
  /** Times as fast as stock. */
  speed: Figure;
  /** CPU, memory and delay, of stock's. */
  cpu: Figure;
  memory: Figure;
  delay: Figure;
  /** Speed and CPU of the service without compression, of stock's. */
  none: { speed: Figure; cpu: Figure };
  /** Messages per second on this machine. */
  perSecond: Record<Variant, number>;
  /** CPU of each message on this machine, in microseconds. */
  cpuUs: Record<Variant, number>;
}

/** Length of a round, in milliseconds, about. */
const ROUND_MS = 300;
/**
 * Fewest messages of a round, as a multiple of those in flight. The first and the last of a round
 * find fewer in flight.
 */
const LEAST_TURNS = 4;
/** Share of stock's speed that all variants get for the delay. */
const SHARED_LOAD = 0.5;

const open = new Map<string, Lane[]>();
const delay = monitorEventLoopDelay({ resolution: 1 });

async function lanesOf({ service, port, compressed, lanes }: Work): Promise<Lane[]> {
  const known = open.get(service) ?? [];
  open.set(service, known);
  while (known.length < lanes)
    known.push(await (services[service] as (typeof services)[string]).open(port, compressed));
  return known.slice(0, lanes);
}

async function exchange(lane: Lane, i: number, length: number): Promise<void> {
  const reply = await lane(i, length);
  if (!payload(i, length).equals(reply)) throw new Error('A reply has other bytes than its message');
}

/** Keeps all lanes busy until `count` messages are answered, or sends them at a rate. */
async function drive(work: Work): Promise<number> {
  const lanes = await lanesOf(work);
  const { length, count, rate } = work;
  const { depth } = services[work.service] as (typeof services)[string];
  const start = performance.now();
  let sent = 0;
  if (rate === undefined) {
    const chain = async (lane: Lane): Promise<void> => {
      while (sent < count) await exchange(lane, sent++, length);
    };
    await Promise.all(lanes.flatMap((lane) => Array.from({ length: depth }, () => chain(lane))));
  } else {
    const done: Array<Promise<void>> = [];
    while (sent < count) {
      await pause(1);
      const due = Math.min(count, Math.floor((performance.now() - start) * rate));
      for (; sent < due; sent++) done.push(exchange(lanes[sent % lanes.length] as Lane, sent, length));
    }
    await Promise.all(done);
  }
  return performance.now() - start;
}

/** The work of a process, by the question. */
const parts: Record<string, (work: Work) => unknown> = {
  serve: ({ service, compressed }) => services[service]?.serve(compressed),
  drive,
  usage() {
    const { user, system } = process.cpuUsage();
    return { cpu: user + system, memory: process.resourceUsage().maxRSS * 1024 };
  },
  watch() {
    delay.reset();
    delay.enable();
  },
  delay() {
    delay.disable();
    return delay.percentile(99) / 1e6;
  },
};

/** A process of its own, which ends with this one. It answers one question at a time. */
class Peer {
  readonly #process: ChildProcess;
  #settle: (answer: { answer?: unknown; error?: string }) => void = () => undefined;

  constructor(variant: Variant) {
    const register = new URL('../dist/register.js', import.meta.url).href;
    const preload = variant === 'register' ? [`--import=${register}`] : [];
    this.#process = fork(fileURLToPath(import.meta.url), ['--peer'], { execArgv: [...preload, '--import=tsx/esm'] });
    this.#process.on('message', (answer: object) => this.#settle(answer));
    this.#process.on('exit', () => this.#settle({ error: 'A process of the benchmark has ended' }));
  }

  ask<T>(part: string, work: Partial<Work> = {}): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#settle = ({ answer, error }) => (error === undefined ? resolve(answer as T) : reject(new Error(error)));
      this.#process.send({ part, work });
    });
  }

  end(): void {
    this.#process.kill();
  }
}

class Pair {
  readonly variant: Variant;
  readonly server: Peer;
  readonly client: Peer;
  port = 0;

  constructor(variant: Variant) {
    this.variant = variant;
    this.server = new Peer(variant);
    this.client = new Peer(variant);
  }

  get all(): readonly Peer[] {
    return [this.server, this.client];
  }

  async usage(): Promise<{ cpu: number; memory: number }> {
    const both = await Promise.all(this.all.map((peer) => peer.ask<{ cpu: number; memory: number }>('usage')));
    return {
      cpu: both.reduce((sum, { cpu }) => sum + cpu, 0),
      memory: both.reduce((sum, { memory }) => sum + memory, 0),
    };
  }

  drive(work: Omit<Work, 'port' | 'compressed'>): Promise<number> {
    return this.client.ask('drive', { ...work, port: this.port, compressed: this.variant !== 'none' });
  }

  /** @param rate - messages per millisecond for the delay */
  async sample(work: Omit<Work, 'port' | 'compressed'>, rate: number): Promise<Sample> {
    const before = await this.usage();
    const wall = await this.drive(work);
    const after = await this.usage();
    await Promise.all(this.all.map((peer) => peer.ask('watch')));
    await this.drive({ ...work, count: Math.max(1, Math.round(rate * ROUND_MS)), rate });
    const delays = await Promise.all(this.all.map((peer) => peer.ask<number>('delay')));
    return {
      wall: wall / work.count,
      cpu: (after.cpu - before.cpu) / work.count,
      memory: after.memory,
      delay: Math.max(...delays),
    };
  }
}

/** Returns the messages per millisecond of a warm pair. */
async function speedOf(pair: Pair, work: Omit<Work, 'port' | 'compressed' | 'count'>, least: number): Promise<number> {
  let speed = least / ROUND_MS;
  for (let i = 0; i < 6; i++) {
    const count = Math.max(least, Math.round(speed * ROUND_MS));
    speed = count / (await pair.drive({ ...work, count }));
  }
  return speed;
}

export async function serviceRows(rounds: number, only?: string): Promise<ServiceRow[]> {
  const rows: ServiceRow[] = [];
  const works = Object.entries(services).flatMap(([service, { title, lengths, lanes, depth }]) =>
    service === (only ?? service)
      ? lengths.flatMap((length) => lanes.map((each) => ({ service, title, length, lanes: each, depth })))
      : [],
  );
  const bar = new SingleBar({ format: '{bar} {value}/{total} {name}', clearOnComplete: true });
  if (process.stderr.isTTY) bar.start(works.length, 0, { name: '' });
  for (const { title, depth, ...work } of works) {
    const name = `${title}, ${work.length / 1024} KB × ${work.lanes}`;
    bar.update({ name });
    const samples = new Map(variants.map((variant) => [variant, [] as Sample[]]));
    let pairs: Pair[] = [];
    try {
      const counts = new Map<Variant, number>();
      let rate = 0;
      for (let round = 0; round < rounds; round++) {
        for (const pair of pairs) for (const peer of pair.all) peer.end();
        pairs = variants.map((variant) => new Pair(variant));
        for (const pair of pairs) {
          const compressed = pair.variant !== 'none';
          pair.port = await pair.server.ask('serve', { service: work.service, compressed });
          const inFlight = work.lanes * depth;
          const speed = await speedOf(pair, work, inFlight);
          counts.set(pair.variant, Math.max(LEAST_TURNS * inFlight, Math.round(speed * ROUND_MS)));
          if (pair.variant === 'stock') rate ||= SHARED_LOAD * speed;
        }
        for (let i = 0; i < pairs.length; i++) {
          const pair = pairs[(round + i) % pairs.length] as Pair;
          const count = counts.get(pair.variant) as number;
          samples.get(pair.variant)?.push(await pair.sample({ ...work, count }, rate));
        }
      }
    } finally {
      for (const pair of pairs) for (const peer of pair.all) peer.end();
    }
    const of = (variant: Variant, key: keyof Sample): number[] =>
      (samples.get(variant) as Sample[]).map((sample) => sample[key]);
    const ratio = (a: Variant, b: Variant, key: keyof Sample): Figure => {
      const below = of(b, key);
      return figure(of(a, key).map((value, i) => value / (below[i] as number)));
    };
    const each = (value: (variant: Variant) => number) =>
      Object.fromEntries(variants.map((variant) => [variant, value(variant)])) as Record<Variant, number>;
    rows.push({
      name,
      speed: ratio('stock', 'register', 'wall'),
      cpu: ratio('register', 'stock', 'cpu'),
      memory: ratio('register', 'stock', 'memory'),
      delay: ratio('register', 'stock', 'delay'),
      none: { speed: ratio('stock', 'none', 'wall'), cpu: ratio('none', 'stock', 'cpu') },
      perSecond: each((variant) => 1_000 / median(of(variant, 'wall'))),
      cpuUs: each((variant) => median(of(variant, 'cpu'))),
    });
    bar.increment();
  }
  bar.stop();
  return rows;
}

export function printServices(rows: ServiceRow[]): void {
  const all = (values: Record<Variant, number>): string => variants.map((name) => values[name].toFixed(0)).join(' / ');
  const table = rows.map(({ name, speed, cpu, memory, delay: late, none, perSecond, cpuUs }) => [
    name,
    {
      'register: times as fast': show(speed),
      'CPU, of stock': show(cpu),
      memory: show(memory),
      'delay p99': show(late),
      'none: times as fast': show(none.speed),
      'messages/s': all(perSecond),
      'CPU µs': all(cpuUs),
    },
  ]);
  console.log(`Node ${process.version}, median (quartiles), of stock; last: stock / register / no compression`);
  console.table(Object.fromEntries(table));
}

/** Runs as a process of its own, or as a peer of one. */
function start(): void {
  const { rounds, only, json, peer } = command(
    'npm run bench:services --',
    'Compares services under zlease/register with stock.',
  )
    .option('--rounds <number>', 'rounds of each workload', wholeNumber(1), 6)
    .addOption(new Option('--only <service>', 'the only service (default: all)').choices(Object.keys(services)))
    .option('--json <file>', 'write all figures there', text)
    .addOption(new Option('--peer', 'be one of its processes').hideHelp())
    .parse()
    .opts();
  if (!peer) {
    serviceRows(rounds, only).then(
      async (rows) => {
        printServices(rows);
        if (json !== undefined) await writeFile(json, JSON.stringify(rows, undefined, 1));
      },
      (error: Error) => {
        console.error(`bench:services: ${error.message}`);
        process.exit(1);
      },
    );
    return;
  }
  process.on('message', async ({ part, work }: { part: string; work: Work }) => {
    try {
      process.send?.({ answer: await parts[part]?.(work) });
    } catch (error) {
      process.send?.({ error: String((error as Error).stack ?? error) });
    }
  });
  process.on('disconnect', () => process.exit());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) start();

/**
 * `npm run bench:grpc`: grpc-js, unchanged, with 50 calls in flight and with one, in ratios to stock: under zlease/register, and without
 * compression. Every variant has processes of its own, which take turns; a round gives a ratio, and of these the median is
 * printed with its quartiles. A sender of node:http2 alone, with messages that were compressed before, shows the receiver alone.
 * `npm run bench:grpc -- --help` prints the usage.
 */
import assert from 'node:assert/strict';
import { type ChildProcess, fork } from 'node:child_process';
import { createHash } from 'node:crypto';
import { once } from 'node:events';
import { type ClientHttp2Session, connect, createServer } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import { Option } from '@commander-js/extra-typings';
import {
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerReadableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { median } from 'simple-statistics';
import { command, wholeNumber } from '../examples/command.ts';
import { frame, unframe } from '../spec/grpc-js/messages.ts';
import { type Bytes, BytesClient, callWith, pathOf, service } from '../spec/grpc-js/service.ts';
import { type Figure, figure, show } from './contest.ts';
import { json } from './payloads.ts';

/** After the one that is checked. */
const WARM_ROUNDS = 1;

/** Then new ones go on: processes of one variant differ by more than the rounds of one process do. */
const ROUNDS_OF_A_PROCESS = 3;

/** Of node:http2, in MB: without compression there is more under way than it takes by default. */
const maxSessionMemory = 1_000;

interface Workload {
  length: number;
  /** In flight. */
  calls: number;
  /** Of each call. */
  messages: number;
}

/** What is asked of a process, and answered once for all calls. */
interface Round extends Workload {
  port: number;
  compressed: boolean;
  /** To compare digests, too, and not only lengths. */
  check: boolean;
}

interface Sample {
  wall: number;
  receiver: number;
  sender: number;
}

const payloads = new Map<number, { plain: Buffer[]; zipped: Buffer[]; framed: Buffer[] }>();

function payloadOf(length: number) {
  let payload = payloads.get(length);
  if (payload === undefined) {
    const plain = Array.from({ length: 16 }, (_, i) => json(length, i));
    const zipped = plain.map((message) => frame(gzipSync(message)));
    payload = { plain, zipped, framed: plain.map((message) => frame(message, 0)) };
    payloads.set(length, payload);
  }
  return payload;
}

/** One of 16 for each message of a call. */
const pick = (of: Buffer[], call: number, i: number): Buffer => of[(call + i) % of.length] as Buffer;

/** What a receiver has to say of a call's messages. */
function tell(messages: Buffer[], check: boolean): string {
  const length = messages.reduce((sum, message) => sum + message.length, 0);
  if (!check) return `${messages.length} ${length}`;
  const hash = createHash('sha1');
  for (const message of messages) hash.update(message);
  return `${messages.length} ${length} ${hash.digest('hex')}`;
}

function expected({ length, messages, check }: Round, call: number): string {
  const { plain } = payloadOf(length);
  return tell(
    Array.from({ length: messages }, (_, i) => pick(plain, call, i)),
    check,
  );
}

/** All calls of a round at a time. @returns milliseconds */
async function timed(round: Round, one: (call: number) => Promise<string>): Promise<number> {
  const start = performance.now();
  const told = await Promise.all(Array.from({ length: round.calls }, (_, call) => one(call)));
  const wall = performance.now() - start;
  for (const [call, each] of told.entries()) assert.equal(each, expected(round, call));
  return wall;
}

/** A process drives one server all its life, over one connection. */
let client: Bytes | undefined;
let session: ClientHttp2Session | undefined;

function connectClient(port: number, compressed: boolean): Bytes {
  return new BytesClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.default_compression_algorithm': compressed ? 2 : 0,
  }) as unknown as Bytes;
}

/** What a process does, by what it is asked. */
const parts: Record<string, (round: Round) => Promise<unknown> | unknown> = {
  cpu: () => {
    const { user, system } = process.cpuUsage();
    return user + system;
  },

  async grpcServer() {
    const server = new Server();
    server.addService(service, {
      clientStream(call: ServerReadableStream<Buffer, Buffer>, reply: sendUnaryData<Buffer>) {
        const messages: Buffer[] = [];
        call.on('data', (message: Buffer) => messages.push(message));
        call.on('end', () => reply(null, Buffer.from(tell(messages, call.metadata.get('check').length > 0))));
      },
    });
    return new Promise((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
        error === null ? resolve(port) : reject(error),
      );
    });
  },

  /** Client-streaming calls of grpc-js, which compresses each message when it is sent. */
  async grpcSender(round) {
    client ??= connectClient(round.port, round.compressed);
    const sender = client;
    const { plain } = payloadOf(round.length);
    const metadata = new Metadata();
    if (round.check) metadata.set('check', 'yes');
    return timed(round, async (call) => {
      const messages = Array.from({ length: round.messages }, (_, i) => pick(plain, call, i));
      const { details, replies } = await callWith(sender, 'clientStream', messages, metadata);
      return `${replies[0] ?? details}`;
    });
  },

  /** The same calls, sent without grpc-js. */
  async rawSender(round) {
    session ??= connect(`http://127.0.0.1:${round.port}`, { maxSessionMemory });
    const sender = session;
    const { zipped, framed } = payloadOf(round.length);
    return timed(round, async (call) => {
      const stream = sender.request({
        ':method': 'POST',
        ':path': pathOf('clientStream'),
        te: 'trailers',
        'content-type': 'application/grpc',
        ...(round.compressed ? { 'grpc-encoding': 'gzip' } : {}),
        ...(round.check ? { check: 'yes' } : {}),
      });
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      for (let i = 0; i < round.messages; i++) stream.write(pick(round.compressed ? zipped : framed, call, i));
      stream.end();
      await once(stream, 'end');
      return `${unframe(Buffer.concat(chunks))[0]}`;
    });
  },

  /** Sends what the metadata of a call names. */
  async rawServer() {
    const server = createServer({ maxSessionMemory });
    server.on('stream', (stream, { compressed, length, messages, call }) => {
      stream.resume();
      const { zipped, framed } = payloadOf(Number(length));
      const of = compressed === 'yes' ? zipped : framed;
      const encoding = compressed === 'yes' ? { 'grpc-encoding': 'gzip' } : {};
      stream.respond({ ':status': 200, 'content-type': 'application/grpc', ...encoding }, { waitForTrailers: true });
      stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
      for (let i = 0; i < Number(messages); i++) stream.write(pick(of, Number(call), i));
      stream.end();
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    return (server.address() as AddressInfo).port;
  },

  async grpcReceiver(round) {
    client ??= connectClient(round.port, false);
    const receiver = client;
    return timed(round, async (call) => {
      const metadata = new Metadata();
      metadata.set('compressed', round.compressed ? 'yes' : 'no');
      for (const [name, value] of Object.entries({ length: round.length, messages: round.messages, call })) {
        metadata.set(name, `${value}`);
      }
      const { code, details, replies } = await callWith(receiver, 'serverStream', [Buffer.alloc(0)], metadata);
      return code === 0 ? tell(replies, round.check) : details;
    });
  },
};

/** A process of its own, which ends with this one. */
class Peer {
  readonly #process: ChildProcess;
  #settle: (answer: { answer?: unknown; error?: string }) => void = () => undefined;

  constructor(preload: string[]) {
    const execArgv = [...preload.map((url) => `--import=${url}`), '--import=tsx/esm'];
    this.#process = fork(fileURLToPath(import.meta.url), ['--peer'], { execArgv });
    this.#process.on('message', (answer: object) => this.#settle(answer));
    this.#process.on('exit', () => this.#settle({ error: 'A process of the benchmark has ended' }));
  }

  /** One at a time. */
  ask(part: string, round: Partial<Round> = {}): Promise<number> {
    return new Promise((resolve, reject) => {
      this.#settle = ({ answer, error }) =>
        error === undefined ? resolve(answer as number) : reject(new Error(error));
      this.#process.send({ part, round });
    });
  }

  end(): void {
    this.#process.kill();
  }
}

/** Of messages for each call there are fewer where grpc-js has to compress them. */
const directions = [
  { title: 'server, of a grpc-js client', serve: 'grpcServer', drive: 'grpcSender', receiver: 'server', share: 0.25 },
  { title: 'server, of a raw sender', serve: 'grpcServer', drive: 'rawSender', receiver: 'server', share: 1 },
  { title: 'client, of a raw sender', serve: 'rawServer', drive: 'grpcReceiver', receiver: 'client', share: 1 },
] as const;

const workloads: Workload[] = [
  { length: 1024, calls: 50, messages: 80 },
  { length: 1024, calls: 1, messages: 4_000 },
  { length: 16 * 1024, calls: 50, messages: 20 },
  { length: 256 * 1024, calls: 50, messages: 4 },
];

const variants = ['stock', 'register', 'none'] as const;
type Variant = (typeof variants)[number];

interface Pair {
  server: Peer;
  client: Peer;
  port: number;
}

/** Microseconds of CPU and milliseconds, of each message. */
async function sample(
  { server, client, port }: Pair,
  { drive, receiver }: { drive: string; receiver: string },
  variant: Variant,
  workload: Workload,
  check: boolean,
): Promise<Sample> {
  const cpu = () => Promise.all([server.ask('cpu'), client.ask('cpu')]);
  const before = await cpu();
  const wall = await client.ask(drive, { ...workload, port, compressed: variant !== 'none', check });
  const [served, driven] = (await cpu()).map((value, i) => value - (before[i] as number)) as [number, number];
  const count = workload.calls * workload.messages;
  const [receiving, sending] = receiver === 'server' ? [served, driven] : [driven, served];
  return { wall: wall / count, receiver: receiving / count, sender: sending / count };
}

/** grpc-js that receives, under zlease/register, against stock. */
export interface GrpcRow {
  name: string;
  /** Times as fast. */
  speed: Figure;
  /** CPU of the receiver, of stock's. */
  cpu: Figure;
  /** CPU of its sender, of stock's. */
  senderCpu: Figure;
  /** Without compression: times as fast as stock with it, and the receiver's CPU. */
  uncompressed: { speed: Figure; cpu: Figure };
  /** On this machine: messages per second, microseconds of CPU. */
  here: { perSecond: [stock: number, register: number]; cpuUs: [stock: number, register: number] };
}

export async function grpcRows(rounds: number): Promise<GrpcRow[]> {
  const register = new URL('../dist/register.js', import.meta.url).href;
  const rows: GrpcRow[] = [];
  const running: Peer[] = [];
  const pairs = new Map<Variant, Pair>();
  const start = (preload: string[]) => {
    const peer = new Peer(preload);
    running.push(peer);
    return peer;
  };
  try {
    for (const { title, serve, drive, receiver, share } of directions) {
      const all = workloads.map(({ length, calls, messages }) => ({
        workload: { length, calls, messages: messages * share },
        samples: new Map(variants.map((variant) => [variant, [] as Sample[]])),
      }));
      for (let round = 0; round < rounds; round++) {
        if (round % ROUNDS_OF_A_PROCESS === 0) {
          for (const peer of running.splice(0)) peer.end();
          for (const variant of variants) {
            const preload = variant === 'register' ? [register] : [];
            const server = start(preload);
            pairs.set(variant, { server, client: start(preload), port: await server.ask(serve) });
          }
        }
        for (const { workload, samples } of all) {
          for (let i = 0; i < variants.length; i++) {
            const variant = variants[(round + i) % variants.length] as Variant;
            const measure = (check: boolean) =>
              sample(pairs.get(variant) as Pair, { drive, receiver }, variant, workload, check);
            if (round % ROUNDS_OF_A_PROCESS === 0) {
              await measure(true);
              for (let warm = 0; warm < WARM_ROUNDS; warm++) await measure(false);
            }
            samples.get(variant)?.push(await measure(false));
          }
        }
      }

      for (const { workload, samples } of all) {
        const of = (variant: Variant, key: keyof Sample) =>
          (samples.get(variant) as Sample[]).map((sample) => sample[key]);
        const ratios = (a: number[], b: number[]) => figure(a.map((value, i) => value / (b[i] as number)));
        const both = (key: keyof Sample): [number, number] => [median(of('stock', key)), median(of('register', key))];
        rows.push({
          name: `${title}, ${workload.length / 1024} KB${workload.calls === 1 ? ', one call' : ''}`,
          speed: ratios(of('stock', 'wall'), of('register', 'wall')),
          cpu: ratios(of('register', 'receiver'), of('stock', 'receiver')),
          senderCpu: ratios(of('register', 'sender'), of('stock', 'sender')),
          uncompressed: {
            speed: ratios(of('stock', 'wall'), of('none', 'wall')),
            cpu: ratios(of('none', 'receiver'), of('stock', 'receiver')),
          },
          here: {
            perSecond: both('wall').map((wall) => 1_000 / wall) as [number, number],
            cpuUs: both('receiver'),
          },
        });
      }
    }
  } finally {
    for (const peer of running) peer.end();
  }
  return rows;
}

const both = (values: number[]): string => values.map((value) => value.toFixed(0)).join(' / ');

export function printGrpc(rows: GrpcRow[]): void {
  const table = rows.map(({ name, speed, cpu, senderCpu, uncompressed, here }) => [
    name,
    {
      'register: times as fast': show(speed),
      'its CPU, of stock': show(cpu),
      "its sender's CPU": show(senderCpu),
      'no compression: times as fast': show(uncompressed.speed),
      'CPU, of stock': show(uncompressed.cpu),
      'messages/s, stock / register': both(here.perSecond),
      'CPU µs, stock / register': both(here.cpuUs),
    },
  ]);
  console.log(`Node ${process.version}, 50 calls in flight or one, median (quartiles), against stock`);
  console.table(Object.fromEntries(table));
}

/** As a process of its own, or a peer of one. */
function start(): void {
  const { rounds, peer } = command('npm run bench:grpc --', 'Compares grpc-js under zlease/register with stock.')
    .option('--rounds <number>', 'rounds of each workload', wholeNumber(1), 6)
    .addOption(new Option('--peer', 'be one of its processes').hideHelp())
    .parse()
    .opts();
  if (!peer) {
    void grpcRows(rounds).then(printGrpc);
    return;
  }
  process.on('message', ({ part, round }: { part: string; round: Round }) => {
    Promise.resolve(parts[part]?.(round)).then(
      (answer) => process.send?.({ answer }),
      (error) => process.send?.({ error: String(error?.stack ?? error) }),
    );
  });
  // With the benchmark that started it, however that ends.
  process.on('disconnect', () => process.exit());
}

if (process.argv[1] === fileURLToPath(import.meta.url)) start();

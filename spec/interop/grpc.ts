/**
 * The grpc-js side, unchanged but for what was preloaded: `grpc.ts serve|call '<plan as JSON>'`. An echo service of
 * bytes, without proto. A server prints { port } and serves until its stdin ends; both print a `Report` when all is
 * closed. The peers take the same arguments and print the same.
 */
import '../ecosystem/counted.ts';
import { createHash } from 'node:crypto';
import { Readable, type Writable } from 'node:stream';
import {
  type CallOptions,
  Client,
  type ClientDuplexStream,
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type ServiceDefinition,
  type ServiceError,
  type sendUnaryData,
  status,
} from '@grpc/grpc-js';
import type { PoolStats } from '../../lib/index.ts';
import { compressed } from '../ecosystem/counted.ts';
import { until } from '../support/until.ts';

export type Kind = 'unary' | 'clientStreaming' | 'serverStreaming' | 'bidi';

export interface Plan {
  /** Of clients' requests, and of the peers' replies: servers of grpc-js don't compress. */
  encoding: 'gzip' | 'deflate';
  kind: Kind;
  /** All at a time, each a stream, or calls one after another: the lengths of its messages. */
  lanes: number[][];
  /** The longest message that grpc-js takes. */
  limit: number;
  /** So many streams are cancelled in flight first; one more ends by its deadline, and one message is over the limit. */
  cancel?: number;
  /** Of the server that a client calls. */
  port?: number;
}

/** How many messages there were of each length. */
export type Tally = Record<string, number>;

export interface Report {
  sent: Tally;
  received: Tally;
  /** Of a client: what was not as sent. */
  problems?: string[];
  /** Of a client that cancels: how many calls ended with which status. */
  outcomes?: Tally;
  /** Of grpc-js: messages that it has compressed, by function. It stops where the peer does not accept the encoding. */
  compressed?: Record<string, number>;
  /** Of grpc-js. */
  stats?: PoolStats;
}

const report: Report = { sent: {}, received: {} };

function tally(of: Tally, key: string | number): void {
  of[key] = (of[key] ?? 0) + 1;
}

/** They pass bytes on, and count them. */
function serialize(message: Buffer): Buffer {
  tally(report.sent, message.length);
  return message;
}
function deserialize(message: Buffer): Buffer {
  tally(report.received, message.length);
  return message;
}

function pathOf(kind: Kind): string {
  return `/interop.Echo/${kind}`;
}

/** Of all messages and where each ends. Padded, so that compressing it pays. */
function digest(messages: Buffer[]): Buffer {
  const hash = createHash('sha256');
  for (const message of messages) hash.update(createHash('sha256').update(message).digest());
  return Buffer.from(hash.digest('hex').padEnd(1_000));
}

/** No two are alike. One shrinks to the half, the next to almost nothing. */
function message(lane: number, index: number, length: number): Buffer {
  const period = index % 2 === 0 ? length : Math.min(length, 64);
  const random = createHash('shake256', { outputLength: Math.ceil(period / 2) || 1 });
  const text = random.update(`${lane}/${index}`).digest('hex').slice(0, period);
  return Buffer.alloc(length, text);
}

/** Sends messages, as fast as the call takes them, and ends it. Its types say that it is no stream of Node's. */
function feed(call: object, messages: Iterable<Buffer> | Readable): Readable {
  const source = messages instanceof Readable ? messages : Readable.from(messages);
  source.pipe(call as Writable);
  return source;
}

async function serve({ limit }: Plan): Promise<void> {
  const method = (kind: Kind, requestStream: boolean, responseStream: boolean) => ({
    path: pathOf(kind),
    requestStream,
    responseStream,
    requestSerialize: serialize,
    requestDeserialize: deserialize,
    responseSerialize: serialize,
    responseDeserialize: deserialize,
  });
  const service: ServiceDefinition = {
    unary: method('unary', false, false),
    clientStreaming: method('clientStreaming', true, false),
    serverStreaming: method('serverStreaming', false, true),
    bidi: method('bidi', true, true),
  };
  const server = new Server({ 'grpc.max_receive_message_length': limit });
  server.addService(service, {
    unary: (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => reply(null, call.request),
    clientStreaming: async (call: ServerReadableStream<Buffer, Buffer>, reply: sendUnaryData<Buffer>) =>
      reply(null, digest(await call.toArray())),
    serverStreaming: (call: ServerWritableStream<Buffer, Buffer>) => {
      const copies = Number(call.metadata.get('copies')[0]);
      feed(call, new Array<Buffer>(copies).fill(call.request));
    },
    bidi: (call: ServerDuplexStream<Buffer, Buffer>) => feed(call, call),
  });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error === null ? resolve(bound) : reject(error),
    );
  });
  print({ port });
  await process.stdin.resume().toArray();
  await new Promise<void>((resolve, reject) => {
    server.tryShutdown((error) => (error === undefined ? resolve() : reject(error)));
  });
}

async function call({ port, encoding, kind, lanes, limit, cancel }: Plan): Promise<void> {
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.max_receive_message_length': limit,
    'grpc.default_compression_algorithm': { deflate: 1, gzip: 2 }[encoding],
  });
  const { problems } = Object.assign(report, { problems: [] as string[] });
  if (cancel !== undefined) await abuse(client, cancel, limit);
  const run = async (lengths: number[], lane: number) => {
    const requests = lengths.map((length, index) => message(lane, index, length));
    const { replies, expected } = await kinds[kind](client, requests);
    if (replies.length !== expected.length) problems.push(`${replies.length} replies of ${expected.length}`);
    for (const [i, reply] of replies.entries()) {
      if (!reply.equals(expected[i] as Buffer)) problems.push(`reply ${i} of lane ${lane}, ${reply.length} bytes`);
    }
  };
  const ends = await Promise.allSettled(lanes.map(run));
  for (const end of ends) if (end.status === 'rejected') problems.push(String(end.reason));
  client.close();
}

type Exchange = (client: Client, requests: Buffer[]) => Promise<{ replies: Buffer[]; expected: Buffer[] }>;

const kinds: Record<Kind, Exchange> = {
  async unary(client, requests) {
    const replies: Buffer[] = [];
    for (const request of requests) replies.push(await unary(client, request));
    return { replies, expected: requests };
  },
  async clientStreaming(client, requests) {
    const reply = await settled((done) =>
      feed(client.makeClientStreamRequest(pathOf('clientStreaming'), serialize, deserialize, done), requests),
    );
    return { replies: [reply], expected: [digest(requests)] };
  },
  /** Of each length one message is sent, and comes back as often as there are some. */
  async serverStreaming(client, requests) {
    const replies: Buffer[] = [];
    const expected: Buffer[] = [];
    for (const length of new Set(requests.map((request) => request.length))) {
      const alike = requests.filter((request) => request.length === length);
      const [request] = alike as [Buffer];
      const metadata = new Metadata();
      metadata.set('copies', String(alike.length));
      const stream = client.makeServerStreamRequest(
        pathOf('serverStreaming'),
        serialize,
        deserialize,
        request,
        metadata,
      );
      replies.push(...(await stream.toArray()));
      expected.push(...alike.fill(request));
    }
    return { replies, expected };
  },
  async bidi(client, requests) {
    const stream = bidi(client);
    feed(stream, requests);
    return { replies: await stream.toArray(), expected: requests };
  },
};

function unary(client: Client, request: Buffer): Promise<Buffer> {
  return settled((done) => client.makeUnaryRequest(pathOf('unary'), serialize, deserialize, request, done));
}

function bidi(client: Client, options: CallOptions = {}): ClientDuplexStream<Buffer, Buffer> {
  return client.makeBidiStreamRequest(pathOf('bidi'), serialize, deserialize, options);
}

function settled(start: (done: (error: ServiceError | null, reply?: Buffer) => void) => unknown): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    start((error, reply) => (error === null ? resolve(reply as Buffer) : reject(error)));
  });
}

/** Ends calls in ways that peers do; each is to end with its status, and nothing else is to notice. */
async function abuse(client: Client, cancel: number, limit: number): Promise<void> {
  const outcomes: Tally = {};
  report.outcomes = outcomes;
  const ended = async (run: Promise<unknown>) => {
    const code = await run.then(
      () => status.OK,
      (error: ServiceError) => error.code,
    );
    tally(outcomes, status[code]);
  };
  const endless = async (lane: number, replies: number, options?: CallOptions) => {
    const stream = bidi(client, options);
    const source = feed(stream, endlessMessages(lane));
    try {
      for await (const _reply of stream) {
        replies -= 1;
        if (replies === 0) stream.cancel();
      }
    } finally {
      source.destroy();
    }
  };
  await Promise.all([
    ...Array.from({ length: cancel }, (_, lane) => ended(endless(lane, 1 + (lane % 5)))),
    ended(endless(cancel, Infinity, { deadline: Date.now() + 1_000 })),
    ended(unary(client, message(0, 1, limit + 1))),
  ]);
}

function* endlessMessages(lane: number): Generator<Buffer> {
  for (let index = 0; ; index++) yield message(lane, index, index % 4 === 3 ? 100_000 : 1_000);
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** The stats of the pool that was preloaded, when what is closing has closed. */
async function poolStats(library: string): Promise<PoolStats> {
  const { defaultPool } = (await import(library)) as typeof import('../../lib/index.ts');
  await until(() => defaultPool.stats.leased === 0);
  return defaultPool.stats;
}

const [mode, plan, library] = process.argv.slice(2) as [string, string, string];
await (mode === 'serve' ? serve : call)(JSON.parse(plan));
print({ ...report, compressed, stats: await poolStats(library) });

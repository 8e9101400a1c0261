/**
 * Bombs of every format on one road to an engine, good data beside them, in a process whose memory is looked at: run as
 * `bombs.ts ROAD ENGINE FOLDER`, with the bombs in the folder. The last line is JSON with what was seen.
 */
import { once } from 'node:events';
import { createReadStream, readdirSync, readFileSync } from 'node:fs';
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import * as grpc from '@grpc/grpc-js';
import { type Format, install, type Limits, ZlibPool, type ZlibPoolOptions } from '../../lib/index.ts';
import { collectAll, watchPeak } from './memory.ts';
import { sample } from './samples.ts';
import { until } from './until.ts';

const [road, engine, folder] = process.argv.slice(2) as [string, NonNullable<ZlibPoolOptions['engine']>, string];
const MB = 2 ** 20;
const MEMBERS = '10 GB in members';

interface Bomb {
  name: string;
  format: Format;
  file: string;
}

/** Made by another process: what making them takes is not to be seen here. */
const all: Bomb[] = readdirSync(folder).map((file) => {
  const [format, name] = file.split(' of ') as [Format, string];
  return { format, name, file: join(folder, file) };
});
const limits: [code: string, Limits][] = [
  ['ERR_BUFFER_TOO_LARGE', { maxOutputLength: 4 * MB }],
  ['ERR_RATIO_TOO_HIGH', { maxRatio: 200, ratioFloorLength: MB }],
];

interface Seen {
  name: string;
  format: Format;
  expected: string;
  code: string | undefined;
  /** What came out, as far as anybody could see. */
  length: number;
  /** What the engine made. */
  made: number;
}

async function codeOf(promise: Promise<unknown>): Promise<string | undefined> {
  return promise.then(
    () => undefined,
    (error) => error.code,
  );
}

const good = sample(30_000);
let served = 0;

/**
 * Garbage is collected before each bomb, and after so many messages of others: what it takes is not to depend on when V8 gets to it.
 */
const SERVED_A_COLLECTION = 100;

/** Somebody else's messages, for as long as a bomb takes. */
async function serveOthers(pool: ZlibPool, isOver: () => boolean): Promise<void> {
  do {
    const bytes = await pool.decompress(good.data, 'gzip');
    if (!bytes.equals(good.plain)) throw new Error('Not the same bytes');
    served += 1;
    if (served % SERVED_A_COLLECTION === 0) collectAll();
    await delay(1);
  } while (!isOver());
}

type Road = (pool: ZlibPool, bomb: Bomb, count: (length: number) => void) => Promise<string | undefined>;

function counter(count: (length: number) => void): Writable {
  return new Writable({
    write(chunk: Buffer, _encoding, callback) {
      count(chunk.length);
      callback();
    },
  });
}

const simple: Record<string, Road> = {
  stream: (pool, { format, file }, count) =>
    codeOf(pipeline(createReadStream(file), pool.createDecompress(format), counter(count))),
  message: (pool, { format, file }, count) =>
    codeOf(pool.decompress(readFileSync(file), format).then(({ length }) => count(length))),
  'message at once': async (pool, { format, file }, count) =>
    codeOf((async () => count(pool.decompressSync(readFileSync(file), format).length))()),
  async HTTP(pool, { format, file }, count) {
    let code: string | undefined;
    const server = http.createServer((request, response) => {
      pipeline(request, pool.createDecompress(format), counter(count)).then(
        () => response.end(),
        (error) => {
          code = error.code;
          response.writeHead(413, { connection: 'close' }).end();
        },
      );
    });
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const request = http.request({ port: (server.address() as AddressInfo).port, method: 'POST' });
    // It is told off while it still sends.
    request.on('error', () => {});
    const answered = new Promise((resolve) => {
      request.once('response', (response) => resolve(response.resume().statusCode)).once('close', () => resolve(413));
    });
    createReadStream(file).pipe(request);
    const status = await answered;
    request.destroy();
    server.closeAllConnections();
    server.close();
    await until(() => code !== undefined);
    return status === 413 ? code : `status ${status}`;
  },
};

async function play(way: Road): Promise<Seen[]> {
  const seen: Seen[] = [];
  for (const [expected, limit] of limits) {
    for (const bomb of all) {
      // One step for all of it, and 200 times 10 MB are no limit.
      if (road === 'message at once' && engine === 'public' && bomb.name === MEMBERS) continue;
      collectAll();
      const pool = new ZlibPool({ engine, ...limit });
      let length = 0;
      let isOver = false;
      const others = serveOthers(new ZlibPool({ engine }), () => isOver);
      const code = await way(pool, bomb, (more) => {
        length += more;
      });
      isOver = true;
      await others;
      await until(() => pool.stats.leased === 0);
      seen.push({ name: bomb.name, format: bomb.format, expected, code, length, made: pool.stats.bytesOut });
    }
  }
  return seen;
}

const roads = {
  ...Object.fromEntries(Object.entries(simple).map(([name, way]) => [name, () => play(way)])),

  /** A gzip within a gzip: each layer is a stream, and has its own limit. */
  nested: () =>
    play(async (pool, { format, file }, count) => {
      const outer = gzipSync(readFileSync(file));
      return codeOf(pipeline([outer], pool.createGunzip(), pool.createDecompress(format), counter(count)));
    }),

  /** grpc-js's own server, on a pool with a limit; its own limit is off. */
  async grpc() {
    const pool = new ZlibPool({ engine, maxOutputLength: 4 * MB });
    install({ pool });
    const bytes = (value: Buffer) => value;
    const definition = {
      path: '/bombs/count',
      requestStream: false,
      responseStream: false,
      requestSerialize: bytes,
      requestDeserialize: bytes,
      responseSerialize: bytes,
      responseDeserialize: bytes,
    };
    const server = new grpc.Server({ 'grpc.max_receive_message_length': -1 });
    server.addService({ count: definition }, {
      count: (call: { request: Buffer }, callback: (error: null, reply: Buffer) => void) =>
        callback(null, Buffer.from(String(call.request.length))),
    } as never);
    const port = await new Promise<number>((resolve, reject) => {
      server.bindAsync('127.0.0.1:0', grpc.ServerCredentials.createInsecure(), (error, bound) =>
        error ? reject(error) : resolve(bound),
      );
    });
    const Client = grpc.makeGenericClientConstructor({ count: definition }, 'bombs') as never as new (
      ...args: unknown[]
    ) => grpc.Client & {
      count(request: Buffer, callback: (error: grpc.ServiceError | null, reply: Buffer) => void): void;
    };
    const client = new Client(`127.0.0.1:${port}`, grpc.credentials.createInsecure(), {
      'grpc.default_compression_algorithm': 2,
      'grpc.max_send_message_length': -1,
    });
    const call = (request: Buffer) =>
      new Promise<string>((resolve) => {
        client.count(request, (error, reply) => resolve(error === null ? String(reply) : `status ${error.code}`));
      });
    const seen: Seen[] = [];
    for (let i = 0; i < 5; i++) {
      collectAll();
      const before = pool.stats.bytesOut;
      const [bomb, other] = await Promise.all([call(Buffer.alloc(32 * MB)), call(good.plain)]);
      if (other !== String(good.plain.length)) throw new Error(`The other call got ${other}`);
      served += 1;
      seen.push({
        name: '32 MB',
        format: 'gzip',
        expected: 'status 13',
        code: bomb,
        length: 0,
        made: pool.stats.bytesOut - before - good.plain.length,
      });
    }
    client.close();
    server.forceShutdown();
    return seen;
  },
} as Record<string, () => Promise<Seen[]>>;

// What a process that serves takes anyway, bombs or not.
await serveOthers(new ZlibPool({ engine }), () => served === 500);
served = 0;
const grown = watchPeak();
const seen = await (roads[road] as () => Promise<Seen[]>)();
console.log(JSON.stringify({ seen, served, grown: grown() }));

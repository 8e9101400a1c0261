/** Rivals: ways to convert one message, and the floor under all of them. */
import { type Duplex, Transform, type TransformCallback } from 'node:stream';
import { promisify } from 'node:util';
import zlib, { constants, type Gunzip } from 'node:zlib';
import { gunzipSync as fflateGunzip } from 'fflate';
import { Gunzip as Minizlib } from 'minizlib';
import { ungzip as pakoGunzip } from 'pako';
import { type Format, ZlibPool, type ZlibPoolOptions } from 'zlease';
import type { Decompressor } from './contest.ts';

const { createGunzip, createInflate, gunzipSync } = zlib;

/** The way most code reads a stream: write, end, 'data', 'end', concat. */
export function readWhole(stream: Duplex, message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    stream.on('data', (chunk: Buffer) => chunks.push(chunk));
    stream.on('end', () => resolve(chunks.length === 1 ? (chunks[0] as Buffer) : Buffer.concat(chunks)));
    stream.on('error', reject);
    stream.write(message);
    stream.end();
  });
}

/** A stream of `pool` for each message. */
export function pooled(options?: ZlibPoolOptions, format: Format = 'gzip'): Decompressor {
  const pool = new ZlibPool(options);
  return (message) => readWhole(pool.createDecompress(format), message);
}

/** One native handle, driven on the main thread, without a stream. */
function rawHandle(stream: Duplex, room: number): Decompressor {
  const { _handle: handle, _writeState: state } = stream as Duplex & {
    _handle: { writeSync: (...args: unknown[]) => void; reset: () => void };
    _writeState: Uint32Array;
  };
  const output = Buffer.alloc(room);
  return (message) => {
    handle.writeSync(constants.Z_FINISH, message, 0, message.length, output, 0, output.length);
    const chunk = Buffer.from(output.subarray(0, output.length - (state[0] as number)));
    handle.reset();
    return chunk;
  };
}

/** The floor of decompression. */
export const rawSync = (longest: number): Decompressor => rawHandle(createGunzip(), longest + 1);

/** The floor of compression. The window is not overwritten, so that no pool may do this. */
const rawEncoder = (longest: number): Decompressor => rawHandle(zlib.createGzip(), longest + 1_000);

/** The least that a stream costs: a Transform that keeps node:zlib's order of events, a tick for the chunk and one for the end, around the floor. */
function leastStream(floor: Decompressor): Decompressor {
  const inflate = floor as (message: Buffer) => Buffer;
  class Least extends Transform {
    override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
      process.nextTick(() => callback(null, inflate(chunk)));
    }
    override _flush(callback: TransformCallback): void {
      process.nextTick(callback);
    }
    override _final(callback: TransformCallback): void {
      callback();
    }
  }
  return (message) => readWhole(new Least(), message);
}

/** One gunzip for all messages of a lane, flushed after each and reset: what is done by hand to save the streams. */
function flushedAndReset(): Decompressor {
  const free: Gunzip[] = [];
  return (message) =>
    new Promise((resolve, reject) => {
      const stream = free.pop() ?? createGunzip();
      const chunks: Buffer[] = [];
      const read = (chunk: Buffer) => chunks.push(chunk);
      stream.on('data', read);
      stream.once('error', reject);
      stream.write(message);
      stream.flush(() => {
        stream.off('data', read);
        stream.off('error', reject);
        (stream as Gunzip & { reset: () => void }).reset();
        free.push(stream);
        resolve(Buffer.concat(chunks));
      });
    });
}

function minizlib(message: Buffer): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const stream = new Minizlib({});
    const chunks: Buffer[] = [];
    stream.on('data', (chunk) => chunks.push(chunk as Buffer));
    stream.on('end', () => resolve(Buffer.concat(chunks)));
    stream.on('error', reject);
    stream.end(message);
  });
}

const asBuffer = (bytes: Uint8Array): Buffer => Buffer.from(bytes.buffer, bytes.byteOffset, bytes.byteLength);

export const stock: Decompressor = (message) => readWhole(createGunzip(), message);

/** Of other formats, by the name of the stock one. */
export const stockStreams: Readonly<Partial<Record<Format, () => Duplex>>> = {
  deflate: createInflate,
  br: zlib.createBrotliDecompress,
  zstd: (zlib as never as { createZstdDecompress?: () => Duplex }).createZstdDecompress as () => Duplex,
};

const gunzip = promisify(zlib.gunzip) as (message: Buffer) => Promise<Buffer>;

/** All rivals for whole gzip messages. */
export function everybody(longest: number): Map<string, Decompressor> {
  const pool = new ZlibPool();
  return new Map<string, Decompressor>([
    ['createGunzip', stock],
    ['zlease stream', pooled()],
    ['zlib.gunzip', gunzip],
    ['zlease decompress', (message) => pool.decompress(message, 'gzip')],
    ['gunzipSync', gunzipSync],
    ['zlease decompressSync', (message) => pool.decompressSync(message, 'gzip')],
    ['flush and reset', flushedAndReset()],
    ['minizlib', minizlib],
    ['fflate', (message) => asBuffer(fflateGunzip(message))],
    ['pako', (message) => asBuffer(pakoGunzip(message))],
    ['rawSync', rawSync(longest)],
  ]);
}

export const streams = (longest: number): Map<string, Decompressor> =>
  new Map([
    ['stock', stock],
    ['zlease', pooled()],
    ['least stream', leastStream(rawSync(longest))],
    ['rawSync', rawSync(longest)],
  ]);

export function sync(longest: number): Map<string, Decompressor> {
  const pool = new ZlibPool();
  return new Map<string, Decompressor>([
    ['stock', gunzipSync],
    ['zlease', (message) => pool.decompressSync(message, 'gzip')],
    ['rawSync', rawSync(longest)],
  ]);
}

export function promises(longest: number): Map<string, Decompressor> {
  const pool = new ZlibPool();
  return new Map<string, Decompressor>([
    ['stock', gunzip],
    ['zlease', (message) => pool.decompress(message, 'gzip')],
    ['rawSync', rawSync(longest)],
  ]);
}

/** What is left of zlease when parts of it are turned off. */
export function ablation(): Map<string, Decompressor> {
  const unlimited = { inputLength: 2 ** 30, outputLength: 2 ** 30, turnLength: 2 ** 30 };
  return new Map<string, Decompressor>([
    ['stock', stock],
    ['fresh engine, main thread', pooled({ maxIdle: 0, inline: unlimited })],
    ['pooled engine, threadpool', pooled({ inline: { inputLength: 0 } })],
    ['pooled engine, main thread', pooled({ inline: unlimited })],
    ['zlease', pooled()],
  ]);
}

/** The default of one length of `inline` beside others of it. */
export function inlineLengths(key: 'inputLength' | 'outputLength' | 'turnLength', lengths: readonly number[]) {
  return (): Map<string, Decompressor> =>
    new Map<string, Decompressor>([
      ['stock', stock],
      ...lengths.map((length): [string, Decompressor] => [
        `${key} ${length >> 10} KB`,
        pooled({ inline: { [key]: length } }),
      ]),
    ]);
}

/** Compressing streams, for plain messages. */
export function encoderStreams(longest: number): Map<string, Decompressor> {
  const pool = new ZlibPool();
  return new Map<string, Decompressor>([
    ['stock', (message) => readWhole(zlib.createGzip(), message)],
    ['zlease', (message) => readWhole(pool.createGzip(), message)],
    ['least stream', leastStream(rawEncoder(longest))],
    ['rawSync', rawEncoder(longest)],
  ]);
}

/** A one-shot function of node:zlib, and that of a pool. */
export function oneShots(name: 'gunzip' | 'inflate' | 'gzip' | 'deflate'): () => Map<string, Decompressor> {
  return () => {
    const pool = new ZlibPool();
    return new Map<string, Decompressor>([
      ['stock', promisify(zlib[name]) as (message: Buffer) => Promise<Buffer>],
      ['zlease', promisify(pool[name].bind(pool)) as (message: Buffer) => Promise<Buffer>],
    ]);
  };
}

type Functions = Pick<typeof zlib, 'createGunzip' | 'createGzip' | 'createBrotliCompress' | 'gunzip' | 'gzip'>;

export const brotliOptions = { params: { [constants.BROTLI_PARAM_QUALITY]: 4 } };
const flushing = { flush: constants.Z_SYNC_FLUSH, finishFlush: constants.Z_SYNC_FLUSH };

/** The calls of well-known packages, each with a new object of its options. */
export const calls = {
  "undici's gunzip": (functions: Functions) => (message) => readWhole(functions.createGunzip({ ...flushing }), message),
  "compression's gzip": (functions: Functions) => (message) => readWhole(functions.createGzip({ level: -1 }), message),
  "compression's Brotli": (functions: Functions) => (message) =>
    readWhole(functions.createBrotliCompress({ ...brotliOptions }), message),
  "connect-node's gunzip": (functions: Functions) => (message) =>
    new Promise((resolve, reject) => {
      functions.gunzip(message, { maxOutputLength: 2 ** 32 - 1 }, (error, output) =>
        error ? reject(error) : resolve(output),
      );
    }),
  "connect-node's gzip": (functions: Functions) => (message) =>
    new Promise((resolve, reject) => {
      functions.gzip(message, {}, (error, output) => (error ? reject(error) : resolve(output)));
    }),
} satisfies Record<string, (functions: Functions) => Decompressor>;

/** A call on node:zlib and on a pool. */
export const calling = (name: keyof typeof calls) => (): Map<string, Decompressor> =>
  new Map([
    ['stock', calls[name](zlib)],
    ['zlease', calls[name](new ZlibPool() as never)],
  ]);

/** Synchronous one-shot functions. */
export function syncOneShots(name: 'gunzipSync' | 'gzipSync'): () => Map<string, Decompressor> {
  return () => {
    const pool = new ZlibPool();
    return new Map<string, Decompressor>([
      ['stock', (message) => zlib[name](message)],
      ['zlease', (message) => pool[name](message)],
    ]);
  };
}

/** Streams of bad messages. The output is the code of the error. */
export function failing(): Map<string, Decompressor> {
  const pool = new ZlibPool();
  const codeOf = (make: () => Duplex) => (message: Buffer) =>
    readWhole(make(), message).then(
      () => Buffer.from('none'),
      ({ code }: NodeJS.ErrnoException) => Buffer.from(String(code)),
    );
  return new Map<string, Decompressor>([
    ['stock', codeOf(() => createGunzip())],
    ['zlease', codeOf(() => pool.createGunzip())],
  ]);
}

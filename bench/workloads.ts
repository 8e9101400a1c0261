/** The contests, and the few of them that give a picture in a minute. */
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import zlib, { brotliCompressSync, constants, createGunzip, deflateSync, gzipSync } from 'node:zlib';
import { type Format, ZlibPool } from 'zlease';
import type { Contest, Decompressor } from './contest.ts';
import { type Kind, messagesOf } from './corpus.ts';
import {
  ablation,
  brotliOptions,
  calling,
  encoderStreams,
  everybody,
  failing,
  inlineLengths,
  oneShots,
  pooled,
  promises,
  readWhole,
  stock,
  stockStreams,
  streams,
  sync,
  syncOneShots,
} from './rivals.ts';

/** What a contest shows: each is a table of the report. */
export const groups = {
  streams: 'A stream per message',
  kinds: 'Other payloads',
  formats: 'Other formats',
  promises: '`decompress()`, against `zlib.gunzip()`',
  sync: '`decompressSync()`, against `gunzipSync()`',
  paced: 'The same load for both: half of the speed of stock',
  encoders: 'A compressing stream per message',
  oneShots: 'One-shot functions',
  syncOneShots: 'Synchronous one-shot functions',
  options: 'With the options of well-known packages',
  bad: 'Bad messages',
  long: 'Long and slow streams',
  everybody: 'All rivals, one message at a time',
  ablation: 'Gain of each part',
  defaults: 'Defaults, and other values',
} as const;

export type Group = keyof typeof groups;

export interface Workload {
  group: Group;
  name: string;
  /** Makes its data, and gives it back when it is done. */
  set(seed: number): Promise<{ contest: Contest; remove?: () => Promise<void> }>;
}

const sizes: ReadonlyArray<[length: number, name: string]> = [
  [256, '256 B'],
  [1_024, '1 KB'],
  [4_096, '4 KB'],
  [8_192, '8 KB'],
  [16_384, '16 KB'],
  [65_536, '64 KB'],
  [262_144, '256 KB'],
  [2 ** 20, '1 MB'],
  [2 ** 24, '16 MB'],
];

const nameOf = (length: number): string => sizes.find(([size]) => size === length)?.[1] as string;

function messages(
  group: Group,
  length: number,
  atATime: number,
  rivals: (longest: number) => ReadonlyMap<string, Decompressor>,
  kind: Kind = 'json',
): Workload {
  const name = `${kind === 'json' ? '' : `${kind}, `}${nameOf(length)} × ${atATime}`;
  return {
    group,
    name,
    set: async (seed) => ({
      contest: {
        name: `${group}, ${name}`,
        messages: messagesOf(length, { kind, seed }),
        atATime,
        rivals: rivals(length),
      },
    }),
  };
}

type MessagesFor = (length: number, seed: number) => Contest['messages'];

/** Messages to decompress. */
const packed =
  (compress: (plain: Buffer) => Buffer = gzipSync): MessagesFor =>
  (length, seed) =>
    messagesOf(length, { seed, compress });

/** Messages to compress. The output has to be that of `compress`. */
const plain =
  (compress: (plain: Buffer) => Buffer = gzipSync): MessagesFor =>
  (length, seed) =>
    messagesOf(length, { seed, compress }).map((message) => ({ plain: message.data, data: message.plain }));

function coding(
  group: Group,
  what: string,
  length: number,
  atATime: number,
  rivals: (longest: number) => ReadonlyMap<string, Decompressor>,
  messagesFor: MessagesFor,
): Workload {
  const name = `${what}${nameOf(length)} × ${atATime}`;
  const set: Workload['set'] = async (seed) => ({
    contest: { name, messages: messagesFor(length, seed), atATime, rivals: rivals(length) },
  });
  return { group, name, set };
}

const damages: Readonly<Record<string, { code: string; damage: (data: Buffer) => Buffer }>> = {
  'a bad header': { code: 'Z_DATA_ERROR', damage: (data) => Buffer.from(data).fill(0x55, 0, 2) },
  'a bad checksum': {
    code: 'Z_DATA_ERROR',
    damage: (data) => Buffer.from(data).fill(0x55, data.length - 8, data.length - 4),
  },
  'cut short': { code: 'Z_BUF_ERROR', damage: (data) => data.subarray(0, -20) },
};

const bad = (what: string): Workload => ({
  group: 'bad',
  name: `1 KB × 64, ${what}`,
  async set(seed) {
    const { code, damage } = damages[what] as (typeof damages)[string];
    const messages = messagesOf(1_024, { seed }).map(({ data }) => ({ plain: Buffer.from(code), data: damage(data) }));
    return { contest: { name: what, messages, atATime: 64, rivals: failing() } };
  },
});

const paced = (length: number): Workload => ({
  group: 'paced',
  name: nameOf(length),
  set: async (seed) => ({
    contest: {
      name: `paced, ${nameOf(length)}`,
      messages: messagesOf(length, { seed }),
      atATime: 64,
      load: 0.5,
      rivals: new Map([
        ['stock', stock],
        ['zlease', pooled()],
      ]),
    },
  }),
});

const compressors: Partial<Record<Format, (plain: Buffer) => Buffer>> = {
  deflate: deflateSync,
  br: (plain) => brotliCompressSync(plain, { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } }),
  zstd: (zlib as never as { zstdCompressSync: (plain: Buffer) => Buffer }).zstdCompressSync,
};

function otherFormat(format: Format, length: number): Workload {
  const name = `${format}, ${nameOf(length)} × 64`;
  const make = stockStreams[format] as () => Duplex;
  return {
    group: 'formats',
    name,
    set: async (seed) => ({
      contest: {
        name,
        messages: messagesOf(length, { seed, compress: compressors[format] as (plain: Buffer) => Buffer }),
        atATime: 64,
        rivals: new Map([
          ['stock', (message: Buffer) => readWhole(make(), message)],
          ['zlease', pooled({}, format)],
        ]),
      },
    }),
  };
}

const LONG = 64 * 2 ** 20;

/** The message is the name of a file, its bytes are the digest of what is in there. */
const fileToHash: Workload = {
  group: 'long',
  name: 'a file of 64 MB to its SHA-1',
  async set(seed) {
    const [{ plain, data }] = messagesOf(LONG, { seed }) as [{ plain: Buffer; data: Buffer }];
    const folder = await mkdtemp(join(tmpdir(), 'zlease-bench-'));
    const path = join(folder, 'long.gz');
    await writeFile(path, data);
    const pool = new ZlibPool();
    const hashed = (make: () => Duplex) => async (message: Buffer) => {
      const hash = createHash('sha1');
      await pipeline(createReadStream(message.toString()), make(), hash);
      return hash.digest();
    };
    return {
      contest: {
        name: fileToHash.name,
        messages: [{ plain: createHash('sha1').update(plain).digest(), data: Buffer.from(path) }],
        atATime: 1,
        rivals: new Map([
          ['stock', hashed(createGunzip)],
          ['zlease', hashed(() => pool.createGunzip())],
        ]),
      },
      remove: () => rm(folder, { recursive: true }),
    };
  },
};

const PIECE_LENGTH = 200;

/** Its time says nothing, a millisecond a piece; its CPU does. */
const slowStreams: Workload = {
  group: 'long',
  name: '500 slow streams of 8 KB',
  async set(seed) {
    const pool = new ZlibPool();
    const dripped = (make: () => Duplex) => async (message: Buffer) => {
      const stream = make();
      const chunks: Buffer[] = [];
      stream.on('data', (chunk: Buffer) => chunks.push(chunk));
      const ended = new Promise((resolve, reject) => stream.on('end', resolve).on('error', reject));
      for (let at = 0; at < message.length; at += PIECE_LENGTH) {
        stream.write(message.subarray(at, at + PIECE_LENGTH));
        await delay(1);
      }
      stream.end();
      await ended;
      return Buffer.concat(chunks);
    };
    return {
      contest: {
        name: slowStreams.name,
        messages: messagesOf(8_192, { seed, compress: gzipSync }),
        atATime: 500,
        rivals: new Map([
          ['stock', dripped(createGunzip)],
          ['zlease', dripped(() => pool.createGunzip())],
        ]),
      },
    };
  },
};

const brotli = (message: Buffer): Buffer => brotliCompressSync(message, brotliOptions);
const kilobytes = (count: number): number => count * 1_024;

const quick: Workload[] = [
  messages('streams', 1_024, 1, streams),
  messages('streams', 1_024, 64, streams),
  messages('streams', 8_192, 64, streams),
  messages('streams', 65_536, 1, streams),
  messages('streams', 65_536, 64, streams),
  messages('promises', 1_024, 1, promises),
  messages('sync', 1_024, 1, sync),
  coding('encoders', '', 1_024, 1, encoderStreams, plain()),
  coding('encoders', '', 1_024, 64, encoderStreams, plain()),
  coding('oneShots', 'gzip, ', 1_024, 64, oneShots('gzip'), plain()),
  coding('oneShots', 'gunzip, ', 1_024, 64, oneShots('gunzip'), packed()),
];

const all: Workload[] = [
  ...quick,
  ...[256, 1_024, 8_192, 16_384, 65_536, 2 ** 20, 2 ** 24].flatMap((length) =>
    [1, 8, 64].map((atATime) => messages('streams', length, atATime, streams)),
  ),
  ...[4_096, 16_384, 262_144].map((length) => coding('encoders', '', length, 64, encoderStreams, plain())),
  ...[1, 64].flatMap((atATime) => [
    coding('oneShots', 'gunzip, ', 1_024, atATime, oneShots('gunzip'), packed()),
    coding('oneShots', 'inflate, ', 1_024, atATime, oneShots('inflate'), packed(deflateSync)),
    coding('oneShots', 'gzip, ', 1_024, atATime, oneShots('gzip'), plain()),
    coding('oneShots', 'deflate, ', 1_024, atATime, oneShots('deflate'), plain(deflateSync)),
  ]),
  ...[4_096, 16_384, 262_144].map((length) => coding('oneShots', 'gzip, ', length, 64, oneShots('gzip'), plain())),
  coding('syncOneShots', 'gunzipSync, ', 1_024, 1, syncOneShots('gunzipSync'), packed()),
  coding('syncOneShots', 'gzipSync, ', 1_024, 1, syncOneShots('gzipSync'), plain()),
  ...[1_024, 8_192].flatMap((length) => [
    coding('options', "undici's gunzip, ", length, 8, calling("undici's gunzip"), packed()),
    coding('options', "compression's gzip, ", length, 8, calling("compression's gzip"), plain()),
    coding('options', "compression's Brotli, ", length, 8, calling("compression's Brotli"), plain(brotli)),
    coding('options', "connect-node's gunzip, ", length, 8, calling("connect-node's gunzip"), packed()),
    coding('options', "connect-node's gzip, ", length, 8, calling("connect-node's gzip"), plain()),
  ]),
  ...Object.keys(damages).map(bad),
  ...(['text', 'code', 'binary', 'incompressible', 'repetitive'] as const).flatMap((kind) =>
    [1_024, 8_192, 65_536].map((length) => messages('kinds', length, 64, streams, kind)),
  ),
  ...(['deflate', 'br', 'zstd'] as const)
    .filter((format) => stockStreams[format] !== undefined)
    .flatMap((format) => [1_024, 65_536].map((length) => otherFormat(format, length))),
  ...[256, 1_024, 8_192, 65_536].map((length) => messages('sync', length, 1, sync)),
  ...[1_024, 65_536].flatMap((length) => [1, 64].map((atATime) => messages('promises', length, atATime, promises))),
  ...[1_024, 8_192, 65_536, 2 ** 20].map(paced),
  ...[1_024, 65_536].map((length) => messages('everybody', length, 1, everybody)),
  ...[1_024, 65_536].flatMap((length) => [1, 64].map((atATime) => messages('ablation', length, atATime, ablation))),
  ...[1_024, 8_192, 65_536].map((length) =>
    messages('defaults', length, 64, inlineLengths('turnLength', [32, 64, 128, 256, 512].map(kilobytes))),
  ),
  messages('defaults', 65_536, 64, inlineLengths('inputLength', [4, 16, 64].map(kilobytes)), 'code'),
  messages('defaults', 65_536, 64, inlineLengths('outputLength', [16, 64, 256].map(kilobytes)), 'repetitive'),
  fileToHash,
  slowStreams,
];

/** Each once, in the order of the groups. */
export function workloads(full: boolean): Workload[] {
  const unique = new Map((full ? all : quick).map((workload) => [`${workload.group} ${workload.name}`, workload]));
  const order = Object.keys(groups);
  return [...unique.values()].sort((a, b) => order.indexOf(a.group) - order.indexOf(b.group));
}

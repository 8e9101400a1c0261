/**
 * A script: everything that is done to one stream, as plain data. The same script drives a stream of node:zlib and one of
 * ours. What happens in it is tied to what the stream does (the third write has called back, 900 bytes are out), not to time, so that
 * both see the same.
 */
import { constants, crc32, type ZlibOptions } from 'node:zlib';
import fc from 'fast-check';
import type { Codec, CompressFormat } from '../../lib/engine/codec.ts';
import { decoder, encoder } from '../../lib/engine/codecs.ts';
import type { Format } from '../../lib/index.ts';
import { compress, formats, json, random } from '../support/samples.ts';

export type Direction = 'decompress' | 'compress';

export interface Payload {
  kind: 'json' | 'noise' | 'zeros' | 'not compressed';
  length: number;
  level: number;
  windowBits: number;
  dictionary: boolean;
  /** Another message behind it. */
  second: 'none' | 'same format' | 'other format';
}

export type Fault =
  | { kind: 'none' }
  | { kind: 'truncated'; at: number }
  | { kind: 'bit flipped'; at: number; bit: number }
  | { kind: 'inserted'; at: number; length: number }
  | { kind: 'zeros behind'; length: number }
  | { kind: 'garbage behind'; length: number }
  /** Bytes of the header, at a position in it, replaced. */
  | { kind: 'hostile header'; at: number; bytes: number[] }
  /** gzip only: optional fields in the header, whose lengths or checksum may be lies. */
  | { kind: 'gzip fields'; flags: number; declaredLength: number; length: number }
  /** Four bytes of the trailer replaced: gzip's length hint is the last four, its checksum comes before. */
  | { kind: 'hostile trailer'; back: number; value: number };

/** When something is done: right after a write() returned, in its callback, once so many bytes are out, at an event. */
export type Moment =
  | { on: 'write'; index: number }
  | { on: 'callback'; index: number }
  | { on: 'output'; length: number }
  | { on: 'prefinish' | 'finish' | 'end' | 'error' | 'close' };

export type Action =
  | { do: 'flush'; kind: number | undefined }
  | { do: 'params'; level?: number; strategy?: number }
  | { do: 'reset' | 'destroy' | 'destroy with an error' | 'close' | 'end' | 'abort' | 'write' | 'read' };

export interface Script {
  direction: Direction;
  format: Format;
  payload: Payload;
  fault: Fault;
  /** Lengths of the chunks, in turn and again. */
  chunks: number[];
  as: 'Buffer' | 'Uint8Array' | 'latin1';
  /**
   * What a write waits for: nothing, the callback of the write before it, all callbacks of the script
   * so far, or the next turn.
   */
  pace: 'at once' | 'one by one' | 'when still' | 'a turn each';
  endWithChunk: boolean;
  reader: 'data' | 'readable' | 'iterate' | 'slow' | 'late' | 'pipe';
  options: Record<string, unknown> | undefined;
  dictionary: 'none' | 'right' | 'wrong';
  plan: Array<{ moment: Moment; action: Action }>;
  /** Of the whole message. Streams have none: node:zlib's ignore it. */
  maxOutputLength: number | undefined;
}

/** What the functions of a script read of it. */
export type Subject = Pick<Script, 'direction' | 'format'>;

/** Returns the codec of a script. */
export function codecOf({ direction, format }: Subject): Codec {
  return direction === 'compress' ? encoder(format as CompressFormat) : decoder(format);
}

export const isNode20 = process.versions.node.startsWith('20.');

/** Output lengths around those at which a chunk, a slab or the main thread's share is full. */
const length = fc.oneof(
  { weight: 6, arbitrary: fc.integer({ min: 0, max: 2_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 40_000 }) },
  { weight: 2, arbitrary: fc.constantFrom(16_383, 16_384, 16_385, 32_768, 65_535, 65_536, 65_537, 131_072) },
  { weight: 1, arbitrary: fc.integer({ min: 60_000, max: 400_000 }) },
);

const payload: fc.Arbitrary<Payload> = fc.record({
  kind: fc.oneof(
    { weight: 10, arbitrary: fc.constantFrom('json', 'noise', 'zeros') },
    { weight: 1, arbitrary: fc.constant('not compressed') },
  ) as fc.Arbitrary<Payload['kind']>,
  length,
  level: fc.constantFrom(0, 1, 6),
  windowBits: fc.constantFrom(15, 15, 15, 9, 12),
  dictionary: fc.boolean(),
  second: fc.oneof(
    { weight: 4, arbitrary: fc.constant('none') },
    { weight: 1, arbitrary: fc.constantFrom('same format', 'other format') },
  ) as fc.Arbitrary<Payload['second']>,
});

/** Lengths and checksums around the bounds of signed and unsigned numbers, of chunks, and of plausible expansion. */
const hostileNumber = fc.oneof(
  fc.constantFrom(0, 1, 2, 255, 16_383, 16_384, 16_385, 65_535, 65_536, 65_537, 1_048_576),
  fc.constantFrom(0x3fffffff, 0x7ffffffe, 0x7fffffff, 0x80000000, 0xfffffffe, 0xffffffff),
  fc.nat(500_000),
  fc.nat(0xffffffff),
);

const at = fc.double({ min: 0, max: 1, noNaN: true, maxExcluded: true });
const fault: fc.Arbitrary<Fault> = fc.oneof(
  { weight: 5, arbitrary: fc.constant({ kind: 'none' } as const) },
  { weight: 2, arbitrary: fc.record({ kind: fc.constant('truncated' as const), at }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('bit flipped' as const), at, bit: fc.nat(7) }) },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('inserted' as const), at, length: fc.integer({ min: 1, max: 9 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('zeros behind' as const), length: fc.integer({ min: 1, max: 900 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({ kind: fc.constant('garbage behind' as const), length: fc.integer({ min: 1, max: 900 }) }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('hostile header' as const),
      at: fc.nat(13),
      bytes: fc.array(fc.oneof(fc.constantFrom(0, 0x7f, 0x80, 0xff), fc.nat(255)), { minLength: 1, maxLength: 8 }),
    }),
  },
  {
    weight: 1,
    arbitrary: fc.record({
      kind: fc.constant('gzip fields' as const),
      flags: fc.nat(255),
      declaredLength: fc.oneof(fc.nat(40), fc.constantFrom(0xffff, 0x7fff)),
      length: fc.nat(40),
    }),
  },
  {
    weight: 2,
    arbitrary: fc.record({ kind: fc.constant('hostile trailer' as const), back: fc.nat(8), value: hostileNumber }),
  },
);

export const moment: fc.Arbitrary<Moment> = fc.oneof(
  fc.record({ on: fc.constant('write' as const), index: fc.nat(3) }),
  fc.record({ on: fc.constant('callback' as const), index: fc.nat(3) }),
  fc.record({ on: fc.constant('output' as const), length: fc.constantFrom(1, 1, 900, 16_384, 20_000, 70_000) }),
  fc.record({ on: fc.constantFrom('prefinish', 'finish', 'end', 'error', 'close') }),
) as fc.Arbitrary<Moment>;

export const action: fc.Arbitrary<Action> = fc.oneof(
  {
    weight: 3,
    arbitrary: fc.record({ do: fc.constant('flush' as const), kind: fc.constantFrom(undefined, 0, 1, 2, 3, 4, 5) }),
  },
  {
    weight: 7,
    arbitrary: fc.record({
      do: fc.constantFrom(
        'reset',
        'params',
        'destroy',
        'destroy with an error',
        'close',
        'end',
        'abort',
        'write',
        'read',
      ),
    }),
  },
) as fc.Arbitrary<Action>;

/** Returns a record in which each option is there once in `1 + absent` times. */
export function seldom(
  all: Record<string, fc.Arbitrary<unknown>>,
  absent: number,
): fc.Arbitrary<Record<string, unknown>> {
  return fc.record(
    Object.fromEntries(
      Object.entries(all).map(([name, value]) => [
        name,
        fc.oneof({ weight: absent, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: value }),
      ]),
    ),
  );
}

/** Options of streams of both directions. */
export const streamOptions = {
  chunkSize: fc.constantFrom(64, 100, 1_000, 16_384, 65_536, 300_000),
  flush: fc.nat(3),
  finishFlush: fc.nat(3),
  highWaterMark: fc.constantFrom(0, 1, 500, 100_000),
  readableHighWaterMark: fc.constantFrom(0, 1, 70_000),
  emitClose: fc.boolean(),
  autoDestroy: fc.boolean(),
  allowHalfOpen: fc.boolean(),
  readableObjectMode: fc.boolean(),
  objectMode: fc.boolean(),
  encoding: fc.constantFrom('utf8', null),
  info: fc.boolean(),
};

/** Options that most streams don't have. */
const options = fc.option(
  seldom(
    {
      ...streamOptions,
      windowBits: fc.constantFrom(0, 8, 9, 12, 15),
      level: fc.constantFrom(-1, 3),
      // Node 20 does not know it, and ours does.
      ...(isNode20 ? {} : { rejectGarbageAfterEnd: fc.boolean() }),
    },
    8,
  ),
  { nil: undefined },
);

/** Parts of a script of either direction. */
export const course = {
  chunks: fc.array(fc.oneof(fc.integer({ min: 1, max: 3_000 }), fc.constantFrom(1, 2, 100_000, 1e9)), {
    minLength: 1,
    maxLength: 4,
  }),
  as: fc.constantFrom('Buffer', 'Buffer', 'Buffer', 'Uint8Array', 'latin1') as fc.Arbitrary<Script['as']>,
  endWithChunk: fc.boolean(),
  reader: fc.constantFrom('data', 'data', 'data', 'readable', 'iterate', 'slow', 'late', 'pipe') as fc.Arbitrary<
    Script['reader']
  >,
};

export const script: fc.Arbitrary<Script> = fc
  .record({
    ...course,
    direction: fc.constant('decompress'),
    format: fc.constantFrom(...formats),
    payload,
    fault,
    pace: fc.constantFrom('at once', 'one by one', 'a turn each'),
    options: options as fc.Arbitrary<Script['options']>,
    dictionary: fc.constantFrom('none', 'none', 'none', 'right', 'wrong'),
    plan: fc.oneof(fc.constant([]), fc.array(fc.record({ moment, action }), { maxLength: 3 })),
    maxOutputLength: fc.oneof(
      { weight: 3, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.oneof(fc.integer({ min: 1, max: 70_000 }), fc.constantFrom(16_384, 65_536, 2 ** 31)) },
    ),
  })
  .map((script) => sensible(script as Script));

function isEnding({ action }: Script['plan'][number]): boolean {
  return ['destroy', 'destroy with an error', 'close', 'abort'].includes(action.do);
}

/** Takes out what would be a question of chance in node:zlib itself, or undefined behaviour. */
export function sensible(script: Script): Script {
  // Data behind the end of the data, and its reader gone by then or not: a race, where nothing waits for anything.
  const early = !isSound(script);
  // Bad data may reach back further than the window that its header speaks of: node:zlib looks, where options are given. Seed 1201918440.
  const { payload, direction } = script;
  const compresses = direction === 'compress';
  if (
    !compresses &&
    early &&
    script.options !== undefined &&
    script.options.windowBits === undefined &&
    payload.windowBits < 15
  ) {
    return sensible({ ...script, payload: { ...payload, windowBits: 15 } });
  }
  // Whether the last write has begun before end() decides about its flush.
  if (script.pace === 'a turn each' && compresses && dependsOnFlushes(script)) {
    return sensible({ ...script, pace: 'at once' });
  }
  if (script.pace === 'a turn each' && early) return sensible({ ...script, pace: 'one by one' });
  // Who iterates destroys the stream when it has all.
  if (script.reader === 'iterate' && early) return sensible({ ...script, reader: 'readable' });
  if (script.reader !== 'data' && early && script.options?.allowHalfOpen === false) script.options.allowHalfOpen = true;
  const plan = script.plan.filter(({ moment, action }) => {
    // Node 20 lets reset() run while a write is under way, a data race. Only when all is still it can't.
    const isBusy = (step: Script['plan'][number]) => isQueued(step) || step.action.do === 'end';
    const isSlow = script.pace === 'one by one' || (script.pace === 'when still' && !script.plan.some(isBusy));
    const still = isSlow && moment.on === 'callback' && !script.endWithChunk;
    if (action.do === 'reset' && isNode20 && !still) return false;
    // When so much is out, and how far the stream is by then, is only certain for a reader that takes it at once.
    if ((moment.on === 'output' || action.do === 'read') && script.reader !== 'data') return false;
    // Who waits for a callback is a promise later than who is called back: a write of somebody else is over by then, or not.
    if (script.pace === 'one by one' && ['write', 'flush', 'end'].includes(action.do)) return false;
    // node:zlib takes kinds of other formats, on some Nodes. The encoder of Brotli never ends then, and
    // that of Zstandard fails.
    const { lastFlush, byZlib } = codecOf(script);
    if (compresses && !byZlib && action.do === 'flush' && Number(action.kind) > lastFlush) return false;
    // All data of a whole message is out by then. In node:zlib most of it is not, and is lost.
    if (compresses && action.do === 'reset' && script.pace === 'at once' && moment.on === 'callback') return false;
    // A reader that takes its time comes to the end before the writer does, or after it.
    if (script.reader !== 'data' && (early || action.do === 'write')) return false;
    // A write of bad data that destroy() cuts short may never call back.
    if (moment.on === 'callback' && !isGood(script) && script.plan.some(isEnding)) return false;
    // An error that does not destroy is emitted a tick later, when the next write has been inflated, or not.
    if (action.do === 'write' && script.options?.autoDestroy === false) return false;
    // finished() looks at a stream whose last write may still be under way.
    if (action.do === 'close' && moment.on === 'close') return false;
    // What is done by the next turn is a race.
    return script.pace !== 'a turn each' || !['write', 'callback', 'output'].includes(moment.on);
  });
  if (compresses) return { ...script, plan: withoutRaces(script, plan) };
  // Where the stream is destroyed before its params() come into effect, node:zlib ends the process by an assertion.
  const harmless =
    plan.length === 1 &&
    plan[0]?.moment.on === 'write' &&
    script.options === undefined &&
    script.reader === 'data' &&
    script.format !== 'zstd' &&
    isGood(script);
  return { ...script, plan: harmless ? plan : plan.filter(({ action }) => action.do !== 'params') };
}

/** Whether the output of an encoder depends on the flush of its last write. */
function dependsOnFlushes({ format, options, plan }: Script): boolean {
  return (
    format === 'zstd' ||
    options?.level === 0 ||
    options?.flush !== undefined ||
    options?.finishFlush !== undefined ||
    plan.some(({ action }) => action.do === 'flush')
  );
}

/** Whether an action waits in the queue of writes. */
function isQueued({ action }: Script['plan'][number]): boolean {
  return ['flush', 'params', 'write'].includes(action.do);
}

/**
 * node:zlib sets level and strategy in the callback of a flush, when the next write may be in the
 * threadpool: a data race. And it ends the process if the stream is destroyed by then. So nothing
 * else may be queued with `params()`, and nothing may end the stream before.
 */
function withoutRaces(script: Script, plan: Script['plan']): Script['plan'] {
  const isCalm =
    script.pace === 'when still' && isSound(script) && !plan.some((step) => isEnding(step) || step.action.do === 'end');
  const used = new Set<number>();
  const known = new Set([`${script.options?.level ?? -1} ${script.options?.strategy ?? 0}`]);
  return plan.filter((step) => {
    const { moment, action } = step;
    if (action.do !== 'params') return true;
    if (!isCalm || !(moment.on === 'write' || (moment.on === 'callback' && !script.endWithChunk))) return false;
    // Without a change, node:zlib calls back in the next tick, before a write in the threadpool.
    const key = `${action.level} ${action.strategy}`;
    if (known.has(key)) return false;
    known.add(key);
    const { index } = moment;
    const isAlone = !plan.some(
      (other) => other !== step && isQueued(other) && (!('index' in other.moment) || other.moment.index === index),
    );
    if (!isAlone || used.has(index)) return false;
    used.add(index);
    return true;
  });
}

/** Flush constants that end the data, by format. Those above are not of the format, or end a frame. */
function endsData({ format, direction }: Script, flush: unknown): boolean {
  if (typeof flush !== 'number') return false;
  return codecOf({ direction, format }).byZlib ? flush === constants.Z_FINISH : flush > 1;
}

/**
 * Whether the data is whole, ends with its last byte, and is read with the options that it asks for.
 * Data to compress: whether nothing ends the output before.
 */
function isSound(script: Script): boolean {
  const { direction, fault, payload, dictionary, options, plan } = script;
  if (direction === 'compress') {
    return (
      options?.finishFlush === undefined &&
      options?.pledgedSrcSize === undefined &&
      !endsData(script, options?.flush) &&
      !plan.some(({ action }) => action.do === 'flush' && endsData(script, action.kind))
    );
  }
  return (
    fault.kind === 'none' &&
    payload.kind !== 'not compressed' &&
    payload.second === 'none' &&
    !payload.dictionary &&
    dictionary === 'none' &&
    !['flush', 'finishFlush', 'windowBits'].some((name) => options?.[name] !== undefined)
  );
}

/** Whether every write comes out well, unless the stream is destroyed. */
export function isGood(script: Script): boolean {
  // An early end() cuts the data of a decoder short.
  const harmful = ['write', 'reset', 'flush', ...(script.direction === 'decompress' ? ['end'] : [])];
  return isSound(script) && !script.plan.some(({ action }) => harmful.includes(action.do));
}

export const dictionaries = { right: json(600, 77), wrong: json(600, 78) };

const made = new Map<string, Buffer>();

/** The bytes that a script writes. */
export function inputOf({ direction, format, payload, fault }: Subject & Pick<Script, 'payload' | 'fault'>): Buffer {
  if (direction === 'compress') return plainOf(payload);
  const key = JSON.stringify([format, payload]);
  let data = made.get(key);
  if (data === undefined) {
    data = compressed(format, payload);
    if (made.size > 5_000) made.clear();
    made.set(key, data);
  }
  return faulty(data, fault);
}

const LONGEST = 400_000;
const text = json(LONGEST, 1);
const roll = random(1);
const noise = Buffer.from(Array.from({ length: LONGEST }, () => roll() * 256));
const zeros = Buffer.alloc(LONGEST);

function plainOf({ kind, length }: Payload): Buffer {
  if (kind === 'zeros') return zeros.subarray(0, length);
  return (kind === 'json' ? text : noise).subarray(LONGEST - length);
}

function compressed(format: Format, payload: Payload): Buffer {
  const plain = plainOf(payload);
  if (payload.kind === 'not compressed') return plain;
  const options: ZlibOptions = { level: payload.level, windowBits: payload.windowBits };
  if (payload.dictionary && format.startsWith('deflate')) options.dictionary = dictionaries.right;
  const byZlib = format !== 'br' && format !== 'zstd';
  const one = byZlib ? compress(format, plain, options) : compress(format, plain);
  if (payload.second === 'none') return one;
  const others = {
    gzip: 'deflate',
    deflate: 'gzip',
    'deflate-raw': 'gzip',
    unzip: 'deflate',
    br: 'gzip',
    zstd: 'gzip',
  } as const;
  return Buffer.concat([
    one,
    compress(payload.second === 'same format' ? format : others[format], plain.subarray(0, 3_000)),
  ]);
}

function faulty(data: Buffer, fault: Fault): Buffer {
  const spot = 'at' in fault ? Math.floor(fault.at * data.length) : 0;
  switch (fault.kind) {
    case 'none':
      return data;
    case 'truncated':
      return data.subarray(0, spot);
    case 'bit flipped': {
      const copy = Buffer.from(data);
      if (copy.length > 0) copy[spot] = (copy[spot] as number) ^ (1 << fault.bit);
      return copy;
    }
    case 'inserted':
      return Buffer.concat([data.subarray(0, spot), Buffer.alloc(fault.length, 0x55), data.subarray(spot)]);
    case 'zeros behind':
      return Buffer.concat([data, Buffer.alloc(fault.length)]);
    case 'garbage behind':
      return Buffer.concat([data, Buffer.alloc(fault.length, 'garbage')]);
    case 'hostile header': {
      const copy = Buffer.from(data);
      copy.set(fault.bytes.slice(0, Math.max(0, copy.length - fault.at)), Math.min(fault.at, copy.length));
      return copy;
    }
    case 'gzip fields':
      return withFields(data, fault);
    case 'hostile trailer': {
      const start = data.length - 4 - fault.back;
      if (start < 0) return data;
      const copy = Buffer.from(data);
      copy.writeUInt32LE(fault.value, start);
      return copy;
    }
  }
}

const GZIP_HEADER_LENGTH = 10;

/** RFC 1952, section 2.3.1. The header checksum, where there is one, is right for some of the declared lengths only. */
function withFields(data: Buffer, { flags, declaredLength, length }: Fault & { kind: 'gzip fields' }): Buffer {
  if (data[0] !== 0x1f || data.length < GZIP_HEADER_LENGTH) return data;
  const header = Buffer.from(data.subarray(0, GZIP_HEADER_LENGTH));
  header[3] = flags;
  const field = Buffer.alloc(length, 'field');
  const parts = [header];
  if (flags & 4) parts.push(Buffer.from([declaredLength & 0xff, declaredLength >> 8]), field);
  if (flags & 8) parts.push(field, Buffer.alloc(1));
  if (flags & 16) parts.push(field, Buffer.alloc(1));
  if (flags & 2) {
    const checksum = Buffer.alloc(2);
    checksum.writeUInt16LE(crc32(Buffer.concat(parts)) & 0xffff);
    parts.push(checksum);
  }
  return Buffer.concat([...parts, data.subarray(GZIP_HEADER_LENGTH)]);
}

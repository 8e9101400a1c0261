/**
 * Settings of a stream or a message: a copy of its options, with the defaults of node:zlib.
 * node:zlib's own constructor checks the options. It throws the error of the Node that runs. The
 * check takes longer than a message, so settings are kept by the values of the options.
 */
import { constants as bufferConstants } from 'node:buffer';
import { types } from 'node:util';
import type { ZlibOptions } from 'node:zlib';
import { constants } from '../engine/builtin-zlib.ts';
import { type Codec, stockStream } from '../engine/codec.ts';
import { codecs } from '../engine/codecs.ts';
import { MAX_WRITE_LENGTH } from '../engine/contract.ts';
import { type EngineKind, engineKind, paramsKey } from '../engine/kind.ts';
import { type Limits, limits, noLimits } from '../pool/options.ts';
import type { Pool } from '../pool/pool.ts';
import { given, readOnce, type StreamOptions } from './options.ts';

export interface StreamSettings {
  readonly kind: EngineKind;
  /**
   * Most bytes of one piece of output: `chunkSize`. 0: the driver chooses. A stream has 0 for a
   * decoder of zlib or Brotli without a `chunkSize` of the caller. The others keep node:zlib's
   * default, since their output may depend on it. A whole message has 0 unless the place of a cut
   * matters.
   */
  readonly chunkLength: number;
  readonly flush: number;
  readonly finishFlush: number;
  /** Default `kind` of `flush()`. */
  readonly fullFlush: number;
  /** Limits of the stream, not checked yet. Undefined: those of the pool. */
  readonly limits: Readonly<{ [K in keyof Limits]: number | undefined }> | undefined;
  readonly rejectGarbageAfterEnd: boolean;
  /** Option without an effect on a stream. Old code may read it. */
  readonly info: boolean | undefined;
}

/** Settings for the same options. */
interface Pair {
  readonly stream: StreamSettings;
  /**
   * Settings of a whole message. Its output is not cut as node:zlib's, unless the place of the cut
   * matters.
   */
  readonly message: StreamSettings;
}

const { Z_DEFAULT_CHUNK, Z_DEFAULT_WINDOWBITS, Z_MIN_CHUNK } = constants;

/** Value of Z_NO_FLUSH, BROTLI_OPERATION_PROCESS and ZSTD_e_continue. */
const NO_FLUSH = 0;

/** Settings without options. */
const standard = new Map(codecs.map((codec) => [codec, pairOf(codec, {})]));

/** Settings of options that node:zlib has accepted, by their values. */
const accepted = new Map<string, Pair>();
const MOST_ACCEPTED = 1_024;

/**
 * Returns the settings of a stream with these options.
 * @throws the errors of the constructor of node:zlib's stream for these options
 */
export function streamSettings(codec: Codec, options?: StreamOptions): StreamSettings {
  if (!options) return (standard.get(codec) as Pair).stream;
  const own = readOnce(options);
  return withOwn(pairFor(codec, options, own).stream, own, own.chunkSize);
}

/**
 * Returns the settings of a whole message with these options.
 * @throws the errors of `streamSettings()`
 */
export function messageSettings(codec: Codec, options: StreamOptions | null | undefined): StreamSettings {
  if (!options) return (standard.get(codec) as Pair).message;
  const own = readOnce(options);
  const { message } = pairFor(codec, options, own);
  return withOwn(message, own, message.chunkLength === 0 ? undefined : own.chunkSize);
}

/** Returns settings for all options that many streams share. */
function pairFor(codec: Codec, options: StreamOptions, own: StreamOptions): Pair {
  const key = keyOf(codec, own);
  const known = key === undefined ? undefined : accepted.get(key);
  if (known !== undefined) return known;
  // A valid `chunkSize` is not passed on: the constructor allocates a chunk.
  const checked = (
    key === undefined ? { __proto__: options, ...own } : { ...own, chunkSize: undefined }
  ) as StreamOptions;
  stockStream(codec, checked).close();
  // The constructor may have changed an option: deflate-raw turns a `windowBits` of 8 into 9.
  const pair = pairOf(codec, checked);
  if (key !== undefined) {
    if (accepted.size >= MOST_ACCEPTED) accepted.clear();
    accepted.set(key, pair);
  }
  return pair;
}

/**
 * Returns a key of the options that many streams share. Undefined: node:zlib has to check the
 * options each time. One of them is unusual, is not clearly valid, or is `dictionary` or
 * `pledgedSrcSize`.
 */
function keyOf({ names, byZlib }: Codec, own: StreamOptions): string | undefined {
  const { flush, finishFlush, windowBits, level, memLevel, strategy, rejectGarbageAfterEnd } = own;
  if (
    !isWhole(own.chunkSize, Z_MIN_CHUNK, 2 ** 31) ||
    !isWhole(own.maxOutputLength, 1, bufferConstants.MAX_LENGTH) ||
    own.dictionary !== undefined ||
    own.pledgedSrcSize !== undefined ||
    (rejectGarbageAfterEnd !== undefined && typeof rejectGarbageAfterEnd !== 'boolean')
  ) {
    return undefined;
  }
  const values: unknown[] = [
    flush,
    finishFlush,
    windowBits,
    level,
    memLevel,
    strategy,
    rejectGarbageAfterEnd ? 1 : undefined,
  ];
  const params = byZlib ? '' : paramsKey(own.params);
  if (params === undefined) return undefined;
  let key = names.create + params;
  for (let i = 0; i < values.length; i++) {
    const value = values[i];
    if (value === undefined) continue;
    if (typeof value !== 'number') return undefined;
    key += ` ${i}:${value}`;
  }
  return key;
}

function isWhole(value: number | undefined, least: number, most: number): boolean {
  return value === undefined || (Number.isInteger(value) && value >= least && value <= most);
}

function pairOf(codec: Codec, options: StreamOptions): Pair {
  const { finishFlush, fullFlush, byZlib, compresses } = codec;
  const rejectGarbageAfterEnd = options.rejectGarbageAfterEnd === true;
  const { pledgedSrcSize } = options;
  const kind = engineKind(codec, {
    rejectGarbageAfterEnd,
    // node:zlib's gzip ignores it.
    dictionary: codec.isFramed ? undefined : copy(options.dictionary),
    ...(byZlib ? { windowBits: whole(options.windowBits) } : { params: options.params, pledgedSrcSize }),
    ...(byZlib && compresses
      ? { level: whole(options.level), memLevel: whole(options.memLevel), strategy: whole(options.strategy) }
      : {}),
  });
  const stream = Object.freeze({
    kind,
    chunkLength: compresses || kind.isCutSensitive ? Z_DEFAULT_CHUNK : 0,
    flush: whole(options.flush) ?? NO_FLUSH,
    finishFlush: whole(options.finishFlush) ?? finishFlush,
    fullFlush,
    limits: undefined,
    rejectGarbageAfterEnd,
    info: undefined,
  });
  return { stream, message: Object.freeze({ ...stream, chunkLength: isCut(stream) ? Z_DEFAULT_CHUNK : 0 }) };
}

/** Returns whether the place matters where the output of a whole message is cut. */
function isCut({ kind, finishFlush }: StreamSettings): boolean {
  const { codec, isCutSensitive, options } = kind;
  // After a Zstandard frame that ends with a chunk, node:zlib begins the next frame: see
  // `endsWithChunk()`. An encoder that is sensitive to cuts makes other output.
  if (isCutSensitive) return true;
  // An encoder that flushes and does not finish repeats its flush if the output fills the room
  // exactly. With a smaller window, zlib's decoder finds by the place of the cut that data reaches
  // back too far.
  return codec.compresses
    ? finishFlush !== codec.finishFlush
    : (options.windowBits ?? Z_DEFAULT_WINDOWBITS) !== Z_DEFAULT_WINDOWBITS;
}

/** Returns the settings with those options that differ between streams. */
function withOwn(settings: StreamSettings, own: StreamOptions, chunkSize: number | undefined): StreamSettings {
  const { maxRatio, ratioFloorLength, info } = own;
  // node:zlib ignores a 0.
  const maxOutputLength = whole(own.maxOutputLength) || undefined;
  const isLimited = maxOutputLength !== undefined || maxRatio !== undefined || ratioFloorLength !== undefined;
  const chunkLength = whole(chunkSize);
  if (!isLimited && info === undefined && chunkLength === undefined) return settings;
  const { kind, flush, finishFlush, fullFlush, rejectGarbageAfterEnd } = settings;
  return {
    kind,
    chunkLength: chunkLength === undefined ? settings.chunkLength : Math.min(chunkLength, MAX_WRITE_LENGTH),
    flush,
    finishFlush,
    fullFlush,
    limits: isLimited ? { maxOutputLength, maxRatio, ratioFloorLength } : undefined,
    rejectGarbageAfterEnd,
    info,
  };
}

/**
 * Length in bytes from which one write may give other output than a write and a flush: two blocks.
 */
const TWO_BLOCKS = 262_144;

/**
 * Returns the settings for one message of node:zlib's asynchronous function, which tells some
 * encoders the length of their input. An encoder finds the length itself if one write finishes short
 * data without options. Such a message may reuse an engine. For any other message, the kind of the
 * engine states the length.
 */
export function settingsFor(length: number, settings: StreamSettings): StreamSettings {
  const { kind, finishFlush } = settings;
  const { params, dictionary, pledgedSrcSize } = kind.options;
  if (!kind.codec.statesInputLength() || pledgedSrcSize !== undefined) return settings;
  const isPlain = params === undefined && dictionary === undefined && finishFlush === kind.codec.finishFlush;
  if (isPlain && length < TWO_BLOCKS) return settings;
  return { ...settings, kind: engineKind(kind.codec, { ...kind.options, pledgedSrcSize: length }) };
}

/** Returns the limits of a stream or message. Those of the pool are for decompression. */
export function limitsOf(pool: Pool, { kind, limits: own }: StreamSettings): Required<Limits> {
  const standard = kind.codec.compresses ? noLimits : pool.settings;
  return own === undefined ? standard : limits(own, standard);
}

/**
 * Copies the dictionary. The pool creates the engine at the first chunk or flush. The caller may
 * change the dictionary before that.
 */
function copy(dictionary: ZlibOptions['dictionary']): ZlibOptions['dictionary'] {
  if (ArrayBuffer.isView(dictionary)) {
    return Buffer.from(Buffer.from(dictionary.buffer, dictionary.byteOffset, dictionary.byteLength));
  }
  // node:zlib's constructor ignores any other value that it accepts.
  return types.isAnyArrayBuffer(dictionary) ? dictionary.slice(0) : undefined;
}

/** Returns a truncated number: node:zlib accepts fractions, and its native part truncates them. */
function whole(value: number | null | undefined): number | undefined {
  const number = given(value);
  return number === undefined ? undefined : Math.trunc(number);
}

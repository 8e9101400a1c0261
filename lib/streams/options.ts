/**
 * The options of a stream: those of node:zlib, with its defaults and errors. node:zlib's own
 * constructor checks options that are not clearly valid. It throws the error of the Node that runs.
 */

import type { TransformOptions } from 'node:stream';
import { types } from 'node:util';
import type { BrotliOptions, ZlibOptions } from 'node:zlib';
import { constants } from '../engine/builtin-zlib.ts';
import { type Codec, codecs, stockStream } from '../engine/codec.ts';
import { MAX_WRITE_LENGTH } from '../engine/contract.ts';
import { type EngineKind, engineKind } from '../engine/kind.ts';
import { type Limits, limits, noLimits } from '../pool/options.ts';
import type { Pool } from '../pool/pool.ts';

/** Options of node:zlib's compressing streams and of Transform, and a limit. */
export interface CompressOptions extends ZlibOptions, Omit<TransformOptions, 'flush'> {
  /**
   * Encoder parameters of Brotli (`BROTLI_PARAM_*`) and Zstandard (`ZSTD_c_*`), as `params` of
   * node:zlib. Default: none.
   */
  params?: BrotliOptions['params'];
  /** Length of all input of Zstandard in bytes, as of node:zlib. Default: unknown. */
  pledgedSrcSize?: number;
  /**
   * Most bytes of output. One more fails with `ERR_BUFFER_TOO_LARGE`. node:zlib's streams accept
   * this option and ignore it. Its one-shot functions honour it. Default: unlimited. The limits of
   * the pool are for decompression.
   */
  maxOutputLength?: number;
}

/** Options of node:zlib's decompressing streams and of Transform, and limits. */
export interface DecompressOptions extends ZlibOptions, Omit<TransformOptions, 'flush'>, Limits {
  /**
   * Decoder parameters of Brotli (`BROTLI_DECODER_PARAM_*`) and Zstandard (`ZSTD_d_*`), as `params`
   * of node:zlib. Default: none.
   */
  params?: BrotliOptions['params'];
  /**
   * Most bytes that the stream may make. One more fails with `ERR_BUFFER_TOO_LARGE`. node:zlib's
   * streams accept this option and ignore it. Its one-shot functions honour it. Default: the
   * pool's.
   */
  maxOutputLength?: number;
  /**
   * Whether to fail with `ERR_TRAILING_JUNK_AFTER_STREAM_END` when anything follows the data.
   * Default false. node:zlib has the same option from Node 22 on.
   */
  rejectGarbageAfterEnd?: boolean;
}

/** Options of a stream of either direction. */
export type StreamOptions = CompressOptions & DecompressOptions;

export interface StreamSettings {
  readonly kind: EngineKind;
  /**
   * Most bytes of one piece of output: `chunkSize`. 0 for a decoder of zlib or Brotli if the caller
   * has not set it. The others keep node:zlib's default, since their output may depend on it.
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

const { Z_DEFAULT_CHUNK, Z_DEFAULT_STRATEGY, Z_DEFAULT_WINDOWBITS, Z_FIXED } = constants;
const { Z_MIN_LEVEL, Z_MAX_LEVEL, Z_MIN_MEMLEVEL, Z_MAX_MEMLEVEL } = constants;

/** Value of Z_NO_FLUSH, BROTLI_OPERATION_PROCESS and ZSTD_e_continue. */
const NO_FLUSH = 0;

/** Settings of a stream without options. */
const standard = new Map(codecs.map((codec) => [codec, read(codec, {})]));

/** The same of a whole message. */
const standardForMessage = new Map([...standard].map(([codec, settings]) => [codec, forMessage(settings)]));

/**
 * Returns the settings of a stream with these options.
 * @throws the errors of the constructor of node:zlib's stream for these options
 */
export function streamSettings(codec: Codec, options?: StreamOptions): StreamSettings {
  if (!options) return standard.get(codec) as StreamSettings;
  const own = once(options);
  if (isPlain(own, codec.lastFlush)) return read(codec, own);
  const checked = { __proto__: options, ...own } as StreamOptions;
  stockStream(codec, checked).close();
  // The constructor may have changed one: deflate-raw turns a `windowBits` of 8 into 9.
  return read(codec, checked);
}

/** Reads each option once: the value of a getter may change after its check. */
function once(options: StreamOptions): StreamOptions {
  const { chunkSize, flush, finishFlush, windowBits, level, memLevel, strategy, dictionary, params } = options;
  const { pledgedSrcSize, maxOutputLength, maxRatio, ratioFloorLength, rejectGarbageAfterEnd, info } = options;
  const ofEngine = { windowBits, level, memLevel, strategy, dictionary, params, pledgedSrcSize };
  const ofOutput = { chunkSize, flush, finishFlush, maxOutputLength, maxRatio, ratioFloorLength };
  return { ...ofEngine, ...ofOutput, rejectGarbageAfterEnd, info } as StreamOptions;
}

function read(codec: Codec, options: StreamOptions): StreamSettings {
  const { finishFlush, fullFlush, byZlib, compresses } = codec;
  const rejectGarbageAfterEnd = options.rejectGarbageAfterEnd === true;
  const { params, pledgedSrcSize } = options;
  const kind = engineKind(codec, {
    rejectGarbageAfterEnd,
    // node:zlib's gzip ignores it.
    dictionary: codec.isFramed ? undefined : copy(options.dictionary),
    ...(byZlib ? { windowBits: whole(options.windowBits) } : { params: params && { ...params }, pledgedSrcSize }),
    ...(byZlib && compresses
      ? { level: whole(options.level), memLevel: whole(options.memLevel), strategy: whole(options.strategy) }
      : {}),
  });
  const chunkLength = whole(options.chunkSize) ?? (compresses || kind.isCutSensitive ? Z_DEFAULT_CHUNK : 0);
  return Object.freeze({
    kind,
    chunkLength: Math.min(chunkLength, MAX_WRITE_LENGTH),
    flush: whole(options.flush) ?? NO_FLUSH,
    finishFlush: whole(options.finishFlush) ?? finishFlush,
    fullFlush,
    limits: ownLimits(options),
    rejectGarbageAfterEnd,
    info: options.info,
  });
}

/**
 * Returns the settings of a whole message with these options. Its output is not cut as node:zlib's,
 * unless the place of the cut matters.
 * @throws the errors of `streamSettings()`
 */
export function messageSettings(codec: Codec, options: StreamOptions | null | undefined): StreamSettings {
  return options ? forMessage(streamSettings(codec, options)) : (standardForMessage.get(codec) as StreamSettings);
}

function forMessage(settings: StreamSettings): StreamSettings {
  const { chunkLength, finishFlush, kind } = settings;
  const { windowBits = Z_DEFAULT_WINDOWBITS } = kind.options;
  // The place where the output is cut matters in three cases. With a smaller window, zlib's decoder
  // finds by it that data reaches back too far. A Zstandard frame that ends with a chunk has
  // node:zlib begin the next: see endsWithChunk(). An encoder that flushes and does not finish
  // repeats its flush if the output fills the room exactly.
  const isCut = kind.codec.compresses
    ? kind.isCutSensitive || finishFlush !== kind.codec.finishFlush
    : kind.isCutSensitive || windowBits !== Z_DEFAULT_WINDOWBITS;
  if (!isCut) return chunkLength === 0 ? settings : { ...settings, chunkLength: 0 };
  return chunkLength === 0 ? { ...settings, chunkLength: Z_DEFAULT_CHUNK } : settings;
}

/** Length from which one write may give other output than a write and a flush: two blocks. */
const TWO_BLOCKS = 262_144;

/**
 * Returns the settings for one message of node:zlib's asynchronous function, which tells some
 * encoders the length of their input. An encoder finds the length itself if one write finishes the
 * data: an engine is reused for that. For all else it is in the settings.
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

function ownLimits(options: DecompressOptions): StreamSettings['limits'] {
  const { maxRatio, ratioFloorLength } = options;
  // node:zlib ignores a 0.
  const maxOutputLength = whole(options.maxOutputLength) || undefined;
  const given = [maxOutputLength, maxRatio, ratioFloorLength].some((value) => value !== undefined);
  return given ? { maxOutputLength, maxRatio, ratioFloorLength } : undefined;
}

/**
 * Copies the dictionary. The pool creates the engine at the first byte, and the caller may change
 * the dictionary before that.
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

/** Returns the value of an option, or undefined for null and NaN, which node:zlib ignores. */
export function given(value: number | null | undefined): number | undefined {
  return value === null || value === undefined || Number.isNaN(value) ? undefined : value;
}

/** Returns whether all of node:zlib's own options are clearly valid. False only costs time. */
function isPlain(options: StreamOptions, lastFlush: number): boolean {
  return (
    isWhole(options.chunkSize, 64, 2 ** 31) &&
    isWhole(options.windowBits, 9, 15) &&
    isWhole(options.flush, NO_FLUSH, lastFlush) &&
    isWhole(options.finishFlush, NO_FLUSH, lastFlush) &&
    isWhole(options.maxOutputLength, 1, 2 ** 31) &&
    (options.rejectGarbageAfterEnd === undefined || typeof options.rejectGarbageAfterEnd === 'boolean') &&
    isWhole(options.level, Z_MIN_LEVEL, Z_MAX_LEVEL) &&
    isWhole(options.memLevel, Z_MIN_MEMLEVEL, Z_MAX_MEMLEVEL) &&
    isWhole(options.strategy, Z_DEFAULT_STRATEGY, Z_FIXED) &&
    options.dictionary === undefined &&
    options.params === undefined &&
    options.pledgedSrcSize === undefined
  );
}

function isWhole(value: number | undefined, least: number, most: number): boolean {
  return value === undefined || (Number.isInteger(value) && value >= least && value <= most);
}

/**
 * Returns the options of the Transform. node:zlib allows no string or object modes on a stream. Its
 * own `flush` is a number, and Transform's is a function.
 */
export function transformOptions(options: DecompressOptions | undefined): TransformOptions | undefined {
  if (!options) return undefined;
  const { flush: _flush, ...rest } = options;
  return {
    autoDestroy: true,
    ...rest,
    encoding: undefined,
    decodeStrings: true,
    objectMode: false,
    writableObjectMode: false,
  } as TransformOptions;
}

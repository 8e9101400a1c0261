/**
 * The options of a stream: those of node:zlib, with its defaults and errors. node:zlib's own
 * constructor checks options that are not clearly valid. It throws the error of the Node that runs.
 */

import type { TransformOptions } from 'node:stream';
import { types } from 'node:util';
import type { BrotliOptions, ZlibOptions } from 'node:zlib';
import { type Codec, codecs, stockStream } from '../engine/codec.ts';
import { MAX_WRITE_LENGTH } from '../engine/contract.ts';
import { type EngineKind, engineKind } from '../engine/kind.ts';
import type { Limits } from '../pool/options.ts';

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

export interface StreamSettings {
  readonly kind: EngineKind;
  /** Most bytes of one piece of output, if the caller has set `chunkSize`. Otherwise 0. */
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

/** Value of Z_NO_FLUSH, BROTLI_OPERATION_PROCESS and ZSTD_e_continue. */
const NO_FLUSH = 0;

/** Settings of a stream without options. */
const standard = new Map(codecs.map((codec) => [codec, read(codec, {})]));

/**
 * Returns the settings of a stream with these options.
 * @throws the errors of the constructor of node:zlib's stream for these options
 */
export function streamSettings(codec: Codec, options?: DecompressOptions): StreamSettings {
  if (!options) return standard.get(codec) as StreamSettings;
  if (!isPlain(options, codec.lastFlush)) stockStream(codec, options).close();
  return read(codec, options);
}

function read(codec: Codec, options: DecompressOptions): StreamSettings {
  const { finishFlush, fullFlush, byZlib } = codec;
  const rejectGarbageAfterEnd = options.rejectGarbageAfterEnd === true;
  const { params, pledgedSrcSize } = options as { params?: object; pledgedSrcSize?: number };
  const kind = engineKind(codec, {
    rejectGarbageAfterEnd,
    dictionary: copy(options.dictionary),
    ...(byZlib ? { windowBits: number(options.windowBits) } : { params: params && { ...params }, pledgedSrcSize }),
  });
  return Object.freeze({
    kind,
    // node:zlib accepts fractions, and its native part truncates them.
    chunkLength: Math.min(Math.trunc(number(options.chunkSize) ?? 0), MAX_WRITE_LENGTH),
    flush: Math.trunc(number(options.flush) ?? NO_FLUSH),
    finishFlush: Math.trunc(number(options.finishFlush) ?? finishFlush),
    fullFlush,
    limits: ownLimits(options),
    rejectGarbageAfterEnd,
    info: options.info,
  });
}

function ownLimits(options: DecompressOptions): StreamSettings['limits'] {
  const { maxRatio, ratioFloorLength } = options;
  // node:zlib ignores a 0.
  const maxOutputLength = Math.trunc(number(options.maxOutputLength) ?? 0) || undefined;
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

/** Returns undefined for null and NaN, which node:zlib ignores. */
function number(value: number | null | undefined): number | undefined {
  return value === null || Number.isNaN(value) ? undefined : value;
}

/** Returns whether all of node:zlib's own options are clearly valid. False only costs time. */
function isPlain(options: DecompressOptions & { pledgedSrcSize?: number }, lastFlush: number): boolean {
  return (
    isWhole(options.chunkSize, 64, 2 ** 31) &&
    isWhole(options.windowBits, 9, 15) &&
    isWhole(options.flush, NO_FLUSH, lastFlush) &&
    isWhole(options.finishFlush, NO_FLUSH, lastFlush) &&
    isWhole(options.maxOutputLength, 1, 2 ** 31) &&
    (options.rejectGarbageAfterEnd === undefined || typeof options.rejectGarbageAfterEnd === 'boolean') &&
    options.level === undefined &&
    options.memLevel === undefined &&
    options.strategy === undefined &&
    options.dictionary === undefined &&
    options.params === undefined &&
    options.pledgedSrcSize === undefined
  );
}

function isWhole(value: number | undefined, least: number, most: number): boolean {
  return value === undefined || (Number.isInteger(value) && value >= least && value <= most);
}

/**
 * Returns the options of the Transform. node:zlib allows no string or object modes on a stream of
 * bytes. Its own `flush` is a number, and Transform's is a function.
 */
export function transformOptions(options: DecompressOptions | undefined): TransformOptions | undefined {
  if (!options) return undefined;
  const { flush: _flush, ...rest } = options;
  return {
    autoDestroy: true,
    ...rest,
    encoding: undefined,
    objectMode: false,
    writableObjectMode: false,
  } as TransformOptions;
}

/**
 * The options of a stream: node:zlib's, with its defaults, and its errors. What is not plainly right is
 * shown to node:zlib's own constructor, which throws with the code, class and words of the Node it runs on.
 */

import type { TransformOptions } from 'node:stream';
import { types } from 'node:util';
import type { BrotliOptions, ZlibOptions } from 'node:zlib';
import { type EngineKind, engineKind, type Format, formats, formatTraits, stockStream } from '../engine/codec.ts';
import { MAX_WRITE_LENGTH } from '../engine/contract.ts';
import type { Limits } from '../pool/options.ts';

/** The options of node:zlib's decompressing streams, and of the Transform that they are. */
export interface DecompressOptions extends ZlibOptions, Omit<TransformOptions, 'flush'>, Limits {
  /** Decoder parameters of Brotli (`BROTLI_DECODER_PARAM_*`) and Zstandard (`ZSTD_d_*`), as `params` of node:zlib. Default: none. */
  params?: BrotliOptions['params'];
  /**
   * The most bytes the stream may make; one more fails with `ERR_BUFFER_TOO_LARGE`. node:zlib's streams take this
   * option and ignore it, its one-shot functions honour it. Default: the pool's.
   */
  maxOutputLength?: number;
  /** Fail with `ERR_TRAILING_JUNK_AFTER_STREAM_END` when anything follows the data. Default false. The same option of node:zlib, which has it from Node 22 on. */
  rejectGarbageAfterEnd?: boolean;
}

export interface StreamSettings {
  readonly kind: EngineKind;
  /** The most output at a time, where the user says so; 0: as fits. */
  readonly chunkLength: number;
  readonly flush: number;
  readonly finishFlush: number;
  /** What flush() does without an argument. */
  readonly fullFlush: number;
  /** Where there are none of its own, the pool's hold. They are checked where they meet those. */
  readonly limits: Readonly<{ [K in keyof Limits]: number | undefined }> | undefined;
  readonly rejectGarbageAfterEnd: boolean;
  /** Without an effect on a stream; old code may read it. */
  readonly info: boolean | undefined;
}

/** Of every format: Z_NO_FLUSH, BROTLI_OPERATION_PROCESS, ZSTD_e_continue. */
const NO_FLUSH = 0;

/** What a stream without options has, made once. */
const standard = new Map(formats.map((format) => [format, read(format, {})]));

/**
 * @throws `ERR_INVALID_ARG_VALUE` for an unknown format, `ERR_FORMAT_UNAVAILABLE` for one that this Node does not have; what
 * the constructor of node:zlib's stream throws for these options.
 */
export function streamSettings(format: Format, options?: DecompressOptions): StreamSettings {
  const { lastFlush } = formatTraits(format);
  if (!options) return standard.get(format) as StreamSettings;
  if (!isPlain(options, lastFlush)) stockStream(format, options).close();
  return read(format, options);
}

function read(format: Format, options: DecompressOptions): StreamSettings {
  const { finishFlush, fullFlush, byZlib } = formatTraits(format);
  const rejectGarbageAfterEnd = options.rejectGarbageAfterEnd === true;
  const { params, pledgedSrcSize } = options as { params?: object; pledgedSrcSize?: number };
  const kind = engineKind(format, {
    rejectGarbageAfterEnd,
    dictionary: copy(options.dictionary),
    ...(byZlib ? { windowBits: number(options.windowBits) } : { params: params && { ...params }, pledgedSrcSize }),
  });
  return Object.freeze({
    kind,
    // node:zlib lets fractions pass, and its native part cuts them off.
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
  // Of node:zlib, which takes 0 for "not given".
  const maxOutputLength = Math.trunc(number(options.maxOutputLength) ?? 0) || undefined;
  const given = [maxOutputLength, maxRatio, ratioFloorLength].some((value) => value !== undefined);
  return given ? { maxOutputLength, maxRatio, ratioFloorLength } : undefined;
}

/** The engine is made at the first byte, when the caller's dictionary may have changed. */
function copy(dictionary: ZlibOptions['dictionary']): ZlibOptions['dictionary'] {
  if (ArrayBuffer.isView(dictionary)) {
    return Buffer.from(Buffer.from(dictionary.buffer, dictionary.byteOffset, dictionary.byteLength));
  }
  // Anything else that got past node:zlib's constructor is something it ignores.
  return types.isAnyArrayBuffer(dictionary) ? dictionary.slice(0) : undefined;
}

/** node:zlib takes null and NaN for "not given". */
function number(value: number | null | undefined): number | undefined {
  return value === null || Number.isNaN(value) ? undefined : value;
}

/** True where no value of node:zlib's own options can be wrong. A false costs time, nothing else. */
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

/** As node:zlib: no string or object modes on a stream of bytes. Its own `flush` option is a number, a Transform's is a function. */
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

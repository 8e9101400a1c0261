/** The options of a stream: those of node:zlib and of Transform, and limits. */
import type { TransformOptions } from 'node:stream';
import type { BrotliOptions, ZlibOptions } from 'node:zlib';
import type { Limits } from '../pool/options.ts';

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

/**
 * Returns the options of node:zlib and the limits. Each is read once: the value of a getter may
 * change after its check.
 */
export function readOnce(options: StreamOptions): StreamOptions {
  const { chunkSize, flush, finishFlush, windowBits, level, memLevel, strategy, dictionary, params } = options;
  const { pledgedSrcSize, maxOutputLength, maxRatio, ratioFloorLength, rejectGarbageAfterEnd, info } = options;
  return {
    chunkSize,
    flush,
    finishFlush,
    windowBits,
    level,
    memLevel,
    strategy,
    dictionary,
    params: params && { ...params },
    pledgedSrcSize,
    maxOutputLength,
    maxRatio,
    ratioFloorLength,
    rejectGarbageAfterEnd,
    info,
  } as StreamOptions;
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

/** Returns the value of an option, or undefined for null and NaN, which node:zlib ignores. */
export function given(value: number | null | undefined): number | undefined {
  return value === null || value === undefined || Number.isNaN(value) ? undefined : value;
}

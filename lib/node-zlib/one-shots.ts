/** One-shot functions with the names of node:zlib's, on the default pool. */
import type { OneShotCallback, OneShotInput, OneShotOptions } from '../streams/one-shot.ts';
import { defaultPool } from './pool.ts';

/**
 * Decompresses one message on `defaultPool` as node:zlib's `gunzip()`: gzip, RFC 1952.
 * @param buffer - all of the compressed bytes
 * @param options - options of node:zlib, and limits. Default none
 * @param callback - called once, never during this call, with an error or the output
 * @throws The errors of node:zlib's `gunzip()` for these arguments
 */
export function gunzip(buffer: OneShotInput, callback: OneShotCallback): void;
export function gunzip(buffer: OneShotInput, options: OneShotOptions, callback: OneShotCallback): void;
export function gunzip(
  buffer: OneShotInput,
  options: OneShotOptions | OneShotCallback,
  callback?: OneShotCallback,
): void {
  defaultPool.gunzip(buffer, options as OneShotOptions, callback as OneShotCallback);
}

/**
 * Decompresses one message on the calling thread, on `defaultPool`, as node:zlib's `gunzipSync()`.
 * @param buffer - all of the compressed bytes
 * @param options - options of node:zlib, and limits. Default none
 * @throws The errors of node:zlib's `gunzipSync()`, `ERR_RATIO_TOO_HIGH`, `ERR_POOL_CLOSED`
 */
export function gunzipSync(buffer: OneShotInput, options?: OneShotOptions): Buffer {
  return defaultPool.gunzipSync(buffer, options);
}

/**
 * Decompresses one message on `defaultPool` as node:zlib's `inflate()`: the zlib wrapper, RFC 1950.
 * @param buffer - all of the compressed bytes
 * @param options - options of node:zlib, and limits. Default none
 * @param callback - called once, never during this call, with an error or the output
 * @throws The errors of node:zlib's `inflate()` for these arguments
 */
export function inflate(buffer: OneShotInput, callback: OneShotCallback): void;
export function inflate(buffer: OneShotInput, options: OneShotOptions, callback: OneShotCallback): void;
export function inflate(
  buffer: OneShotInput,
  options: OneShotOptions | OneShotCallback,
  callback?: OneShotCallback,
): void {
  defaultPool.inflate(buffer, options as OneShotOptions, callback as OneShotCallback);
}

/**
 * Decompresses one message on the calling thread, on `defaultPool`, as node:zlib's `inflateSync()`.
 * @param buffer - all of the compressed bytes
 * @param options - options of node:zlib, and limits. Default none
 * @throws The errors of node:zlib's `inflateSync()`, `ERR_RATIO_TOO_HIGH`, `ERR_POOL_CLOSED`
 */
export function inflateSync(buffer: OneShotInput, options?: OneShotOptions): Buffer {
  return defaultPool.inflateSync(buffer, options);
}

/**
 * Decompresses one message on `defaultPool` as node:zlib's `inflateRaw()`: bare deflate data, RFC 1951.
 * @param buffer - all of the compressed bytes
 * @param options - options of node:zlib, and limits. Default none
 * @param callback - called once, never during this call, with an error or the output
 * @throws The errors of node:zlib's `inflateRaw()` for these arguments
 */
export function inflateRaw(buffer: OneShotInput, callback: OneShotCallback): void;
export function inflateRaw(buffer: OneShotInput, options: OneShotOptions, callback: OneShotCallback): void;
export function inflateRaw(
  buffer: OneShotInput,
  options: OneShotOptions | OneShotCallback,
  callback?: OneShotCallback,
): void {
  defaultPool.inflateRaw(buffer, options as OneShotOptions, callback as OneShotCallback);
}

/**
 * Decompresses one message on the calling thread, on `defaultPool`, as node:zlib's `inflateRawSync()`.
 * @param buffer - all of the compressed bytes
 * @param options - options of node:zlib, and limits. Default none
 * @throws The errors of node:zlib's `inflateRawSync()`, `ERR_RATIO_TOO_HIGH`, `ERR_POOL_CLOSED`
 */
export function inflateRawSync(buffer: OneShotInput, options?: OneShotOptions): Buffer {
  return defaultPool.inflateRawSync(buffer, options);
}

/**
 * Decompresses one message on `defaultPool` as node:zlib's `unzip()`: gzip or the zlib wrapper, as detected.
 * @param buffer - all of the compressed bytes
 * @param options - options of node:zlib, and limits. Default none
 * @param callback - called once, never during this call, with an error or the output
 * @throws The errors of node:zlib's `unzip()` for these arguments
 */
export function unzip(buffer: OneShotInput, callback: OneShotCallback): void;
export function unzip(buffer: OneShotInput, options: OneShotOptions, callback: OneShotCallback): void;
export function unzip(
  buffer: OneShotInput,
  options: OneShotOptions | OneShotCallback,
  callback?: OneShotCallback,
): void {
  defaultPool.unzip(buffer, options as OneShotOptions, callback as OneShotCallback);
}

/**
 * Decompresses one message on the calling thread, on `defaultPool`, as node:zlib's `unzipSync()`.
 * @param buffer - all of the compressed bytes
 * @param options - options of node:zlib, and limits. Default none
 * @throws The errors of node:zlib's `unzipSync()`, `ERR_RATIO_TOO_HIGH`, `ERR_POOL_CLOSED`
 */
export function unzipSync(buffer: OneShotInput, options?: OneShotOptions): Buffer {
  return defaultPool.unzipSync(buffer, options);
}

/**
 * Decompresses one message on `defaultPool` as node:zlib's `brotliDecompress()`: Brotli, RFC 7932.
 * @param buffer - all of the compressed bytes
 * @param options - options of node:zlib, and limits. Default none
 * @param callback - called once, never during this call, with an error or the output
 * @throws The errors of node:zlib's `brotliDecompress()` for these arguments
 */
export function brotliDecompress(buffer: OneShotInput, callback: OneShotCallback): void;
export function brotliDecompress(buffer: OneShotInput, options: OneShotOptions, callback: OneShotCallback): void;
export function brotliDecompress(
  buffer: OneShotInput,
  options: OneShotOptions | OneShotCallback,
  callback?: OneShotCallback,
): void {
  defaultPool.brotliDecompress(buffer, options as OneShotOptions, callback as OneShotCallback);
}

/**
 * Decompresses one message on the calling thread, on `defaultPool`, as node:zlib's `brotliDecompressSync()`.
 * @param buffer - all of the compressed bytes
 * @param options - options of node:zlib, and limits. Default none
 * @throws The errors of node:zlib's `brotliDecompressSync()`, `ERR_RATIO_TOO_HIGH`, `ERR_POOL_CLOSED`
 */
export function brotliDecompressSync(buffer: OneShotInput, options?: OneShotOptions): Buffer {
  return defaultPool.brotliDecompressSync(buffer, options);
}

/**
 * Decompresses one message on `defaultPool` as node:zlib's `zstdDecompress()`: Zstandard, RFC 8878.
 * @param buffer - all of the compressed bytes
 * @param options - options of node:zlib, and limits. Default none
 * @param callback - called once, never during this call, with an error or the output
 * @throws `ERR_FORMAT_UNAVAILABLE` before Node 22.15. The errors of node:zlib's `zstdDecompress()` for these arguments
 */
export function zstdDecompress(buffer: OneShotInput, callback: OneShotCallback): void;
export function zstdDecompress(buffer: OneShotInput, options: OneShotOptions, callback: OneShotCallback): void;
export function zstdDecompress(
  buffer: OneShotInput,
  options: OneShotOptions | OneShotCallback,
  callback?: OneShotCallback,
): void {
  defaultPool.zstdDecompress(buffer, options as OneShotOptions, callback as OneShotCallback);
}

/**
 * Decompresses one message on the calling thread, on `defaultPool`, as node:zlib's `zstdDecompressSync()`.
 * @param buffer - all of the compressed bytes
 * @param options - options of node:zlib, and limits. Default none
 * @throws `ERR_FORMAT_UNAVAILABLE` before Node 22.15. The errors of node:zlib's `zstdDecompressSync()`, `ERR_RATIO_TOO_HIGH`, `ERR_POOL_CLOSED`
 */
export function zstdDecompressSync(buffer: OneShotInput, options?: OneShotOptions): Buffer {
  return defaultPool.zstdDecompressSync(buffer, options);
}

/** Factories with the names of node:zlib's, on the default pool. */
import type { DecompressStream } from '../streams/decompress.ts';
import type { DecompressOptions } from '../streams/options.ts';
import { defaultPool } from './pool.ts';

/**
 * Creates the stream of node:zlib's `createGunzip()` on `defaultPool`: gzip, RFC 1952.
 * @param options - options of node:zlib, and limits. Default none
 * @throws the errors of node:zlib's `createGunzip()` for these options
 */
export function createGunzip(options?: DecompressOptions): DecompressStream {
  return defaultPool.createGunzip(options);
}

/**
 * Creates the stream of node:zlib's `createInflate()` on `defaultPool`: the zlib wrapper, RFC 1950.
 * @param options - options of node:zlib, and limits. Default none
 * @throws the errors of node:zlib's `createInflate()` for these options
 */
export function createInflate(options?: DecompressOptions): DecompressStream {
  return defaultPool.createInflate(options);
}

/**
 * Creates the stream of node:zlib's `createInflateRaw()` on `defaultPool`: bare deflate, RFC 1951.
 * @param options - options of node:zlib, and limits. Default none
 * @throws the errors of node:zlib's `createInflateRaw()` for these options
 */
export function createInflateRaw(options?: DecompressOptions): DecompressStream {
  return defaultPool.createInflateRaw(options);
}

/**
 * Creates the stream of node:zlib's `createUnzip()` on `defaultPool`: gzip or the zlib wrapper.
 * @param options - options of node:zlib, and limits. Default none
 * @throws the errors of node:zlib's `createUnzip()` for these options
 */
export function createUnzip(options?: DecompressOptions): DecompressStream {
  return defaultPool.createUnzip(options);
}

/**
 * Creates the stream of node:zlib's `createBrotliDecompress()` on `defaultPool`: Brotli, RFC 7932.
 * @param options - options of node:zlib, and limits. Default none
 * @throws the errors of node:zlib's `createBrotliDecompress()` for these options
 */
export function createBrotliDecompress(options?: DecompressOptions): DecompressStream {
  return defaultPool.createBrotliDecompress(options);
}

/**
 * Creates the stream of node:zlib's `createZstdDecompress()` on `defaultPool`: Zstandard, RFC 8878.
 * @param options - options of node:zlib, and limits. Default none
 * @throws `ERR_FORMAT_UNAVAILABLE` before Node 22.15. The errors of node:zlib for these options
 */
export function createZstdDecompress(options?: DecompressOptions): DecompressStream {
  return defaultPool.createZstdDecompress(options);
}

/** Factories with the names of node:zlib's, on the default pool. */
import type { CompressStream } from '../streams/compress.ts';
import type { DecompressStream } from '../streams/decompress.ts';
import type { CompressOptions, DecompressOptions } from '../streams/options.ts';
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

/**
 * Creates the stream of node:zlib's `createGzip()` on `defaultPool`: gzip, RFC 1952.
 * @param options - options of node:zlib. Default none
 * @throws the errors of node:zlib's `createGzip()` for these options
 */
export function createGzip(options?: CompressOptions): CompressStream {
  return defaultPool.createGzip(options);
}

/**
 * Creates the stream of node:zlib's `createDeflate()` on `defaultPool`: the zlib wrapper, RFC 1950.
 * @param options - options of node:zlib. Default none
 * @throws the errors of node:zlib's `createDeflate()` for these options
 */
export function createDeflate(options?: CompressOptions): CompressStream {
  return defaultPool.createDeflate(options);
}

/**
 * Creates the stream of node:zlib's `createDeflateRaw()` on `defaultPool`: bare deflate, RFC 1951.
 * @param options - options of node:zlib. Default none
 * @throws the errors of node:zlib's `createDeflateRaw()` for these options
 */
export function createDeflateRaw(options?: CompressOptions): CompressStream {
  return defaultPool.createDeflateRaw(options);
}

/**
 * Creates the stream of node:zlib's `createBrotliCompress()` on `defaultPool`: Brotli, RFC 7932.
 * @param options - options of node:zlib. Default none
 * @throws the errors of node:zlib's `createBrotliCompress()` for these options
 */
export function createBrotliCompress(options?: CompressOptions): CompressStream {
  return defaultPool.createBrotliCompress(options);
}

/**
 * Creates the stream of node:zlib's `createZstdCompress()` on `defaultPool`: Zstandard, RFC 8878.
 * @param options - options of node:zlib. Default none
 * @throws `ERR_FORMAT_UNAVAILABLE` before Node 22.15. The errors of node:zlib for these options
 */
export function createZstdCompress(options?: CompressOptions): CompressStream {
  return defaultPool.createZstdCompress(options);
}

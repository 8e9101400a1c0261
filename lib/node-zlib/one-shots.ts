/** One-shot functions with the names of node:zlib's, on the default pool. */
import type { OneShot, OneShotSync } from '../streams/one-shot.ts';
import { defaultPool, type OneShotName, type ZlibPool } from './pool.ts';

/** Decompresses one message on `defaultPool` as node:zlib's `gunzip()`: gzip, RFC 1952. */
export const gunzip: OneShot = onDefaultPool('gunzip');

/**
 * Decompresses one message on `defaultPool` as node:zlib's `inflate()`: the zlib wrapper, RFC 1950.
 */
export const inflate: OneShot = onDefaultPool('inflate');

/**
 * Decompresses one message on `defaultPool` as node:zlib's `inflateRaw()`: bare deflate, RFC 1951.
 */
export const inflateRaw: OneShot = onDefaultPool('inflateRaw');

/** Decompresses one message on `defaultPool` as node:zlib's `unzip()`: gzip or the zlib wrapper. */
export const unzip: OneShot = onDefaultPool('unzip');

/**
 * Decompresses one message on `defaultPool` as node:zlib's `brotliDecompress()`: Brotli, RFC 7932.
 */
export const brotliDecompress: OneShot = onDefaultPool('brotliDecompress');

/**
 * Decompresses one message on `defaultPool` as node:zlib's `zstdDecompress()`: Zstandard, RFC 8878.
 * It throws `ERR_FORMAT_UNAVAILABLE` before Node 22.15.
 */
export const zstdDecompress: OneShot = onDefaultPool('zstdDecompress');

/** Compresses one message on `defaultPool` as node:zlib's `gzip()`: gzip, RFC 1952. */
export const gzip: OneShot = onDefaultPool('gzip');

/**
 * Compresses one message on `defaultPool` as node:zlib's `deflate()`: the zlib wrapper, RFC 1950.
 */
export const deflate: OneShot = onDefaultPool('deflate');

/**
 * Compresses one message on `defaultPool` as node:zlib's `deflateRaw()`: bare deflate, RFC 1951.
 */
export const deflateRaw: OneShot = onDefaultPool('deflateRaw');

/** Compresses one message on `defaultPool` as node:zlib's `brotliCompress()`: Brotli, RFC 7932. */
export const brotliCompress: OneShot = onDefaultPool('brotliCompress');

/**
 * Compresses one message on `defaultPool` as node:zlib's `zstdCompress()`: Zstandard, RFC 8878. It
 * throws `ERR_FORMAT_UNAVAILABLE` before Node 22.15.
 */
export const zstdCompress: OneShot = onDefaultPool('zstdCompress');

/** Runs `gunzip()` on the calling thread, as node:zlib's `gunzipSync()`. */
export const gunzipSync: OneShotSync = onDefaultPool('gunzipSync');

/** Runs `inflate()` on the calling thread, as node:zlib's `inflateSync()`. */
export const inflateSync: OneShotSync = onDefaultPool('inflateSync');

/** Runs `inflateRaw()` on the calling thread, as node:zlib's `inflateRawSync()`. */
export const inflateRawSync: OneShotSync = onDefaultPool('inflateRawSync');

/** Runs `unzip()` on the calling thread, as node:zlib's `unzipSync()`. */
export const unzipSync: OneShotSync = onDefaultPool('unzipSync');

/** Runs `brotliDecompress()` on the calling thread, as node:zlib's `brotliDecompressSync()`. */
export const brotliDecompressSync: OneShotSync = onDefaultPool('brotliDecompressSync');

/** Runs `zstdDecompress()` on the calling thread, as node:zlib's `zstdDecompressSync()`. */
export const zstdDecompressSync: OneShotSync = onDefaultPool('zstdDecompressSync');

/** Runs `gzip()` on the calling thread, as node:zlib's `gzipSync()`. */
export const gzipSync: OneShotSync = onDefaultPool('gzipSync');

/** Runs `deflate()` on the calling thread, as node:zlib's `deflateSync()`. */
export const deflateSync: OneShotSync = onDefaultPool('deflateSync');

/** Runs `deflateRaw()` on the calling thread, as node:zlib's `deflateRawSync()`. */
export const deflateRawSync: OneShotSync = onDefaultPool('deflateRawSync');

/** Runs `brotliCompress()` on the calling thread, as node:zlib's `brotliCompressSync()`. */
export const brotliCompressSync: OneShotSync = onDefaultPool('brotliCompressSync');

/** Runs `zstdCompress()` on the calling thread, as node:zlib's `zstdCompressSync()`. */
export const zstdCompressSync: OneShotSync = onDefaultPool('zstdCompressSync');

/** Returns a method of the default pool as a function, with the name that it has in node:zlib. */
function onDefaultPool<Name extends OneShotName>(name: Name): ZlibPool[Name] {
  const bound = defaultPool[name].bind(defaultPool) as ZlibPool[Name];
  return Object.defineProperty(bound, 'name', { value: name, configurable: true });
}

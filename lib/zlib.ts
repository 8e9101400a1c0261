/**
 * The names of node:zlib: its factories, as methods of a pool and as functions on a default pool.
 */
import { DecompressStream } from './decompress-stream.ts';
import type { Format } from './formats.ts';
import { Pool } from './pool.ts';
import type { DecompressOptions } from './stream-settings.ts';

/** A pool of zlib engines, and the factories of the streams that lease them. */
export class ZlibPool extends Pool {
  /** node:zlib's `createGunzip`: gzip, RFC 1952. @throws what that throws for its options */
  createGunzip(options?: DecompressOptions): DecompressStream {
    return new DecompressStream(this, 'gzip', options);
  }

  /** node:zlib's `createInflate`: the zlib wrapper, RFC 1950. @throws what that throws for its options */
  createInflate(options?: DecompressOptions): DecompressStream {
    return new DecompressStream(this, 'deflate', options);
  }

  /** node:zlib's `createInflateRaw`: bare deflate data, RFC 1951. @throws what that throws for its options */
  createInflateRaw(options?: DecompressOptions): DecompressStream {
    return new DecompressStream(this, 'deflate-raw', options);
  }

  /** The stream for a format. @throws `ERR_INVALID_ARG_VALUE` for an unknown one; what node:zlib throws for its options */
  createDecompress(format: Format, options?: DecompressOptions): DecompressStream {
    return new DecompressStream(this, format, options);
  }
}

/** The pool of the module-level factories. It starts no timer and makes no engine before it is used. */
export const defaultPool: ZlibPool = new ZlibPool();

/** node:zlib's `createGunzip`, on `defaultPool`. */
export function createGunzip(options?: DecompressOptions): DecompressStream {
  return defaultPool.createGunzip(options);
}

/** node:zlib's `createInflate`, on `defaultPool`. */
export function createInflate(options?: DecompressOptions): DecompressStream {
  return defaultPool.createInflate(options);
}

/** node:zlib's `createInflateRaw`, on `defaultPool`. */
export function createInflateRaw(options?: DecompressOptions): DecompressStream {
  return defaultPool.createInflateRaw(options);
}

/**
 * The names of node:zlib: its factories, as methods of a pool and as functions on a default pool.
 */

import type { Format } from '../engine/codec.ts';
import { codedError } from '../errors.ts';
import type { Lease } from '../pool/lease.ts';
import { Pool } from '../pool/pool.ts';
import { type CodecOptions, type LeaseOptions, lease, tryLease } from '../streams/codec-lease.ts';
import type { DecompressStream } from '../streams/decompress.ts';
import { decompress, decompressSync, type MessageOptions, type SyncMessageOptions } from '../streams/message.ts';
import type { DecompressOptions } from '../streams/options.ts';
import { shown } from '../validate.ts';
import { poolOptionsOf } from './environment.ts';
import { decompressStream } from './stock-shape.ts';

/** A pool of decompressing engines, and the factories of the streams that lease them. */
export class ZlibPool extends Pool {
  /**
   * node:zlib's `createGunzip`: gzip, RFC 1952.
   * @param options - those of node:zlib, and limits; default none
   * @throws what node:zlib's `createGunzip` throws for them
   */
  createGunzip(options?: DecompressOptions): DecompressStream {
    return decompressStream(this, 'gzip', options);
  }

  /**
   * node:zlib's `createInflate`: the zlib wrapper, RFC 1950.
   * @param options - those of node:zlib, and limits; default none
   * @throws what node:zlib's `createInflate` throws for them
   */
  createInflate(options?: DecompressOptions): DecompressStream {
    return decompressStream(this, 'deflate', options);
  }

  /**
   * node:zlib's `createInflateRaw`: bare deflate data, RFC 1951.
   * @param options - those of node:zlib, and limits; default none
   * @throws what node:zlib's `createInflateRaw` throws for them
   */
  createInflateRaw(options?: DecompressOptions): DecompressStream {
    return decompressStream(this, 'deflate-raw', options);
  }

  /**
   * node:zlib's `createUnzip`: gzip or the zlib wrapper, as the data says.
   * @param options - those of node:zlib, and limits; default none
   * @throws what node:zlib's `createUnzip` throws for them
   */
  createUnzip(options?: DecompressOptions): DecompressStream {
    return decompressStream(this, 'unzip', options);
  }

  /**
   * node:zlib's `createBrotliDecompress`: Brotli, RFC 7932.
   * @param options - those of node:zlib, and limits; default none
   * @throws what node:zlib's `createBrotliDecompress` throws for them
   */
  createBrotliDecompress(options?: DecompressOptions): DecompressStream {
    return decompressStream(this, 'br', options);
  }

  /**
   * node:zlib's `createZstdDecompress`: Zstandard, RFC 8878.
   * @param options - those of node:zlib, and limits; default none
   * @throws `ERR_FORMAT_UNAVAILABLE` before Node 22.15; what node:zlib throws for its options
   */
  createZstdDecompress(options?: DecompressOptions): DecompressStream {
    return decompressStream(this, 'zstd', options);
  }

  /**
   * The stream for a format that is known only when the program runs.
   * @param format - of the data
   * @param options - those of node:zlib's stream for it, and limits; default none
   * @throws `ERR_INVALID_ARG_VALUE` for an unknown one, `ERR_FORMAT_UNAVAILABLE` for one that this Node does not have; what
   * node:zlib throws for its options
   */
  createDecompress(format: Format, options?: DecompressOptions): DecompressStream {
    return decompressStream(this, format, options);
  }

  /**
   * Leases an engine now, for a synchronous codec of one's own. Streams and messages lease for themselves.
   * @param format - of the data
   * @param options - those of node:zlib's stream for it that concern the engine, and limits of each `writeSync()`; default none
   * @returns `undefined` where all engines that the pool may have are out, or a waiter is before this caller
   * @throws `ERR_POOL_CLOSED`; `ERR_INVALID_ARG_VALUE` for an unknown format, `ERR_FORMAT_UNAVAILABLE` for one that this Node does
   * not have; what node:zlib throws for its options
   */
  tryLease(format: Format, options?: CodecOptions): Lease | undefined {
    return tryLease(this, format, options, this.tryLease);
  }

  /**
   * Leases an engine, now or when its turn has come.
   * @param format - of the data
   * @param options - as for `tryLease`; `signal`, default none
   * @returns rejects with `ERR_POOL_TIMEOUT`, `ERR_POOL_QUEUE_FULL`, `ERR_POOL_CLOSED` or the error the pool was destroyed with,
   * `ABORT_ERR`, and what `tryLease` throws
   */
  lease(format: Format, options?: LeaseOptions): Promise<Lease> {
    return lease(this, format, options, this.lease);
  }

  /**
   * Decompresses one message. What is behind its end is treated as by `node:zlib`'s one-shot functions. `message` belongs to
   * this call until the promise is settled.
   * @param message - all of the compressed bytes
   * @param format - of the message
   * @param options - limits, default the pool's; `signal`, default none
   * @returns rejects with the error that node:zlib makes of bad data, `ERR_BUFFER_TOO_LARGE`, `ABORT_ERR`, `ERR_POOL_CLOSED`,
   * `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`, `ERR_FORMAT_UNAVAILABLE`
   */
  decompress(
    message: NodeJS.ArrayBufferView | ArrayBufferLike,
    format: Format,
    options?: MessageOptions,
  ): Promise<Buffer> {
    return decompress(this, message, format, options);
  }

  /**
   * Decompresses one message on the main thread, as `node:zlib`'s `gunzipSync` and its like do.
   * @param message - all of the compressed bytes
   * @param format - of the message
   * @param options - limits, default the pool's
   * @throws what `decompress` rejects with
   */
  decompressSync(
    message: NodeJS.ArrayBufferView | ArrayBufferLike,
    format: Format,
    options?: SyncMessageOptions,
  ): Buffer {
    return decompressSync(this, message, format, options);
  }
}

/**
 * The pool of the module-level factories, of `install()` and of `zlease/register`. The environment variables `ZLEASE_*` set its
 * options. It starts no timer and makes no engine before it is used.
 */
export const defaultPool: ZlibPool = new ZlibPool(poolOptionsOf(process.env));

/**
 * @internal The pool that an option names, or the default one.
 * @throws `ERR_INVALID_ARG_TYPE` for one that is no `ZlibPool`
 */
export function poolOf({ pool = defaultPool }: { pool?: ZlibPool }): ZlibPool {
  if (Pool.isPool(pool)) return pool;
  throw codedError('ERR_INVALID_ARG_TYPE', `options.pool must be a ZlibPool. Received ${shown(pool)}`);
}

/**
 * node:zlib's `createGunzip`, on `defaultPool`: gzip, RFC 1952.
 * @param options - those of node:zlib, and limits; default none
 * @throws what node:zlib's `createGunzip` throws for them
 */
export function createGunzip(options?: DecompressOptions): DecompressStream {
  return defaultPool.createGunzip(options);
}

/**
 * node:zlib's `createInflate`, on `defaultPool`: the zlib wrapper, RFC 1950.
 * @param options - those of node:zlib, and limits; default none
 * @throws what node:zlib's `createInflate` throws for them
 */
export function createInflate(options?: DecompressOptions): DecompressStream {
  return defaultPool.createInflate(options);
}

/**
 * node:zlib's `createInflateRaw`, on `defaultPool`: bare deflate data, RFC 1951.
 * @param options - those of node:zlib, and limits; default none
 * @throws what node:zlib's `createInflateRaw` throws for them
 */
export function createInflateRaw(options?: DecompressOptions): DecompressStream {
  return defaultPool.createInflateRaw(options);
}

/**
 * node:zlib's `createUnzip`, on `defaultPool`: gzip or the zlib wrapper, as the data says.
 * @param options - those of node:zlib, and limits; default none
 * @throws what node:zlib's `createUnzip` throws for them
 */
export function createUnzip(options?: DecompressOptions): DecompressStream {
  return defaultPool.createUnzip(options);
}

/**
 * node:zlib's `createBrotliDecompress`, on `defaultPool`: Brotli, RFC 7932.
 * @param options - those of node:zlib, and limits; default none
 * @throws what node:zlib's `createBrotliDecompress` throws for them
 */
export function createBrotliDecompress(options?: DecompressOptions): DecompressStream {
  return defaultPool.createBrotliDecompress(options);
}

/**
 * node:zlib's `createZstdDecompress`, on `defaultPool`: Zstandard, RFC 8878.
 * @param options - those of node:zlib, and limits; default none
 * @throws `ERR_FORMAT_UNAVAILABLE` before Node 22.15; what node:zlib throws for its options
 */
export function createZstdDecompress(options?: DecompressOptions): DecompressStream {
  return defaultPool.createZstdDecompress(options);
}

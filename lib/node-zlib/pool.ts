/**
 * The pool with the names of node:zlib as methods: factories of streams, and one-shot functions.
 * The other methods take the format as an argument. The file is longer than 250 lines, since each
 * name has its documentation.
 */
import { isMainThread } from 'node:worker_threads';
import type { Codec, CompressFormat, Format } from '../engine/codec.ts';
import { decoder, encoder } from '../engine/codecs.ts';
import { codedError } from '../errors.ts';
import type { Lease } from '../pool/lease.ts';
import { Pool } from '../pool/pool.ts';
import { type CodecOptions, type LeaseOptions, lease, tryLease } from '../streams/codec-lease.ts';
import type { CompressStream } from '../streams/compress.ts';
import type { DecompressStream } from '../streams/decompress.ts';
import {
  type OneShot,
  type OneShotCallback,
  type OneShotOptions,
  type OneShotSync,
  oneShot,
  oneShotSync,
} from '../streams/one-shot.ts';
import type { CompressOptions, DecompressOptions } from '../streams/options.ts';
import {
  type CompressMessageOptions,
  compress,
  compressSync,
  decompress,
  decompressSync,
  type MessageOptions,
  type SyncCompressMessageOptions,
  type SyncMessageOptions,
} from '../streams/whole.ts';
import { shown } from '../validate.ts';
import { poolOptionsOf, unknownVariables } from './environment.ts';
import { compressStream, decompressStream } from './stock-shape.ts';

/** Pool of engines of both directions, with the functions of node:zlib that lease them. */
export class ZlibPool extends Pool {
  /**
   * Creates the stream of node:zlib's `createGunzip()`: gzip, RFC 1952.
   * @param options - options of node:zlib, and limits. Default none
   * @throws the errors of node:zlib's `createGunzip()` for these options
   */
  createGunzip(options?: DecompressOptions): DecompressStream {
    return decompressStream(this, 'gzip', options);
  }

  /**
   * Creates the stream of node:zlib's `createInflate()`: the zlib wrapper, RFC 1950.
   * @param options - options of node:zlib, and limits. Default none
   * @throws the errors of node:zlib's `createInflate()` for these options
   */
  createInflate(options?: DecompressOptions): DecompressStream {
    return decompressStream(this, 'deflate', options);
  }

  /**
   * Creates the stream of node:zlib's `createInflateRaw()`: bare deflate data, RFC 1951.
   * @param options - options of node:zlib, and limits. Default none
   * @throws the errors of node:zlib's `createInflateRaw()` for these options
   */
  createInflateRaw(options?: DecompressOptions): DecompressStream {
    return decompressStream(this, 'deflate-raw', options);
  }

  /**
   * Creates the stream of node:zlib's `createUnzip()`: gzip or the zlib wrapper, as detected.
   * @param options - options of node:zlib, and limits. Default none
   * @throws the errors of node:zlib's `createUnzip()` for these options
   */
  createUnzip(options?: DecompressOptions): DecompressStream {
    return decompressStream(this, 'unzip', options);
  }

  /**
   * Creates the stream of node:zlib's `createBrotliDecompress()`: Brotli, RFC 7932.
   * @param options - options of node:zlib, and limits. Default none
   * @throws the errors of node:zlib's `createBrotliDecompress()` for these options
   */
  createBrotliDecompress(options?: DecompressOptions): DecompressStream {
    return decompressStream(this, 'br', options);
  }

  /**
   * Creates the stream of node:zlib's `createZstdDecompress()`: Zstandard, RFC 8878.
   * @param options - options of node:zlib, and limits. Default none
   * @throws `ERR_FORMAT_UNAVAILABLE` before Node 22.15. The errors of node:zlib for these options
   */
  createZstdDecompress(options?: DecompressOptions): DecompressStream {
    return decompressStream(this, 'zstd', options);
  }

  /**
   * Creates the stream for a format that is known only at run time.
   * @param format - format of the data
   * @param options - options of node:zlib's stream for the format, and limits. Default none
   * @throws `ERR_INVALID_ARG_VALUE` for an unknown format. `ERR_FORMAT_UNAVAILABLE` for a format
   * that this Node does not have. The errors of node:zlib for these options
   */
  createDecompress(format: Format, options?: DecompressOptions): DecompressStream {
    return decompressStream(this, format, options);
  }

  /**
   * Creates the stream of node:zlib's `createGzip()`: gzip, RFC 1952.
   * @param options - options of node:zlib. Default none
   * @throws the errors of node:zlib's `createGzip()` for these options
   */
  createGzip(options?: CompressOptions): CompressStream {
    return compressStream(this, 'gzip', options);
  }

  /**
   * Creates the stream of node:zlib's `createDeflate()`: the zlib wrapper, RFC 1950.
   * @param options - options of node:zlib. Default none
   * @throws the errors of node:zlib's `createDeflate()` for these options
   */
  createDeflate(options?: CompressOptions): CompressStream {
    return compressStream(this, 'deflate', options);
  }

  /**
   * Creates the stream of node:zlib's `createDeflateRaw()`: bare deflate data, RFC 1951.
   * @param options - options of node:zlib. Default none
   * @throws the errors of node:zlib's `createDeflateRaw()` for these options
   */
  createDeflateRaw(options?: CompressOptions): CompressStream {
    return compressStream(this, 'deflate-raw', options);
  }

  /**
   * Creates the stream of node:zlib's `createBrotliCompress()`: Brotli, RFC 7932.
   * @param options - options of node:zlib. Default none
   * @throws the errors of node:zlib's `createBrotliCompress()` for these options
   */
  createBrotliCompress(options?: CompressOptions): CompressStream {
    return compressStream(this, 'br', options);
  }

  /**
   * Creates the stream of node:zlib's `createZstdCompress()`: Zstandard, RFC 8878.
   * @param options - options of node:zlib. Default none
   * @throws `ERR_FORMAT_UNAVAILABLE` before Node 22.15. The errors of node:zlib for these options
   */
  createZstdCompress(options?: CompressOptions): CompressStream {
    return compressStream(this, 'zstd', options);
  }

  /**
   * Creates the compressing stream for a format that is known only at run time.
   * @param format - format of the output
   * @param options - options of node:zlib's stream for the format. Default none
   * @throws `ERR_INVALID_ARG_VALUE` for an unknown format. `ERR_FORMAT_UNAVAILABLE` for a format
   * that this Node does not have. The errors of node:zlib for these options
   */
  createCompress(format: CompressFormat, options?: CompressOptions): CompressStream {
    return compressStream(this, format, options);
  }

  /**
   * Leases an engine now, for a synchronous codec of the caller. Streams and messages acquire their
   * own leases.
   * @param format - format of the data
   * @param options - options of node:zlib's stream that concern the engine, and limits of each
   * `writeSync()`. Default none
   * @returns the lease, or `undefined` if all `maxLeased` engines are leased or other requests wait
   * @throws `ERR_POOL_CLOSED` or the error that the pool was destroyed with.
   * `ERR_ENGINE_UNAVAILABLE` if the native engine is required and does not pass its probe.
   * `ERR_INVALID_ARG_VALUE` for an unknown format. `ERR_FORMAT_UNAVAILABLE` for a format that this
   * Node does not have. The errors of node:zlib for these options
   */
  tryLease(format: Format, options?: CodecOptions): Lease | undefined {
    return tryLease(this, format, options, this.tryLease);
  }

  /**
   * Leases an engine, now or after a wait in the queue of the pool.
   * @param format - format of the data
   * @param options - options of `tryLease()`, and `signal`. Default none
   * @returns a promise of the lease. It rejects with `ERR_POOL_TIMEOUT`, `ERR_POOL_QUEUE_FULL`,
   * `ABORT_ERR`, and the errors of `tryLease()`
   */
  lease(format: Format, options?: LeaseOptions): Promise<Lease> {
    return lease(this, format, options, this.lease);
  }

  /**
   * Decompresses one message. Bytes after its end are treated as by node:zlib's one-shot functions.
   * The caller may not change the memory of `message` until the promise is settled.
   * @param message - all of the compressed bytes
   * @param format - format of the message
   * @param options - limits, default the pool's, and `signal`, default none
   * @returns a promise of the output. It rejects with the error of node:zlib for bad data,
   * `ERR_BUFFER_TOO_LARGE`, `ERR_RATIO_TOO_HIGH`, `ERR_BUFFER_DETACHED`, `ABORT_ERR`,
   * `ERR_POOL_TIMEOUT`, `ERR_POOL_QUEUE_FULL`, `ERR_POOL_CLOSED` or the error that the pool was
   * destroyed with, `ERR_ENGINE_UNAVAILABLE`, `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`,
   * `ERR_OUT_OF_RANGE`, `ERR_FORMAT_UNAVAILABLE`
   */
  decompress(
    message: NodeJS.ArrayBufferView | ArrayBufferLike,
    format: Format,
    options?: MessageOptions,
  ): Promise<Buffer> {
    return decompress(this, message, format, options);
  }

  /**
   * Decompresses one message on the calling thread, as node:zlib's `gunzipSync()` does.
   * @param message - all of the compressed bytes
   * @param format - format of the message
   * @param options - limits, default the pool's
   * @throws the errors of `decompress()`, except those of a wait and of `signal`
   */
  decompressSync(
    message: NodeJS.ArrayBufferView | ArrayBufferLike,
    format: Format,
    options?: SyncMessageOptions,
  ): Buffer {
    return decompressSync(this, message, format, options);
  }

  /**
   * Compresses one message. The caller may not change the memory of `message` until the promise is
   * settled.
   * @param message - all of the bytes
   * @param format - format of the output
   * @param options - options of node:zlib's one-shot function for the format, and `signal`. Default
   * none
   * @returns a promise of the output. It rejects with `ERR_BUFFER_TOO_LARGE` over
   * `maxOutputLength`, the errors of node:zlib for these options, and those of `decompress()` for
   * waits and for a closed pool
   */
  compress(
    message: NodeJS.ArrayBufferView | ArrayBufferLike,
    format: CompressFormat,
    options?: CompressMessageOptions,
  ): Promise<Buffer> {
    return compress(this, message, format, options);
  }

  /**
   * Compresses one message on the calling thread, as node:zlib's `gzipSync()` does.
   * @param message - all of the bytes
   * @param format - format of the output
   * @param options - options of node:zlib's one-shot function for the format. Default none
   * @throws the errors of `compress()`, except those of a wait and of `signal`
   */
  compressSync(
    message: NodeJS.ArrayBufferView | ArrayBufferLike,
    format: CompressFormat,
    options?: SyncCompressMessageOptions,
  ): Buffer {
    return compressSync(this, message, format, options);
  }

  /** Decompresses one message as node:zlib's `gunzip()`: gzip, RFC 1952. */
  declare readonly gunzip: OneShot;
  /** Decompresses one message as node:zlib's `inflate()`: the zlib wrapper, RFC 1950. */
  declare readonly inflate: OneShot;
  /** Decompresses one message as node:zlib's `inflateRaw()`: bare deflate data, RFC 1951. */
  declare readonly inflateRaw: OneShot;
  /** Decompresses one message as node:zlib's `unzip()`: gzip or the zlib wrapper, as detected. */
  declare readonly unzip: OneShot;
  /** Decompresses one message as node:zlib's `brotliDecompress()`: Brotli, RFC 7932. */
  declare readonly brotliDecompress: OneShot;
  /**
   * Decompresses one message as node:zlib's `zstdDecompress()`: Zstandard, RFC 8878. It throws
   * `ERR_FORMAT_UNAVAILABLE` before Node 22.15.
   */
  declare readonly zstdDecompress: OneShot;
  /** Compresses one message as node:zlib's `gzip()`: gzip, RFC 1952. */
  declare readonly gzip: OneShot;
  /** Compresses one message as node:zlib's `deflate()`: the zlib wrapper, RFC 1950. */
  declare readonly deflate: OneShot;
  /** Compresses one message as node:zlib's `deflateRaw()`: bare deflate data, RFC 1951. */
  declare readonly deflateRaw: OneShot;
  /** Compresses one message as node:zlib's `brotliCompress()`: Brotli, RFC 7932. */
  declare readonly brotliCompress: OneShot;
  /**
   * Compresses one message as node:zlib's `zstdCompress()`: Zstandard, RFC 8878. It throws
   * `ERR_FORMAT_UNAVAILABLE` before Node 22.15.
   */
  declare readonly zstdCompress: OneShot;

  /** `gunzip()` on the calling thread, as node:zlib's `gunzipSync()`. */
  declare readonly gunzipSync: OneShotSync;
  /** `inflate()` on the calling thread, as node:zlib's `inflateSync()`. */
  declare readonly inflateSync: OneShotSync;
  /** `inflateRaw()` on the calling thread, as node:zlib's `inflateRawSync()`. */
  declare readonly inflateRawSync: OneShotSync;
  /** `unzip()` on the calling thread, as node:zlib's `unzipSync()`. */
  declare readonly unzipSync: OneShotSync;
  /** `brotliDecompress()` on the calling thread, as node:zlib's `brotliDecompressSync()`. */
  declare readonly brotliDecompressSync: OneShotSync;
  /** `zstdDecompress()` on the calling thread, as node:zlib's `zstdDecompressSync()`. */
  declare readonly zstdDecompressSync: OneShotSync;
  /** `gzip()` on the calling thread, as node:zlib's `gzipSync()`. */
  declare readonly gzipSync: OneShotSync;
  /** `deflate()` on the calling thread, as node:zlib's `deflateSync()`. */
  declare readonly deflateSync: OneShotSync;
  /** `deflateRaw()` on the calling thread, as node:zlib's `deflateRawSync()`. */
  declare readonly deflateRawSync: OneShotSync;
  /** `brotliCompress()` on the calling thread, as node:zlib's `brotliCompressSync()`. */
  declare readonly brotliCompressSync: OneShotSync;
  /** `zstdCompress()` on the calling thread, as node:zlib's `zstdCompressSync()`. */
  declare readonly zstdCompressSync: OneShotSync;
}

/** Codecs of node:zlib's one-shot functions by name. Of all Nodes, so that each method exists. */
const oneShots = {
  gunzip: () => decoder('gzip'),
  inflate: () => decoder('deflate'),
  inflateRaw: () => decoder('deflate-raw'),
  unzip: () => decoder('unzip'),
  brotliDecompress: () => decoder('br'),
  zstdDecompress: () => decoder('zstd'),
  gzip: () => encoder('gzip'),
  deflate: () => encoder('deflate'),
  deflateRaw: () => encoder('deflate-raw'),
  brotliCompress: () => encoder('br'),
  zstdCompress: () => encoder('zstd'),
} as const satisfies Record<string, () => Codec>;

/** Name of a one-shot function of node:zlib. */
export type OneShotName = keyof typeof oneShots | `${keyof typeof oneShots}Sync`;

for (const [name, codec] of Object.entries(oneShots)) {
  const methods = {
    [name](this: Pool, buffer: unknown, options: OneShotOptions | OneShotCallback, callback: OneShotCallback): void {
      oneShot(this, codec(), buffer, options, callback);
    },
    [`${name}Sync`](this: Pool, buffer: unknown, options: OneShotOptions): Buffer {
      return oneShotSync(this, codec(), buffer, options);
    },
  };
  for (const [own, value] of Object.entries(methods)) {
    Object.defineProperty(ZlibPool.prototype, own, { configurable: true, writable: true, value });
  }
}

/**
 * Pool of the module-level functions, of `install()` and of `zlease/register`. The environment
 * variables `ZLEASE_*` set its options. It starts no timer and creates no engine before its first
 * use.
 */
export const defaultPool: ZlibPool = new ZlibPool(poolOptionsOf(process.env));

if (isMainThread) {
  for (const name of unknownVariables(process.env)) {
    process.emitWarning(`The environment variable ${name} is unknown to zlease`, {
      type: 'ZleaseWarning',
      code: 'ZLEASE_UNKNOWN_VARIABLE',
    });
  }
}

/**
 * @internal Returns the pool of an option, or the default pool.
 * @throws `ERR_INVALID_ARG_TYPE` for a value that is no `ZlibPool`
 */
export function poolOf({ pool = defaultPool }: { pool?: ZlibPool }): ZlibPool {
  if (Pool.isPool(pool)) return pool;
  throw codedError('ERR_INVALID_ARG_TYPE', `options.pool must be a ZlibPool. Received ${shown(pool)}`);
}

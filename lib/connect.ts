/**
 * `zlease/connect`: `Compression` objects for @connectrpc/connect-node. They are for
 * `acceptCompression` of its servers and clients, and for `sendCompression` of its clients. They
 * compress and decompress on a pool. Their bytes and errors are those of connect-node's own
 * compressions. Only this module imports @connectrpc/connect, an optional peer dependency. It needs
 * `ConnectError`, which has the code for the peer.
 */
import { Code, ConnectError } from '@connectrpc/connect';
import type { Compression } from '@connectrpc/connect/protocol';
import type { CompressFormat } from './engine/codec.ts';
import { formats } from './engine/codecs.ts';
import { grpcStatus } from './errors.ts';
import { poolOf, type ZlibPool } from './node-zlib/pool.ts';

/** Options of `createCompressions()`. */
export interface CompressionsOptions {
  /** Pool that leases the engines. Default: `defaultPool`. */
  pool?: ZlibPool;
}

/** gzip, br, and zstd on Node 22.15 and later. */
export type Compressions = [gzip: Compression, br: Compression, ...zstd: Compression[]];

/**
 * Returns all compressions of this Node on one pool, in the order in which a client asks for them.
 *
 * A message may become as long as the `readMaxBytes` of the server or client. Without
 * `readMaxBytes`, the limit is `maxOutputLength` of the pool. `decompress()` rejects with
 * `resource_exhausted` for a message over a limit, with `invalid_argument` for corrupt data, and
 * with `internal` for data that is cut short. Both methods reject with `unavailable` once the pool
 * is closed, and with `resource_exhausted` if its queue is full or a wait too long. The error of
 * zlib or of the pool is the `cause`. `compress()` has no options and no limits, as in
 * connect-node.
 *
 * A message that is marked as compressed and has no bytes counts as cut short, as in grpc-js.
 * connect-node's own compressions take it for an empty message.
 * @param options - `pool`, default `defaultPool`
 * @throws `ERR_INVALID_ARG_TYPE` for a pool that is no `ZlibPool`
 */
export function createCompressions(options: CompressionsOptions = {}): Compressions {
  const pool = poolOf(options);
  return [
    compression(pool, 'gzip'),
    compression(pool, 'br'),
    ...(formats.includes('zstd') ? [compression(pool, 'zstd')] : []),
  ];
}

const standard = createCompressions();

/** gzip, on `defaultPool`. It replaces connect-node's export of the same name. */
export const compressionGzip: Compression = standard[0];

/** Brotli, on `defaultPool`. It replaces connect-node's export of the same name. */
export const compressionBrotli: Compression = standard[1];

/** Zstandard, on `defaultPool`. `undefined` before Node 22.15. connect-node has none. */
export const compressionZstd: Compression | undefined = standard[2];

/** Returns one compression. HTTP and gRPC use the same name as `format`. */
function compression(pool: ZlibPool, format: CompressFormat): Compression {
  return {
    name: format,
    async compress(bytes) {
      try {
        return (await pool.compress(bytes, format)) as Buffer<ArrayBuffer>;
      } catch (error) {
        throw new ConnectError(
          'compression failed',
          codeOf(error as NodeJS.ErrnoException),
          undefined,
          undefined,
          error,
        );
      }
    },
    async decompress(bytes, readMaxBytes) {
      const limit = limitOf(pool, readMaxBytes);
      // connect-node accepts fractions.
      const maxOutputLength = Math.floor(limit.length);
      try {
        return (await pool.decompress(bytes, format, { maxOutputLength })) as Buffer<ArrayBuffer>;
      } catch (error) {
        throw connectError(error as NodeJS.ErrnoException, limit);
      }
    },
  };
}

/** Value that connect-node passes if `readMaxBytes` is not set. */
const NO_READ_MAX_BYTES = 0xffff_ffff;

/** Most bytes that a message may become, and the option that sets them. */
interface Limit {
  length: number;
  name: 'readMaxBytes' | 'maxOutputLength';
}

/** Returns the limit of a call. An option of the call overrides that of the pool. */
function limitOf({ settings }: ZlibPool, readMaxBytes: number): Limit {
  return readMaxBytes === NO_READ_MAX_BYTES && settings.maxOutputLength < readMaxBytes
    ? { length: settings.maxOutputLength, name: 'maxOutputLength' }
    : { length: readMaxBytes, name: 'readMaxBytes' };
}

/**
 * Codes for which connect-node reports `invalid_argument`. The code for data that is cut short is
 * not one of them. connect-node has no Zstandard. Its codes here follow the same rule.
 */
const DATA_ERROR = /^(Z_DATA_ERROR$|ERR_PADDING_2$|ERR__ERROR_FORMAT_|ZSTD_error_(?!memory_allocation$))/;

/** Returns `resource_exhausted` or `unavailable` if that is the error's status, else `internal`. */
function codeOf(error: NodeJS.ErrnoException): Code {
  // The codes of Connect are the numbers of gRPC's statuses.
  const status = grpcStatus(error.code);
  return status === Code.ResourceExhausted || status === Code.Unavailable ? status : Code.Internal;
}

/**
 * Returns the ConnectError for an error of decompression. The peer receives its text. The texts are
 * those of connect-node, but one names `maxOutputLength` if that is the limit.
 */
function connectError(error: NodeJS.ErrnoException, limit: Limit): ConnectError {
  let code = codeOf(error);
  let message = 'decompression failed';
  if (error.code === 'ERR_BUFFER_TOO_LARGE') {
    message = `message is larger than configured ${limit.name} ${limit.length} after decompression`;
  } else if (typeof error.code === 'string' && DATA_ERROR.test(error.code)) {
    code = Code.InvalidArgument;
  }
  return new ConnectError(message, code, undefined, undefined, error);
}

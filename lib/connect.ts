/**
 * `zlease/connect`: `Compression` objects for @connectrpc/connect-node, for `acceptCompression` of its servers and clients and
 * `sendCompression` of its clients. They decompress on a pool, compress as connect-node's own do, and tell the other side of an error
 * what those tell. This module alone imports @connectrpc/connect, an optional peer: only its ConnectError says what to answer.
 */
import { promisify } from 'node:util';
import type { ZlibOptions } from 'node:zlib';
import { Code, ConnectError } from '@connectrpc/connect';
import type { Compression } from '@connectrpc/connect/protocol';
import { zlib } from './engine/builtin-zlib.ts';
import type { Format } from './engine/codec.ts';
import { grpcStatus } from './errors.ts';
import { poolOf, type ZlibPool } from './node-zlib/factories.ts';

/** Of `createCompressions()`. */
export interface CompressionsOptions {
  /** Leases the engines. Default: `defaultPool`. */
  pool?: ZlibPool;
}

/** gzip, br, and zstd on a Node that has it: 22.15 and later. */
export type Compressions = [gzip: Compression, br: Compression, ...zstd: Compression[]];

/** Node 20 has no zstd, nor have its types. */
const { brotliCompress, gzip, zstdCompress } = zlib as typeof zlib & { zstdCompress?: typeof zlib.gzip };

/**
 * All compressions that this Node has, on one pool, in the order in which a client that is given them asks for them.
 *
 * The most bytes that a message may become is the `readMaxBytes` of the server or client, and where that has none, the pool's
 * `maxOutputLength`. Over it, or over any other limit of the pool, a message is answered with `resource_exhausted`; corrupt, with `invalid_argument`; cut short, with
 * `internal`; once the pool is closed, with `unavailable`. The error of zlib is the `cause`.
 *
 * A message that says it is compressed and has no bytes is cut short, as in grpc-js. connect-node's own compressions take it for an empty message.
 * @param options - `pool`, default `defaultPool`
 * @throws `ERR_INVALID_ARG_TYPE` for a pool that is none
 */
export function createCompressions(options: CompressionsOptions = {}): Compressions {
  const pool = poolOf(options);
  return [
    compression(pool, 'gzip', gzip),
    compression(pool, 'br', brotliCompress),
    ...(zstdCompress === undefined ? [] : [compression(pool, 'zstd', zstdCompress)]),
  ];
}

const standard = createCompressions();

/** gzip, on `defaultPool`; in place of connect-node's export of the same name. */
export const compressionGzip: Compression = standard[0];

/** Brotli, on `defaultPool`; in place of connect-node's export of the same name. */
export const compressionBrotli: Compression = standard[1];

/** Zstandard, on `defaultPool`. `undefined` before Node 22.15. connect-node has none. */
export const compressionZstd: Compression | undefined = standard[2];

/** `format` is what HTTP and gRPC call it too. */
function compression(pool: ZlibPool, format: Format, compressor: typeof zlib.gzip): Compression {
  const compress = promisify<Uint8Array, ZlibOptions, Buffer>(compressor);
  return {
    name: format,
    compress: (bytes) => compress(bytes, {}) as Promise<Buffer<ArrayBuffer>>,
    async decompress(bytes, readMaxBytes) {
      const limit = limitOf(pool, readMaxBytes);
      // connect-node takes fractions.
      const maxOutputLength = Math.floor(limit.length);
      try {
        return (await pool.decompress(bytes, format, { maxOutputLength })) as Buffer<ArrayBuffer>;
      } catch (error) {
        throw connectError(error as NodeJS.ErrnoException, limit);
      }
    },
  };
}

/** What connect-node says where its user has set no `readMaxBytes`. */
const NO_READ_MAX_BYTES = 0xffff_ffff;

/** The most bytes that a message may become, and which option says so. */
interface Limit {
  length: number;
  name: 'readMaxBytes' | 'maxOutputLength';
}

/** As everywhere, an option of the call goes before that of the pool. */
function limitOf({ settings }: ZlibPool, readMaxBytes: number): Limit {
  return readMaxBytes === NO_READ_MAX_BYTES && settings.maxOutputLength < readMaxBytes
    ? { length: settings.maxOutputLength, name: 'maxOutputLength' }
    : { length: readMaxBytes, name: 'readMaxBytes' };
}

/** Codes for which connect-node blames the peer. Data that is cut short is not among them. Those of Zstandard are chosen alike. */
const DATA_ERROR = /^(Z_DATA_ERROR$|ERR_PADDING_2$|ERR__ERROR_FORMAT_|ZSTD_error_(?!memory_allocation$))/;

/** What connect-node makes of an error, in its words: they go to the peer. */
function connectError(error: NodeJS.ErrnoException, limit: Limit): ConnectError {
  const status = grpcStatus(error.code);
  // The codes of Connect are the numbers of gRPC's statuses.
  let code = status === Code.ResourceExhausted || status === Code.Unavailable ? status : Code.Internal;
  let message = 'decompression failed';
  if (error.code === 'ERR_BUFFER_TOO_LARGE') {
    message = `message is larger than configured ${limit.name} ${limit.length} after decompression`;
  } else if (typeof error.code === 'string' && DATA_ERROR.test(error.code)) {
    code = Code.InvalidArgument;
  }
  return new ConnectError(message, code, undefined, undefined, error);
}

/**
 * Compresses by node:zlib's classes, which neither zlease/register nor a broken preload replaces. So the report has
 * the calls of a package, and none of its peer's.
 */
import { PassThrough } from 'node:stream';
import zlib, { type ZlibOptions } from 'node:zlib';

type Class = new (options?: object) => NodeJS.ReadWriteStream & { _processChunk(chunk: Buffer, flag: number): Buffer };
type Encode = (data: Uint8Array | string, options?: ZlibOptions & { params?: object }) => Buffer;

/** Their types have no constructors, and on Node 20 no Zstandard. */
const classes = zlib as unknown as Record<string, Class>;
const { Z_FINISH, BROTLI_OPERATION_FINISH } = zlib.constants;
const ZSTD_END = 2;

function encoder(name: string, last: number): Encode {
  return (data, options) =>
    new (classes[name] as Class)(options)._processChunk(Buffer.from(data as Uint8Array), options?.finishFlush ?? last);
}

export const gzip: Encode = encoder('Gzip', Z_FINISH);
export const deflate: Encode = encoder('Deflate', Z_FINISH);
export const deflateRaw: Encode = encoder('DeflateRaw', Z_FINISH);
export const brotli: Encode = encoder('BrotliCompress', BROTLI_OPERATION_FINISH);
/** Undefined on Node 20. */
export const zstd: Encode | undefined = classes.ZstdCompress && encoder('ZstdCompress', ZSTD_END);

/** A stream that decodes a content coding. */
export function decoder(encoding: string | undefined): NodeJS.ReadWriteStream {
  const name = { gzip: 'Gunzip', deflate: 'Inflate', br: 'BrotliDecompress', zstd: 'ZstdDecompress' }[encoding ?? ''];
  return name === undefined ? new PassThrough() : new (classes[name] as Class)();
}

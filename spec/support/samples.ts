/** Data to decompress, made from a seed. */
import zlib, { type ZlibOptions } from 'node:zlib';
import { json } from '../../bench/payloads.ts';
import { formats } from '../../lib/engine/codecs.ts';
import type { Format } from '../../lib/index.ts';

export { json, random } from '../../bench/payloads.ts';
/** Those that this Node has. */
export { formats };

const compressors: Record<Format, (data: Buffer, options?: ZlibOptions) => Buffer> = {
  gzip: zlib.gzipSync,
  deflate: zlib.deflateSync,
  'deflate-raw': zlib.deflateRawSync,
  unzip: zlib.gzipSync,
  br: (data, options) =>
    zlib.brotliCompressSync(data, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 4 }, ...options }),
  // Node 20 has none, nor have its types.
  zstd: (zlib as never as { zstdCompressSync: (data: Buffer) => Buffer }).zstdCompressSync,
};

export function compress(format: Format, data: string | Buffer, options?: ZlibOptions): Buffer {
  return compressors[format](Buffer.from(data), options);
}

export interface Sample {
  plain: Buffer;
  data: Buffer;
}

/** `plain` of about `length` bytes as a service sends it, and its gzip. */
export function sample(length: number, seed = 1, format: Format = 'gzip'): Sample {
  const plain = json(length, seed);
  return { plain, data: compress(format, plain) };
}

/** `data` in pieces of `length` bytes. */
export function pieces(data: Buffer, length: number): Buffer[] {
  const all: Buffer[] = [];
  for (let at = 0; at < data.length; at += length) all.push(data.subarray(at, at + length));
  return all;
}

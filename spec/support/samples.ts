/** Data to decompress, made from a seed. */
import { deflateRawSync, deflateSync, gzipSync, type InputType, type ZlibOptions } from 'node:zlib';
import { json } from '../../bench/payloads.ts';
import type { Format } from '../../lib/index.ts';

export { json, random } from '../../bench/payloads.ts';

const compressors = { gzip: gzipSync, deflate: deflateSync, 'deflate-raw': deflateRawSync };

export const formats: readonly Format[] = ['gzip', 'deflate', 'deflate-raw'];

export function compress(format: Format, data: InputType, options?: ZlibOptions): Buffer {
  return compressors[format](data, options);
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

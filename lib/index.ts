/**
 * `zlease`: pools of engines, and the streams and one-shot functions of node:zlib, which lease from
 * them.
 */

export type { CompressFormat, Direction, Format } from './engine/codec.ts';
export { type ErrorCode, errorCodes } from './errors.ts';
export {
  createBrotliCompress,
  createBrotliDecompress,
  createDeflate,
  createDeflateRaw,
  createGunzip,
  createGzip,
  createInflate,
  createInflateRaw,
  createUnzip,
  createZstdCompress,
  createZstdDecompress,
} from './node-zlib/factories.ts';
export { type InstallOptions, install } from './node-zlib/install.ts';
export {
  brotliCompress,
  brotliCompressSync,
  brotliDecompress,
  brotliDecompressSync,
  deflate,
  deflateRaw,
  deflateRawSync,
  deflateSync,
  gunzip,
  gunzipSync,
  gzip,
  gzipSync,
  inflate,
  inflateRaw,
  inflateRawSync,
  inflateSync,
  unzip,
  unzipSync,
  zstdCompress,
  zstdCompressSync,
  zstdDecompress,
  zstdDecompressSync,
} from './node-zlib/one-shots.ts';
export { defaultPool, ZlibPool } from './node-zlib/pool.ts';
export type { DiscardEvent, FailEvent, LeakEvent, LeaseEvent, ReleaseEvent, WaitEvent } from './observe/channels.ts';
export type { LeakDetection } from './observe/origin.ts';
export type { ObservedPool, PoolStats } from './observe/stats.ts';
export { Lease } from './pool/lease.ts';
export type { InlineOptions, Limits, ZlibPoolOptions } from './pool/options.ts';
export type { CodecOptions, LeaseOptions } from './streams/codec-lease.ts';
export { CompressStream } from './streams/compress.ts';
export { DecompressStream } from './streams/decompress.ts';
export type { OneShot, OneShotCallback, OneShotInput, OneShotOptions, OneShotSync } from './streams/one-shot.ts';
export type { CompressOptions, DecompressOptions } from './streams/options.ts';
export type {
  CompressMessageOptions,
  MessageOptions,
  SyncCompressMessageOptions,
  SyncMessageOptions,
} from './streams/whole.ts';

/**
 * `zlease`: pools of decompressing engines, and node:zlib's decompressing streams, which lease from
 * them.
 */

export type { Format } from './engine/codec.ts';
export { type ErrorCode, errorCodes } from './errors.ts';
export {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createUnzip,
  createZstdDecompress,
} from './node-zlib/factories.ts';
export { type InstallOptions, install } from './node-zlib/install.ts';
export {
  brotliDecompress,
  brotliDecompressSync,
  gunzip,
  gunzipSync,
  inflate,
  inflateRaw,
  inflateRawSync,
  inflateSync,
  unzip,
  unzipSync,
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
export { DecompressStream } from './streams/decompress.ts';
export type { MessageOptions, SyncMessageOptions } from './streams/message.ts';
export type { OneShot, OneShotCallback, OneShotInput, OneShotOptions, OneShotSync } from './streams/one-shot.ts';
export type { DecompressOptions } from './streams/options.ts';

/** `zlease`: pools of decompressing engines, and node:zlib's decompressing streams, which lease from them. */
export type { DiscardEvent, FailEvent, LeakEvent, LeaseEvent, ReleaseEvent, WaitEvent } from './channels.ts';
export { DecompressStream } from './decompress-stream.ts';
export { type ErrorCode, errorCodes } from './errors.ts';
export type { Format } from './formats.ts';
export { type InstallOptions, install } from './install.ts';
export { Lease } from './lease.ts';
export type { MessageOptions, SyncMessageOptions } from './message.ts';
export type { LeakDetection } from './origin.ts';
export type { LeaseOptions, PoolStats } from './pool.ts';
export type { InlineOptions, Limits, ZlibPoolOptions } from './pool-options.ts';
export type { DecompressOptions } from './stream-settings.ts';
export {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createUnzip,
  createZstdDecompress,
  defaultPool,
  ZlibPool,
} from './zlib.ts';

export { DecompressStream } from './decompress-stream.ts';
export { type ErrorCode, errorCodes } from './errors.ts';
export type { Format } from './formats.ts';
export { Lease } from './lease.ts';
export type { PoolStats } from './pool.ts';
export type { InlineOptions, ZlibPoolOptions } from './pool-options.ts';
export type { DecompressOptions } from './stream-settings.ts';
export { createGunzip, createInflate, createInflateRaw, defaultPool, ZlibPool } from './zlib.ts';

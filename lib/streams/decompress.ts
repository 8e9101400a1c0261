/** The decompressing stream. */
import type { Format } from '../engine/codec.ts';
import { decoder } from '../engine/codecs.ts';
import type { Pool } from '../pool/pool.ts';
import type { DecompressOptions } from './options.ts';
import { ZlibStream } from './zlib-stream.ts';

/**
 * A pooled decompression stream, made by the `create*` methods of a pool. Its options, methods,
 * events and errors are those of node:zlib's decompressing streams.
 */
export class DecompressStream extends ZlibStream {
  /**
   * @param pool - pool that leases the engine
   * @param format - format of the data
   * @param options - options of node:zlib, and limits. Default none
   * @throws the errors of the constructor of node:zlib's stream for these options
   */
  constructor(pool: Pool, format: Format, options?: DecompressOptions) {
    super(pool, decoder(format), options);
  }
}

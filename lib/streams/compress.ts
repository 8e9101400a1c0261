/** The compressing stream. */
import { zlib } from '../engine/builtin-zlib.ts';
import type { CompressFormat } from '../engine/codec.ts';
import { encoder } from '../engine/codecs.ts';
import type { Pool } from '../pool/pool.ts';
import { type CompressOptions, given } from './options.ts';
import { ZlibStream } from './zlib-stream.ts';

/**
 * A pooled compression stream, made by the `create*` methods of a pool. Its options, methods,
 * events, errors and output are those of node:zlib's compressing streams.
 */
export class CompressStream extends ZlibStream {
  /** @internal Level and strategy. `params()` of node:zlib compares its arguments with these. */
  declare _level: number;
  declare _strategy: number;

  /**
   * @param pool - pool that leases the engine
   * @param format - format of the output
   * @param options - options of node:zlib, and a limit. Default none
   * @throws the errors of the constructor of node:zlib's stream for these options
   */
  constructor(pool: Pool, format: CompressFormat, options?: CompressOptions) {
    const codec = encoder(format);
    super(pool, codec, options);
    if (!codec.byZlib) return;
    const { Z_DEFAULT_COMPRESSION, Z_DEFAULT_STRATEGY } = zlib.constants;
    this._level = given(options?.level) ?? Z_DEFAULT_COMPRESSION;
    this._strategy = given(options?.strategy) ?? Z_DEFAULT_STRATEGY;
  }

  /**
   * Flushes, and then changes level and strategy, as node:zlib's `params()`. For zlib's formats. It
   * has no effect on gzip, as in node:zlib.
   * @param level - compression level, -1 to 9
   * @param strategy - `Z_DEFAULT_STRATEGY` or another strategy of zlib
   * @param callback - called after the change
   * @throws `ERR_OUT_OF_RANGE` or `ERR_INVALID_ARG_TYPE` for an invalid argument
   */
  params(level: number, strategy: number, callback: () => void): void {
    zlib.Deflate.prototype.params.call(this as never, level, strategy, callback);
  }
}

/** The two directions of a stream, for specs that hold for both: gzip, of which `Sample` has both sides. */
import type { CompressStream, DecompressOptions, DecompressStream, ZlibPool } from '../../lib/index.ts';
import type { Sample } from './samples.ts';

export interface Direction {
  /** node:zlib's name of the factory. */
  readonly factory: 'createGunzip' | 'createGzip';
  readonly method: 'decompress' | 'compress';
  create(pool: ZlibPool, options?: DecompressOptions): DecompressStream | CompressStream;
  input(of: Sample): Buffer;
  output(of: Sample): Buffer;
  /** Whether the pool keeps engines. It closes encoders of the public kind: only a new stream is clean. */
  isKept(engine: string): boolean;
}

export const directions: Readonly<Record<'decompressing' | 'compressing', Direction>> = {
  decompressing: {
    factory: 'createGunzip',
    method: 'decompress',
    create: (pool, options) => pool.createGunzip(options),
    input: ({ data }) => data,
    output: ({ plain }) => plain,
    isKept: () => true,
  },
  compressing: {
    factory: 'createGzip',
    method: 'compress',
    create: (pool, options) => pool.createGzip(options),
    input: ({ plain }) => plain,
    output: ({ data }) => data,
    isKept: (engine) => engine === 'native',
  },
};

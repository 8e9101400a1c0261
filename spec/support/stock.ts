/** Decompressing streams of node:zlib itself, whatever `install()` has replaced. */
import type { ZlibOptions } from 'node:zlib';
import { decoder, stockStream as ofCodec, type StockStream } from '../../lib/engine/codec.ts';
import type { Format } from '../../lib/index.ts';

export function stockStream(format: Format, options?: ZlibOptions): StockStream {
  return ofCodec(decoder(format), options);
}

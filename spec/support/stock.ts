/** Streams of node:zlib itself, whatever `install()` has replaced. */
import type { ZlibOptions } from 'node:zlib';
import {
  type CompressFormat,
  decoder,
  encoder,
  stockStream as ofCodec,
  type StockStream,
} from '../../lib/engine/codec.ts';
import type { Format } from '../../lib/index.ts';

export function stockStream(format: Format, options?: ZlibOptions): StockStream {
  return ofCodec(decoder(format), options);
}

export function stockCompressor(format: CompressFormat, options?: ZlibOptions): StockStream {
  return ofCodec(encoder(format), options);
}

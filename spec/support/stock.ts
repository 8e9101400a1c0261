/** Streams and one-shot functions of node:zlib itself, whatever `install()` has replaced. */
import type { ZlibOptions } from 'node:zlib';
import { stockStream as ofCodec, type StockStream } from '../../lib/engine/codec.ts';
import { decoder, encoder } from '../../lib/engine/codecs.ts';
import type { CompressFormat, Format } from '../../lib/index.ts';

export function stockStream(format: Format, options?: ZlibOptions): StockStream {
  return ofCodec(decoder(format), options);
}

export function stockCompressStream(format: CompressFormat, options?: ZlibOptions): StockStream {
  return ofCodec(encoder(format), options);
}

/** Output of a new encoder for one message. */
export function stockCompress(format: CompressFormat, message: Buffer, options?: object): Buffer {
  return encoder(format).sync(message, options);
}

export function stockDecompress(format: Format, data: Buffer): Buffer {
  return decoder(format).sync(data);
}

/** Whether this Node refuses the reset of an encoder in the middle of its data: from 26.12 on, for gzip and Zstandard. */
export function refusesReset(format: CompressFormat): boolean {
  const stream = stockCompressStream(format).on('error', () => {});
  const handle = (stream as never as { _handle: Record<string, (...args: unknown[]) => void> })._handle;
  handle.writeSync?.(encoder(format).fullFlush, Buffer.alloc(1), 0, 1, Buffer.alloc(100), 0, 100);
  stream.reset();
  const refused = stream.errored !== null;
  stream.close();
  return refused;
}

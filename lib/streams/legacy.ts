/**
 * The undocumented properties that old code reads from node:zlib's streams, such as `_handle`. They
 * belong to a stock stream with the same options, which is made when one of them is first read. It
 * is not the engine of the pooled stream. Only a lease gives access to the engine.
 */

import { type Codec, type StockStream, stockStream } from '../engine/codec.ts';
import type { StreamSettings } from './options.ts';
import type { ZlibStream } from './zlib-stream.ts';

/** The native handle of a stock stream, as far as old code uses it. */
export interface LegacyHandle {
  close(): void;
  reset(): void;
  params(level: number, strategy: number): void;
}

type Legacy = StockStream & { _handle: LegacyHandle } & Record<string, unknown>;

const donors = new WeakMap<ZlibStream, Legacy>();

/** Returns the stock stream whose properties `stream` shows. */
export function donorOf(stream: ZlibStream, settings: StreamSettings): Legacy {
  let donor = donors.get(stream);
  if (donor === undefined) {
    const { kind, chunkLength, limits, flush, finishFlush, info } = settings;
    donor = stockStream(kind.codec, {
      ...kind.options,
      ...(chunkLength === 0 ? {} : { chunkSize: chunkLength }),
      ...(limits?.maxOutputLength === undefined ? {} : { maxOutputLength: limits.maxOutputLength }),
      flush,
      finishFlush,
      info,
    }) as Legacy;
    donors.set(stream, donor);
  }
  return donor;
}

/**
 * Returns a handle to show as `_handle`. Old code replaces `close` during `_processChunk()`, to
 * keep the window. So `close` is an own property that can be replaced and put back.
 * @param onClose - called by `close`
 * @param onReset - called by `reset`
 * @param onParams - called by `params`
 */
export function legacyHandle(
  stream: ZlibStream,
  settings: StreamSettings,
  onClose: () => void,
  onReset: () => void,
  onParams: (level: number, strategy: number) => void,
): LegacyHandle {
  const handle = donorOf(stream, settings)._handle;
  const { close, reset, params } = handle;
  return Object.assign(handle, {
    close() {
      close.call(handle);
      onClose();
    },
    reset() {
      reset.call(handle);
      onReset();
    },
    params(level: number, strategy: number) {
      params.call(handle, level, strategy);
      onParams(level, strategy);
    },
  });
}

/** Properties that zlease itself defines, or that mean nothing on a decompressing stream. */
const OWN = /^_(handle|level|strategy|events|eventsCount|maxListeners|readableState|writableState)$/;

/** Returns the names of the other undocumented properties of node:zlib's streams on this Node. */
export function legacyNames(codec: Codec): string[] {
  const stock = stockStream(codec);
  const names = Object.keys(stock).filter((name) => name.startsWith('_') && !OWN.test(name));
  stock.close();
  return names;
}

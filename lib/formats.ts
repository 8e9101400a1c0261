/**
 * The formats: which class of node:zlib decodes each, and which of its engines may serve a second
 * stream. Everything that must never mix in a pool is part of an `EngineKind`.
 */

import zlib, { type ZlibOptions } from 'node:zlib';
import { codedError } from './errors.ts';

/** gzip: RFC 1952. deflate: the zlib wrapper, RFC 1950. deflate-raw: RFC 1951. */
export type Format = 'gzip' | 'deflate' | 'deflate-raw';

/** A decompressing stream of node:zlib, as far as zlease builds on it. */
export type StockStream = zlib.Gunzip & zlib.ZlibReset;

// The classes, not the create* functions: those may have been replaced by another copy of this library.
const stockClasses = new Map<Format, new (options?: ZlibOptions) => StockStream>([
  ['gzip', zlib.Gunzip as never],
  ['deflate', zlib.Inflate as never],
  ['deflate-raw', zlib.InflateRaw as never],
]);

export const formats: readonly Format[] = Object.freeze([...stockClasses.keys()]);

/** @throws `ERR_INVALID_ARG_VALUE` for anything but a format. */
export function checkFormat(format: Format): void {
  if (!stockClasses.has(format)) {
    throw codedError(
      'ERR_INVALID_ARG_VALUE',
      `format must be one of ${formats.join(', ')}. Received ${String(format)}`,
    );
  }
}

/** A stream of node:zlib itself. Throws what its constructor throws. */
export function stockStream(format: Format, options?: ZlibOptions): StockStream {
  const Stock = stockClasses.get(format) as new (options?: ZlibOptions) => StockStream;
  return new Stock(options);
}

/** What tells engines apart. Kinds that may be reused are interned: the same settings give the same object. */
export interface EngineKind {
  readonly format: Format;
  /** False: an engine of this kind serves one stream and is closed after it. */
  readonly reusable: boolean;
  /** The options its node:zlib stream is made with. */
  readonly options: Readonly<ZlibOptions & { rejectGarbageAfterEnd?: boolean }>;
}

/** zlib's own default, and what a stream without options gets. */
const DEFAULT_WINDOW_BITS = zlib.constants.Z_DEFAULT_WINDOWBITS;

const interned = new Map<string, EngineKind>();

/**
 * The kind of engine for these settings. `windowBits` undefined means 15: node:zlib turns a missing
 * value into 0 ("as the header says") once any options object is given, which accepts the same
 * messages. An explicit 0 sticks to the first message's window, so such an engine is not reusable;
 * nor is one with a dictionary.
 */
export function engineKind(
  format: Format,
  windowBits?: number,
  rejectGarbageAfterEnd = false,
  dictionary?: ZlibOptions['dictionary'],
): EngineKind {
  if (windowBits === 0 || dictionary !== undefined) {
    const options = { windowBits: windowBits ?? DEFAULT_WINDOW_BITS, rejectGarbageAfterEnd, dictionary };
    return Object.freeze({ format, reusable: false, options: Object.freeze(options) });
  }
  const key = `${format} ${windowBits ?? DEFAULT_WINDOW_BITS} ${rejectGarbageAfterEnd}`;
  let kind = interned.get(key);
  if (kind === undefined) {
    const options = Object.freeze({ windowBits: windowBits ?? DEFAULT_WINDOW_BITS, rejectGarbageAfterEnd });
    kind = Object.freeze({ format, reusable: true, options });
    interned.set(key, kind);
  }
  return kind;
}

/**
 * The formats: which class of node:zlib decodes each, its flush constants, and which of its engines may serve a
 * second stream. Everything that must never mix in a pool is part of an `EngineKind`.
 */

import type { BrotliOptions, Gunzip, ZlibOptions, ZlibReset } from 'node:zlib';
import { codedError } from '../errors.ts';
import { shown } from '../validate.ts';
import { zlib } from './builtin-zlib.ts';

/**
 * gzip: RFC 1952. deflate: the zlib wrapper, RFC 1950. deflate-raw: RFC 1951. unzip: gzip or deflate, as the data
 * says. br: Brotli, RFC 7932. zstd: Zstandard, RFC 8878, on Node 22.15 and later.
 */
export type Format = 'gzip' | 'deflate' | 'deflate-raw' | 'unzip' | 'br' | 'zstd';

/** A decompressing stream of node:zlib, as far as zlease builds on it. */
export type StockStream = Gunzip & ZlibReset;

/** What of a stream's options makes its engine another than that of a stream without options. */
export interface EngineOptions {
  windowBits?: number | undefined;
  dictionary?: ZlibOptions['dictionary'];
  params?: BrotliOptions['params'] | undefined;
  pledgedSrcSize?: number | undefined;
  rejectGarbageAfterEnd?: boolean | undefined;
}

type StockClass = (new (options?: ZlibOptions) => StockStream) & { prototype: StockStream };

interface Traits {
  /** The class, not the create* function: that may have been replaced, by another copy of this library for one. */
  Stock: StockClass;
  /** Flush constants go from 0 to this. */
  lastFlush: number;
  finishFlush: number;
  fullFlush: number;
  /** Driven by zlib: has windows and levels. */
  byZlib: boolean;
  /** Name of node:zlib's synchronous one-shot function. */
  syncName: string;
}

const { Z_BLOCK, Z_FINISH, Z_FULL_FLUSH, Z_DEFAULT_WINDOWBITS } = zlib.constants;
const { BROTLI_OPERATION_EMIT_METADATA, BROTLI_OPERATION_FINISH, BROTLI_OPERATION_FLUSH } = zlib.constants;
// ZSTD_e_flush and ZSTD_e_end, which Node 20 has no names for.
const ZSTD_FLUSH = 1;
const ZSTD_END = 2;

const all = new Map<Format, Traits>();
const zlibFlushes = { lastFlush: Z_BLOCK, finishFlush: Z_FINISH, fullFlush: Z_FULL_FLUSH, byZlib: true };
all.set('gzip', { Stock: zlib.Gunzip as never, syncName: 'gunzipSync', ...zlibFlushes });
all.set('deflate', { Stock: zlib.Inflate as never, syncName: 'inflateSync', ...zlibFlushes });
all.set('deflate-raw', { Stock: zlib.InflateRaw as never, syncName: 'inflateRawSync', ...zlibFlushes });
all.set('unzip', { Stock: zlib.Unzip as never, syncName: 'unzipSync', ...zlibFlushes });
all.set('br', {
  Stock: zlib.BrotliDecompress as never,
  syncName: 'brotliDecompressSync',
  lastFlush: BROTLI_OPERATION_EMIT_METADATA,
  finishFlush: BROTLI_OPERATION_FINISH,
  fullFlush: BROTLI_OPERATION_FLUSH,
  byZlib: false,
});
const { ZstdDecompress } = zlib as { ZstdDecompress?: unknown };
if (ZstdDecompress !== undefined) {
  all.set('zstd', {
    Stock: ZstdDecompress as never,
    syncName: 'zstdDecompressSync',
    lastFlush: ZSTD_END,
    finishFlush: ZSTD_END,
    fullFlush: ZSTD_FLUSH,
    byZlib: false,
  });
}

/** The formats that this Node has. */
export const formats: readonly Format[] = Object.freeze([...all.keys()]);

/** @throws `ERR_INVALID_ARG_VALUE` for anything but a format, `ERR_FORMAT_UNAVAILABLE` for zstd on a Node without it. */
export function formatTraits(format: Format): Readonly<Traits> {
  const traits = all.get(format);
  if (traits !== undefined) return traits;
  if (format === 'zstd') {
    throw codedError('ERR_FORMAT_UNAVAILABLE', `zstd needs Node 22.15 or later. This is Node ${process.versions.node}`);
  }
  throw codedError('ERR_INVALID_ARG_VALUE', `format must be one of ${formats.join(', ')}. Received ${shown(format)}`);
}

/** A stream of node:zlib itself. Throws what its constructor throws. */
export function stockStream(format: Format, options?: ZlibOptions): StockStream {
  const { Stock } = formatTraits(format);
  return new Stock(options);
}

/** What tells engines apart. Kinds that may be reused are interned: the same settings give the same object. */
export interface EngineKind {
  readonly format: Format;
  /** False: an engine of this kind serves one stream and is closed after it. */
  readonly reusable: boolean;
  /** The options its node:zlib stream is made with. */
  readonly options: Readonly<EngineOptions>;
  /** Of an unzip engine: what it has seen that it has to decode, and is set to for good. */
  readonly wrapper?: 'gzip' | 'deflate';
  /** Of unzip, as long as nothing was seen: the kinds it may turn out to be. */
  readonly detected?: { readonly gzip: EngineKind; readonly deflate: EngineKind };
}

const interned = new Map<string, EngineKind>();

/**
 * The kind of engine for these settings. `windowBits` undefined means 15: node:zlib turns a missing
 * value into 0 ("as the header says") once any options object is given, which accepts the same
 * messages. An explicit 0 sticks to the first message's window, so such an engine is not reusable; nor is one
 * with a dictionary or parameters, which a reset loses.
 */
export function engineKind(format: Format, settings: EngineOptions = {}): EngineKind {
  const { windowBits = Z_DEFAULT_WINDOWBITS, rejectGarbageAfterEnd = false, ...rest } = settings;
  const options: EngineOptions = Object.freeze({
    ...(formatTraits(format).byZlib ? { windowBits } : {}),
    rejectGarbageAfterEnd,
    ...rest,
  });
  if (options.windowBits === 0 || Object.values(rest).some((value) => value !== undefined)) {
    return Object.freeze({ format, reusable: false, options });
  }
  if (format !== 'unzip') return intern({ format, reusable: true, options });
  const gzip = intern({ format, reusable: true, options, wrapper: 'gzip' });
  const deflate = intern({ format, reusable: true, options, wrapper: 'deflate' });
  return intern({ format, reusable: false, options, detected: Object.freeze({ gzip, deflate }) });
}

function intern(kind: EngineKind): EngineKind {
  const { windowBits, rejectGarbageAfterEnd } = kind.options;
  const key = `${kind.format} ${windowBits} ${rejectGarbageAfterEnd} ${kind.wrapper}`;
  const known = interned.get(key);
  if (known !== undefined) return known;
  interned.set(key, Object.freeze(kind));
  return kind;
}

/** Whether an engine of this kind decodes gzip, whatever it was asked for. */
function isGzip(kind: EngineKind): boolean {
  return kind.format === 'gzip' || kind.wrapper === 'gzip';
}

/** Deflate expands by no more than this: a gzip trailer that says otherwise is not to be believed. */
const MAX_EXPANSION = 1_032;

/**
 * The length, of what `input` becomes, that gzip's last four bytes give (ISIZE, RFC 1952, section 2.3.1). 0 for none.
 * It decides where to inflate. It comes from the sender, and no memory is reserved by it alone.
 */
export function sizeHint(kind: EngineKind, input: Buffer): number {
  if (!isGzip(kind) || input.length < 18) return 0;
  const hint = input.readUInt32LE(input.length - 4);
  return hint <= input.length * MAX_EXPANSION ? hint : 0;
}

/** A gzip member's first two bytes: RFC 1952, section 2.3.1. */
const GZIP_ID1 = 0x1f;
const GZIP_ID2 = 0x8b;

/**
 * The kind of engine for data that begins like this. node:zlib's unzip decides by the first two bytes and stays with it
 * whatever comes, so its engines are kept apart by what they decided. One that sees less than it needs to
 * decide serves this stream only.
 */
export function kindFor(kind: EngineKind, input: Uint8Array): EngineKind {
  const { detected } = kind;
  if (detected === undefined || input.length === 0) return kind;
  if (input[0] !== GZIP_ID1) return detected.deflate;
  if (input.length === 1) return kind;
  return input[1] === GZIP_ID2 ? detected.gzip : detected.deflate;
}

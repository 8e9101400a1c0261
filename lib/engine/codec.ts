/**
 * Formats: the class of node:zlib for each, its flush constants, and the kinds of its engines. An
 * `EngineKind` has every property by which a pool must keep engines apart.
 */

import type { BrotliOptions, Gunzip, ZlibOptions, ZlibReset } from 'node:zlib';
import { codedError } from '../errors.ts';
import { shown } from '../validate.ts';
import { zlib } from './builtin-zlib.ts';

/**
 * Format of compressed data. gzip: RFC 1952. deflate: the zlib wrapper, RFC 1950. deflate-raw: RFC
 * 1951. unzip: gzip or deflate, as detected. br: Brotli, RFC 7932. zstd: Zstandard, RFC 8878, on
 * Node 22.15 and later.
 */
export type Format = 'gzip' | 'deflate' | 'deflate-raw' | 'unzip' | 'br' | 'zstd';

/** Decompressing stream of node:zlib, as far as zlease uses it. */
export type StockStream = Gunzip & ZlibReset;

/** Options of a stream that decide the kind of its engine. */
export interface EngineOptions {
  windowBits?: number | undefined;
  dictionary?: ZlibOptions['dictionary'];
  params?: BrotliOptions['params'] | undefined;
  pledgedSrcSize?: number | undefined;
  rejectGarbageAfterEnd?: boolean | undefined;
}

type StockClass = (new (options?: ZlibOptions) => StockStream) & { prototype: StockStream };

/** Names of node:zlib's functions for a format. */
interface Names {
  readonly create: string;
  readonly once: string;
  readonly sync: string;
}

/** A one-shot function of node:zlib. */
export type OnceFunction = (
  buffer: unknown,
  options: unknown,
  callback: (error: Error | null, result?: Buffer) => void,
) => void;

/** A synchronous one-shot function of node:zlib. */
export type SyncFunction = (buffer: unknown, options?: unknown) => Buffer;

interface Traits {
  /** Class and not the `create*` function, which another copy of this library may have replaced. */
  Stock: StockClass;
  /** Highest flush constant. The lowest is 0. */
  lastFlush: number;
  finishFlush: number;
  fullFlush: number;
  /** True for the formats of zlib, which have windows and levels. */
  byZlib: boolean;
  /** Names of node:zlib's factory, one-shot function and synchronous one-shot function. */
  names: Names;
  /** The one-shot functions as they were when the library was loaded. `install()` replaces them. */
  once: OnceFunction;
  sync: SyncFunction;
}

const { Z_BLOCK, Z_FINISH, Z_FULL_FLUSH, Z_DEFAULT_WINDOWBITS } = zlib.constants;
const { BROTLI_OPERATION_EMIT_METADATA, BROTLI_OPERATION_FINISH, BROTLI_OPERATION_FLUSH } = zlib.constants;
// ZSTD_e_flush and ZSTD_e_end. Node 20 has no such constants.
const ZSTD_FLUSH = 1;
const ZSTD_END = 2;

function functions(once: string): Pick<Traits, 'names' | 'once' | 'sync'> {
  const names = { create: `create${once[0]?.toUpperCase()}${once.slice(1)}`, once, sync: `${once}Sync` };
  const all = zlib as unknown as Record<string, unknown>;
  return { names, once: all[names.once] as OnceFunction, sync: all[names.sync] as SyncFunction };
}

const all = new Map<Format, Traits>();
const zlibFlushes = { lastFlush: Z_BLOCK, finishFlush: Z_FINISH, fullFlush: Z_FULL_FLUSH, byZlib: true };
all.set('gzip', { Stock: zlib.Gunzip as never, ...functions('gunzip'), ...zlibFlushes });
all.set('deflate', { Stock: zlib.Inflate as never, ...functions('inflate'), ...zlibFlushes });
all.set('deflate-raw', { Stock: zlib.InflateRaw as never, ...functions('inflateRaw'), ...zlibFlushes });
all.set('unzip', { Stock: zlib.Unzip as never, ...functions('unzip'), ...zlibFlushes });
all.set('br', {
  Stock: zlib.BrotliDecompress as never,
  ...functions('brotliDecompress'),
  lastFlush: BROTLI_OPERATION_EMIT_METADATA,
  finishFlush: BROTLI_OPERATION_FINISH,
  fullFlush: BROTLI_OPERATION_FLUSH,
  byZlib: false,
});
const { ZstdDecompress } = zlib as { ZstdDecompress?: unknown };
if (ZstdDecompress !== undefined) {
  all.set('zstd', {
    Stock: ZstdDecompress as never,
    ...functions('zstdDecompress'),
    lastFlush: ZSTD_END,
    finishFlush: ZSTD_END,
    fullFlush: ZSTD_FLUSH,
    byZlib: false,
  });
}

/** Formats that this Node has. */
export const formats: readonly Format[] = Object.freeze([...all.keys()]);

/**
 * Returns the traits of a format.
 * @throws `ERR_INVALID_ARG_VALUE` for an unknown format. `ERR_FORMAT_UNAVAILABLE` for zstd on a
 * Node without it
 */
export function formatTraits(format: Format): Readonly<Traits> {
  const traits = all.get(format);
  if (traits !== undefined) return traits;
  if (format === 'zstd') {
    throw codedError('ERR_FORMAT_UNAVAILABLE', `zstd needs Node 22.15 or later. This is Node ${process.versions.node}`);
  }
  throw codedError('ERR_INVALID_ARG_VALUE', `format must be one of ${formats.join(', ')}. Received ${shown(format)}`);
}

/**
 * Creates a stream of node:zlib itself.
 * @throws the errors of `formatTraits()` and of the constructor
 */
export function stockStream(format: Format, options?: ZlibOptions): StockStream {
  const { Stock } = formatTraits(format);
  return new Stock(options);
}

/** Kind of an engine. Reusable kinds are interned: the same settings give the same object. */
export interface EngineKind {
  readonly format: Format;
  /** False: the pool closes an engine of this kind after its first lease. */
  readonly reusable: boolean;
  /** Options of the node:zlib stream of the engine. */
  readonly options: Readonly<EngineOptions>;
  /** Format that an unzip engine has detected, and decodes from then on. */
  readonly wrapper?: 'gzip' | 'deflate';
  /** Kinds that an unzip engine may become, before it has read any data. */
  readonly detected?: { readonly gzip: EngineKind; readonly deflate: EngineKind };
}

const interned = new Map<string, EngineKind>();

/**
 * Returns the kind of engine for these settings. `windowBits` undefined means 15. With any options
 * object, node:zlib turns a missing value into 0, the window of the header. That accepts the same
 * messages. After an explicit 0, an engine keeps the window of its first message, so it is not
 * reusable. An engine with a dictionary or with parameters is not reusable either. A reset would
 * keep the dictionary, and lose the parameters.
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

/** Returns whether an engine of this kind decodes gzip, as its format or as detected. */
function isGzip(kind: EngineKind): boolean {
  return kind.format === 'gzip' || kind.wrapper === 'gzip';
}

/** Highest ratio of deflate. A gzip trailer with a larger length is ignored. */
const MAX_EXPANSION = 1_032;

/**
 * Returns the output length of `input` in bytes, as its last four bytes state it (ISIZE, RFC 1952,
 * section 2.3.1). 0: unknown. The length decides where to inflate. It comes from the sender, so it
 * must not reserve memory by itself.
 */
export function sizeHint(kind: EngineKind, input: Buffer): number {
  if (!isGzip(kind) || input.length < 18) return 0;
  const hint = input.readUInt32LE(input.length - 4);
  return hint <= input.length * MAX_EXPANSION ? hint : 0;
}

/** First two bytes of a gzip member: RFC 1952, section 2.3.1. */
const GZIP_ID1 = 0x1f;
const GZIP_ID2 = 0x8b;

/**
 * Returns the kind of engine for data that begins with `input`. node:zlib's unzip detects the
 * format by the first two bytes, once for all messages. So its engines are kept apart by the
 * detected format. If `input` is too short to detect it, the engine is not reusable.
 */
export function kindFor(kind: EngineKind, input: Uint8Array): EngineKind {
  const { detected } = kind;
  if (detected === undefined || input.length === 0) return kind;
  if (input[0] !== GZIP_ID1) return detected.deflate;
  if (input.length === 1) return kind;
  return input[1] === GZIP_ID2 ? detected.gzip : detected.deflate;
}

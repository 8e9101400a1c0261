/**
 * Codecs: one interned object per format and direction, with everything that differs between them.
 * No other module compares formats. The file is longer than 250 lines, so that this is in one
 * place.
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

/** Format of data to compress. Only decompression detects a format. */
export type CompressFormat = Exclude<Format, 'unzip'>;

/** Direction of the work of an engine. */
export type Direction = 'compress' | 'decompress';

/** Stream of node:zlib, as far as zlease uses it. */
export type StockStream = Gunzip & ZlibReset;

/** Options of a stream that decide the kind of its engine. */
export interface EngineOptions {
  /** Base two logarithm of the window size, for zlib's formats. Default 15. */
  windowBits?: number | undefined;
  /** Level of compression, for zlib's formats. Default -1. */
  level?: number | undefined;
  /** Memory of an encoder of zlib's formats, from 1 to 9. Default 8. */
  memLevel?: number | undefined;
  /** Strategy of an encoder of zlib's formats. Default `Z_DEFAULT_STRATEGY`. */
  strategy?: number | undefined;
  /** Preset dictionary. Default: none. */
  dictionary?: ZlibOptions['dictionary'];
  /** Parameters of Brotli and Zstandard. Default: none. */
  params?: BrotliOptions['params'] | undefined;
  /** Length of all input of an encoder of Zstandard, in bytes. Default: unknown. */
  pledgedSrcSize?: number | undefined;
  /** Whether bytes after the end of the data are an error. Default false. */
  rejectGarbageAfterEnd?: boolean | undefined;
}

type StockClass = (new (options?: ZlibOptions) => StockStream) & { prototype: StockStream };

/** A one-shot function of node:zlib. */
export type OnceFunction = (
  buffer: unknown,
  options: unknown,
  callback: (error: Error | null, result?: Buffer) => void,
) => void;

/** A synchronous one-shot function of node:zlib. */
export type SyncFunction = (buffer: unknown, options?: unknown) => Buffer;

/** A format and a direction, with everything by which it differs from the others. */
export interface Codec {
  /** Format of the compressed data. */
  readonly format: Format;
  /** True for an encoder. */
  readonly compresses: boolean;
  /** Name of the direction, for channels and metrics. */
  readonly direction: Direction;
  /** Class and not the `create*` function, which another copy of this library may have replaced. */
  readonly Stock: StockClass;
  /** Names of node:zlib's factory, one-shot function and synchronous one-shot function. */
  readonly names: { readonly create: string; readonly once: string; readonly sync: string };
  /** The one-shot functions as they were when the library was loaded. `install()` replaces them. */
  readonly once: OnceFunction;
  /** The synchronous twin of `once`. */
  readonly sync: SyncFunction;
  /** Returns whether `once` tells the encoder the length of the input, which changes the output. */
  statesInputLength(): boolean;
  /** Highest flush constant. The lowest is 0. */
  readonly lastFlush: number;
  /** Flush constant that ends the data. */
  readonly finishFlush: number;
  /** Default of `flush()`. */
  readonly fullFlush: number;
  /** True for the formats of zlib, which have windows and levels. */
  readonly byZlib: boolean;
  /** True if the data states the length of its output at its end. */
  readonly statesLength: boolean;
  /** True if the encoder writes a header and a trailer around deflate-raw data itself. */
  readonly isFramed: boolean;
  /**
   * True if the place where node:zlib cuts input or output decides about later output. See
   * `endsWithChunk()`.
   */
  readonly isCutSensitive: boolean;
  /**
   * Longest input that an encoder may get in one write that also finishes the data, in bytes.
   * node:zlib makes two writes. The output is the same up to this length. -1: at no length.
   */
  readonly wholeLength: number;
  /** True if the codec finds the format by the first two bytes of the data. */
  readonly detects: boolean;
  /** Longest data of one owner after which an engine is small enough to be kept, in bytes. */
  readonly keptLength: number;
  /**
   * Time of a round trip to the threadpool, as the number of bytes of decompressed output that take
   * as long. An encoder has more memory, which moves to the caches of another core and back.
   */
  readonly tripWork: number;
  /** Parameters by which an encoder makes other output of the probe's text than without. */
  readonly probeParams?: EngineOptions['params'];
  /** Returns the slots of the threadpool that a write takes. See `threadpool.ts`. */
  slots(inputLength: number): number;
  /** See `EngineKind`. */
  workPerByte(options: EngineOptions): number;
  /** See `EngineKind`. */
  idleLength(options: EngineOptions): number;
}

const { Z_BLOCK, Z_FINISH, Z_FULL_FLUSH, Z_DEFAULT_WINDOWBITS, Z_DEFAULT_MEMLEVEL } = zlib.constants;
const { BROTLI_OPERATION_EMIT_METADATA, BROTLI_OPERATION_FINISH, BROTLI_OPERATION_FLUSH } = zlib.constants;
const { BROTLI_PARAM_QUALITY, BROTLI_DEFAULT_QUALITY } = zlib.constants;
// ZSTD_e_flush, ZSTD_e_end, ZSTD_c_compressionLevel, ZSTD_CLEVEL_DEFAULT. Node 20 has no such
// constants.
const ZSTD_FLUSH = 1;
const ZSTD_END = 2;
const ZSTD_PARAM_LEVEL = 100;
const ZSTD_DEFAULT_LEVEL = 3;

/**
 * Longest window that an idle Zstandard engine may hold, in bytes: as much as 256 messages of 1 KB.
 * A reset keeps that window, which grows with the message, up to 128 MB. zlib's window has 32 KB at
 * most. A reset frees that of Brotli.
 */
const KEPT_WINDOW_LENGTH = 262_144;

const zlibFamily = {
  lastFlush: Z_BLOCK,
  finishFlush: Z_FINISH,
  fullFlush: Z_FULL_FLUSH,
  byZlib: true,
  isCutSensitive: false,
  wholeLength: Number.POSITIVE_INFINITY,
  keptLength: Number.POSITIVE_INFINITY,
};
const brotliFamily = {
  ...zlibFamily,
  lastFlush: BROTLI_OPERATION_EMIT_METADATA,
  finishFlush: BROTLI_OPERATION_FINISH,
  fullFlush: BROTLI_OPERATION_FLUSH,
  byZlib: false,
};
const zstdFamily = {
  lastFlush: ZSTD_END,
  finishFlush: ZSTD_END,
  fullFlush: ZSTD_FLUSH,
  byZlib: false,
  isCutSensitive: true,
  // A frame states the length of its data if the first write has all of it.
  wholeLength: -1,
  keptLength: KEPT_WINDOW_LENGTH,
};

const decodes = {
  compresses: false,
  statesLength: false,
  isFramed: false,
  detects: false,
  statesInputLength: () => false,
  tripWork: 12_288,
  slots: () => 1,
  workPerByte: () => 1,
};
const inflates = {
  ...zlibFamily,
  ...decodes,
  idleLength: ({ windowBits = Z_DEFAULT_WINDOWBITS }: EngineOptions) => 2 ** (windowBits || 15) + 12_288,
};
// Times and memory were measured, the times with JSON. They are rounded up.
const encodes = {
  ...decodes,
  compresses: true,
  tripWork: 18_432,
  // Eight in flight give full speed. Each takes memory, and room in the caches of the processor.
  slots: () => 8,
};
const deflates = {
  ...zlibFamily,
  ...encodes,
  workPerByte: ({ level = -1 }: EngineOptions) => (level < 0 ? 6 : level < 4 ? 4 : level < 7 ? 6 : 12),
  // Window, hash chains, hash table and pending output, as zconf.h states.
  idleLength: ({ windowBits = Z_DEFAULT_WINDOWBITS, memLevel = Z_DEFAULT_MEMLEVEL }: EngineOptions) =>
    2 ** (windowBits + 2) + 2 ** (memLevel + 9) + 8_192,
};
const encodesBrotli = {
  ...brotliFamily,
  ...encodes,
  // Of the input: a write that fills a block, and a flush after it, make one block more. The
  // shortest block has 16 KB.
  isCutSensitive: true,
  wholeLength: 16_383,
  probeParams: { [BROTLI_PARAM_QUALITY]: 1 },
  // A thread allocates the memory when it begins a write. A write of up to 32 KB most often
  // finishes the message, and a reset frees the memory then.
  slots: (inputLength: number) => (inputLength <= 32_768 ? 1 : encodes.slots()),
  workPerByte({ params }: EngineOptions) {
    const quality = Number(params?.[BROTLI_PARAM_QUALITY] ?? BROTLI_DEFAULT_QUALITY);
    return quality < 5 ? 16 : quality < 10 ? 64 : 1_024;
  },
  idleLength: () => 16_384,
};
const encodesZstd = {
  ...zstdFamily,
  ...encodes,
  probeParams: { [ZSTD_PARAM_LEVEL]: -50 },
  statesInputLength: () => {
    pledges ??= findPledge();
    return pledges;
  },
  workPerByte({ params }: EngineOptions) {
    const level = Number(params?.[ZSTD_PARAM_LEVEL] ?? ZSTD_DEFAULT_LEVEL);
    return level < 6 ? 12 : level < 13 ? 64 : 1_024;
  },
  idleLength: () => 2_097_152,
};

/** The function as it was when the library was loaded. `install()` replaces it. */
const { zstdCompress } = zlib as { zstdCompress?: OnceFunction };
/** Whether that function sets `pledgedSrcSize`. Undefined: not known yet. */
let pledges: boolean | undefined;

/**
 * Finds whether `zstdCompress()` sets `pledgedSrcSize`, as Node 26.12 does. It copies the options
 * for that, so that an inherited one has no effect, and `flush` is the first option that is wrong.
 */
function findPledge(): boolean {
  const options = Object.assign(Object.create({ chunkSize: 0 }), { flush: -1 });
  try {
    zstdCompress?.('', options, () => {});
  } catch (error) {
    return (error as Error).message.includes('flush');
  }
  return false;
}

type Family = Omit<Codec, 'format' | 'direction' | 'Stock' | 'names' | 'once' | 'sync'>;

function codec(format: Format, once: string, family: Family): [Format, Codec] {
  const name = `${once[0]?.toUpperCase()}${once.slice(1)}`;
  const names = Object.freeze({ create: `create${name}`, once, sync: `${once}Sync` });
  const all = zlib as unknown as Record<string, unknown>;
  return [
    format,
    Object.freeze({
      ...family,
      format,
      direction: family.compresses ? 'compress' : 'decompress',
      Stock: all[name] as StockClass,
      names,
      once: all[once] as OnceFunction,
      sync: all[names.sync] as SyncFunction,
    }),
  ];
}

/** Codecs that this Node has. */
const existing = (all: Array<[Format, Codec]>): Map<Format, Codec> =>
  new Map(all.filter(([, { Stock }]) => Stock !== undefined));

const decoders = existing([
  codec('gzip', 'gunzip', { ...inflates, statesLength: true }),
  codec('deflate', 'inflate', inflates),
  codec('deflate-raw', 'inflateRaw', inflates),
  codec('unzip', 'unzip', { ...inflates, detects: true }),
  codec('br', 'brotliDecompress', { ...brotliFamily, ...decodes, idleLength: () => 16_384 }),
  codec('zstd', 'zstdDecompress', { ...zstdFamily, ...decodes, idleLength: () => KEPT_WINDOW_LENGTH + 163_840 }),
]);

const encoders = existing([
  codec('gzip', 'gzip', { ...deflates, isFramed: true }),
  codec('deflate', 'deflate', deflates),
  codec('deflate-raw', 'deflateRaw', deflates),
  codec('br', 'brotliCompress', encodesBrotli),
  codec('zstd', 'zstdCompress', encodesZstd),
]);

/** All codecs of this Node. */
export const codecs: readonly Codec[] = Object.freeze([...decoders.values(), ...encoders.values()]);

/** Formats that this Node decompresses. */
export const formats: readonly Format[] = Object.freeze([...decoders.keys()]);

/**
 * Returns the codec that decompresses a format.
 * @throws `ERR_INVALID_ARG_VALUE` for an unknown format. `ERR_FORMAT_UNAVAILABLE` for zstd on a
 * Node without it
 */
export function decoder(format: Format): Codec {
  return decoders.get(format) ?? unknown(format, decoders);
}

/**
 * Returns the codec that compresses to a format.
 * @throws the errors of `decoder()`
 */
export function encoder(format: CompressFormat): Codec {
  return encoders.get(format) ?? unknown(format, encoders);
}

function unknown(format: Format, known: ReadonlyMap<Format, Codec>): never {
  if (format === 'zstd') {
    throw codedError('ERR_FORMAT_UNAVAILABLE', `zstd needs Node 22.15 or later. This is Node ${process.versions.node}`);
  }
  throw codedError(
    'ERR_INVALID_ARG_VALUE',
    `format must be one of ${[...known.keys()].join(', ')}. Received ${shown(format)}`,
  );
}

/**
 * Creates a stream of node:zlib itself.
 * @throws the errors of node:zlib's constructor
 */
export function stockStream({ Stock }: Codec, options?: ZlibOptions): StockStream {
  return new Stock(options);
}

/**
 * Contract of a codec: the properties of one format in one direction. `codecs.ts` has the table of
 * all codecs.
 */

import type { BrotliOptions, Gunzip, ZlibOptions, ZlibReset } from 'node:zlib';

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

/** Class of streams of node:zlib. */
export type StockClass = (new (options?: ZlibOptions) => StockStream) & { prototype: StockStream };

/** A one-shot function of node:zlib. */
export type OnceFunction = (
  buffer: unknown,
  options: unknown,
  callback: (error: Error | null, result?: Buffer) => void,
) => void;

/** A synchronous one-shot function of node:zlib. */
export type SyncFunction = (buffer: unknown, options?: unknown) => Buffer;

/** Properties of one format in one direction. */
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
  /**
   * One-shot function of node:zlib, as it was when the library was loaded. `install()` replaces the
   * function in node:zlib, and not this copy.
   */
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
  /** Longest data between two resets after which an idle engine is kept, decompressed, in bytes. */
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
  workPerMessage(options: EngineOptions): number;
  /** See `EngineKind`. */
  idleLength(options: EngineOptions): number;
}

/** Returns whether the name of a parameter is a plain decimal number, as that of each constant. */
export function isPlainName(name: string): boolean {
  return /^(0|[1-9]\d{0,3})$/.test(name);
}

/**
 * Creates a stream of node:zlib itself.
 * @throws the errors of node:zlib's constructor
 */
export function stockStream({ Stock }: Codec, options?: ZlibOptions): StockStream {
  return new Stock(options);
}

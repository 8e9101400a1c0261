/**
 * The options of a stream: node:zlib's, with its defaults, and its errors. What is not plainly right is
 * shown to node:zlib's own constructor, which throws with the code, class and words of the Node it runs on.
 */

import type { TransformOptions } from 'node:stream';
import { constants, type ZlibOptions } from 'node:zlib';
import { checkFormat, type EngineKind, engineKind, type Format, formats, stockStream } from './formats.ts';

/** The options of node:zlib's decompressing streams, and of the Transform that they are. */
export interface DecompressOptions extends ZlibOptions, Omit<TransformOptions, 'flush'> {
  /**
   * The most bytes the stream may make; one more fails with `ERR_BUFFER_TOO_LARGE`. node:zlib's streams take this
   * option and ignore it. Default: the pool's.
   */
  maxOutputLength?: number;
  /** Fail with `ERR_TRAILING_JUNK_AFTER_STREAM_END` when anything follows the data. Default false. node:zlib has it from Node 22 on. */
  rejectGarbageAfterEnd?: boolean;
}

export interface StreamSettings {
  readonly kind: EngineKind;
  /** The most output at a time, where the user says so; 0: as fits. */
  readonly chunkLength: number;
  readonly flush: number;
  readonly finishFlush: number;
  /** 0: the pool's. */
  readonly maxOutputLength: number;
  readonly rejectGarbageAfterEnd: boolean;
}

const { Z_NO_FLUSH, Z_BLOCK, Z_FINISH } = constants;

/** What a stream without options has, made once. */
const standard = new Map(formats.map((format) => [format, read(format, {})]));

/** @throws `ERR_INVALID_ARG_VALUE` for an unknown format; what the constructor of node:zlib's stream throws for these options. */
export function streamSettings(format: Format, options?: DecompressOptions): StreamSettings {
  checkFormat(format);
  if (!options) return standard.get(format) as StreamSettings;
  if (!isPlain(options)) stockStream(format, options).close();
  return read(format, options);
}

function read(format: Format, options: DecompressOptions): StreamSettings {
  const rejectGarbageAfterEnd = options.rejectGarbageAfterEnd === true;
  return Object.freeze({
    kind: engineKind(format, number(options.windowBits), rejectGarbageAfterEnd, copy(options.dictionary)),
    // node:zlib lets fractions pass, and its native part cuts them off.
    chunkLength: Math.trunc(number(options.chunkSize) ?? 0),
    flush: Math.trunc(number(options.flush) ?? Z_NO_FLUSH),
    finishFlush: Math.trunc(number(options.finishFlush) ?? Z_FINISH),
    maxOutputLength: Math.trunc(number(options.maxOutputLength) ?? 0),
    rejectGarbageAfterEnd,
  });
}

/** The engine is made at the first byte, when the caller's dictionary may have changed. */
function copy(dictionary: ZlibOptions['dictionary']): Buffer | undefined {
  if (dictionary === undefined || dictionary === null) return undefined;
  if (!ArrayBuffer.isView(dictionary)) return Buffer.from(dictionary.slice(0));
  return Buffer.from(Buffer.from(dictionary.buffer, dictionary.byteOffset, dictionary.byteLength));
}

/** node:zlib takes null and NaN for "not given". */
function number(value: number | null | undefined): number | undefined {
  return value === null || Number.isNaN(value) ? undefined : value;
}

/** True where no value of node:zlib's own options can be wrong. A false costs time, nothing else. */
function isPlain(options: DecompressOptions): boolean {
  return (
    isWhole(options.chunkSize, 64, 2 ** 31) &&
    isWhole(options.windowBits, 9, 15) &&
    isWhole(options.flush, Z_NO_FLUSH, Z_BLOCK) &&
    isWhole(options.finishFlush, Z_NO_FLUSH, Z_BLOCK) &&
    isWhole(options.maxOutputLength, 1, 2 ** 31) &&
    (options.rejectGarbageAfterEnd === undefined || typeof options.rejectGarbageAfterEnd === 'boolean') &&
    options.level === undefined &&
    options.memLevel === undefined &&
    options.strategy === undefined &&
    options.dictionary === undefined
  );
}

function isWhole(value: number | undefined, least: number, most: number): boolean {
  return value === undefined || (Number.isInteger(value) && value >= least && value <= most);
}

/** As node:zlib: no string or object modes on a stream of bytes. Its own `flush` option is a number, a Transform's is a function. */
export function transformOptions(options: DecompressOptions | undefined): TransformOptions | undefined {
  if (!options) return undefined;
  const { flush: _flush, ...rest } = options;
  return {
    autoDestroy: true,
    ...rest,
    encoding: undefined,
    objectMode: false,
    writableObjectMode: false,
  } as TransformOptions;
}

/**
 * Kinds of engines. A pool keeps engines of different kinds apart. An `EngineKind` also has
 * estimates of the work and the memory of such an engine.
 */
import { constants } from './builtin-zlib.ts';
import { type Codec, type EngineOptions, isPlainName } from './codec.ts';

const { Z_DEFAULT_COMPRESSION, Z_DEFAULT_MEMLEVEL, Z_DEFAULT_STRATEGY, Z_DEFAULT_WINDOWBITS } = constants;

/** Kind of an engine. Reusable kinds are interned. */
export interface EngineKind {
  readonly codec: Codec;
  /** False: the pool closes an engine of this kind after its first lease. */
  readonly reusable: boolean;
  /** Options of the node:zlib stream of the engine. */
  readonly options: Readonly<EngineOptions>;
  /** See `Codec`. An unzip engine that has detected gzip states the length too. */
  readonly statesLength: boolean;
  /** See `Codec`. At level 0, zlib ends a block with the room for the output. */
  readonly isCutSensitive: boolean;
  /** See `Codec`. */
  readonly wholeLength: number;
  /** Time to compress a byte, as a multiple of the time to make a byte of decompressed output. */
  readonly workPerByte: number;
  /** Time of the first write of a message besides, in the same unit. */
  readonly workPerMessage: number;
  /** Memory of an idle engine, in bytes: an upper estimate. */
  readonly idleLength: number;
  /** Kinds of unzip engines by detected format. `kindFor()` selects one of them. */
  readonly detected?: { readonly gzip: EngineKind; readonly deflate: EngineKind };
}

const interned = new Map<string, EngineKind>();
/** Kinds with parameters, of which a program may use any number. */
const internedWithParams = new Map<string, EngineKind>();
const MOST_WITH_PARAMS = 256;

/** Most parameters of a kind that is interned. */
const MOST_PARAMS = 32;

/**
 * Returns the parameters as text: '' for none.
 * @returns undefined for unusual ones, whose kinds are not interned
 */
export function paramsKey(params: EngineOptions['params']): string | undefined {
  const entries = Object.entries(params ?? {});
  if (entries.length > MOST_PARAMS) return undefined;
  let key = '';
  for (const [name, value] of entries) {
    if (!isPlainName(name) || (typeof value !== 'number' && typeof value !== 'boolean')) return undefined;
    key += ` ${name}=${Number(value)}`;
  }
  return key;
}

/**
 * Returns the kind of engine for these settings. `windowBits` undefined means 15. With any options
 * object, node:zlib turns a missing value of a decoder into 0, the window of the header. A window
 * of 15 accepts the same messages. After an explicit 0, an engine keeps the window of its first
 * message, so it is not reusable. Nor is an engine with a dictionary, which a reset keeps. A decoder
 * with parameters is not reusable, since a reset loses them. `clean()` sets an encoder with
 * parameters up anew.
 */
export function engineKind(codec: Codec, settings: EngineOptions = {}): EngineKind {
  const { windowBits, level, memLevel, strategy, rejectGarbageAfterEnd = false, params, ...unpooled } = settings;
  const key = paramsKey(params);
  const options: EngineOptions = Object.freeze({
    ...(codec.byZlib ? { windowBits: windowBits ?? Z_DEFAULT_WINDOWBITS } : {}),
    ...(codec.byZlib && codec.compresses
      ? {
          level: level ?? Z_DEFAULT_COMPRESSION,
          memLevel: memLevel ?? Z_DEFAULT_MEMLEVEL,
          strategy: strategy ?? Z_DEFAULT_STRATEGY,
        }
      : {}),
    ...(codec.compresses ? {} : { rejectGarbageAfterEnd }),
    ...(key === '' ? {} : { params }),
    ...unpooled,
  });
  const isPooled =
    Object.values(unpooled).every((value) => value === undefined) &&
    options.windowBits !== 0 &&
    (codec.compresses ? key !== undefined : key === '');
  const kind: EngineKind = {
    codec,
    reusable: isPooled && !codec.detects,
    options,
    statesLength: codec.statesLength,
    isCutSensitive: codec.isCutSensitive || options.level === 0,
    wholeLength: options.level === 0 ? -1 : codec.wholeLength,
    workPerByte: codec.workPerByte(options),
    workPerMessage: codec.workPerMessage(options),
    idleLength: codec.idleLength(options),
  };
  if (!isPooled) return Object.freeze(kind);
  if (!codec.detects) return intern(kind, '');
  const gzip = intern({ ...kind, reusable: true, statesLength: true }, 'gzip');
  const deflate = intern({ ...kind, reusable: true }, 'deflate');
  return intern({ ...kind, detected: Object.freeze({ gzip, deflate }) }, 'undecided');
}

function intern(kind: EngineKind, detected: string): EngineKind {
  const { windowBits, level, memLevel, strategy, rejectGarbageAfterEnd, params } = kind.options;
  const kinds = params === undefined ? interned : internedWithParams;
  const key = [
    kind.codec.names.once,
    windowBits,
    level,
    memLevel,
    strategy,
    rejectGarbageAfterEnd,
    detected,
    paramsKey(params),
  ].join(' ');
  const known = kinds.get(key);
  if (known !== undefined) return known;
  if (kinds === internedWithParams && kinds.size >= MOST_WITH_PARAMS) kinds.clear();
  kinds.set(key, Object.freeze(kind));
  return kind;
}

/** Usual expansion of data without a length. */
const USUAL_EXPANSION = 4;

/**
 * Returns the time that an input needs, as the number of bytes of decompressed output that take as
 * long.
 * @param expected - bytes of output that are expected of it. Less than 0: unknown
 * @param isFirst - whether it is the first input of its message
 */
export function workOf(kind: EngineKind, inputLength: number, expected: number, isFirst: boolean): number {
  if (kind.codec.compresses) return kind.workPerByte * inputLength + (isFirst ? kind.workPerMessage : 0);
  if (expected < 0) return USUAL_EXPANSION * inputLength;
  // Compression did not make such data shorter. It is very short, or stored and only copied.
  return expected <= inputLength ? 0 : expected;
}

/** Highest ratio of deflate. A gzip trailer with a larger length is ignored. */
const MAX_EXPANSION = 1_032;

/**
 * Returns the output length of `input` in bytes, as its last four bytes state it (ISIZE, RFC 1952,
 * section 2.3.1). 0: unknown. The length decides where to inflate. It comes from the sender, so it
 * must not reserve memory by itself.
 */
export function sizeHint(kind: EngineKind, input: Buffer): number {
  const { length } = input;
  if (!kind.statesLength || length < 18) return 0;
  // Read by hand: readUInt32LE() checks its offset, and takes longer than the rest of the estimate.
  const hint =
    (((input[length - 1] as number) << 24) |
      ((input[length - 2] as number) << 16) |
      ((input[length - 3] as number) << 8) |
      (input[length - 4] as number)) >>>
    0;
  return hint <= length * MAX_EXPANSION ? hint : 0;
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

/**
 * Codecs: one interned object per format and direction, with everything that differs between them.
 * Except for raw deflate in `http.ts`, no other module compares formats.
 */

import { codedError } from '../errors.ts';
import { shown } from '../validate.ts';
import { zlib } from './builtin-zlib.ts';
import {
  type Codec,
  type CompressFormat,
  type EngineOptions,
  type Format,
  isPlainName,
  type OnceFunction,
  type StockClass,
  type SyncFunction,
} from './codec.ts';

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
 * Parameters of Zstandard that change no table: ZSTD_c_compressionLevel, ZSTD_c_contentSizeFlag,
 * ZSTD_c_checksumFlag, ZSTD_c_dictIDFlag.
 */
const ZSTD_WITHOUT_TABLES: ReadonlySet<string> = new Set(['100', '200', '201', '202']);

/** Work per byte of the slowest encoders: a few bytes take longer than a trip to the threadpool. */
const SLOW = 4_096;
/** Work of a message that the main thread may never do. */
const VERY_LONG = 2 ** 40;

/**
 * Longest window that an idle Zstandard engine may hold, in bytes. It equals 256 messages of 1 KB.
 * A reset of Zstandard keeps the window, which grows with the message, up to 128 MB. The window of
 * zlib is 64 KB at most. A reset of Brotli frees the window.
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
  workPerMessage: () => 0,
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
  // Eight encoders in flight give full speed, so each takes 8 of the 64 or more slots. Each encoder
  // takes memory, and room in the caches of the processor.
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
  // A cut of the input changes the output. A write that fills a block makes one block more if the
  // flush is a write of its own. The shortest block has 16 KB.
  isCutSensitive: true,
  wholeLength: 16_383,
  probeParams: { [BROTLI_PARAM_QUALITY]: 1 },
  // A thread allocates the memory when it begins a write. A write of up to 32 KB most often
  // finishes the message, and a reset frees the memory then.
  slots: (inputLength: number) => (inputLength <= 32_768 ? 1 : encodes.slots()),
  workPerByte({ params }: EngineOptions) {
    const quality = Number(params?.[BROTLI_PARAM_QUALITY] ?? BROTLI_DEFAULT_QUALITY);
    // node:zlib also takes names such as '0x1'.
    if (!(quality >= 0) || !Object.keys(params ?? {}).every(isPlainName)) return SLOW;
    return quality < 5 ? 16 : quality < 9 ? 20 : SLOW;
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
    return level < 4 ? 4 : level < 7 ? 12 : SLOW;
  },
  // An encoder with parameters allocates and clears its tables for each message. Their length is
  // that of the level, or of other parameters, and not that of the message.
  workPerMessage({ params }: EngineOptions) {
    if (params === undefined) return 10_240;
    if (Object.keys(params).some((name) => !ZSTD_WITHOUT_TABLES.has(name))) return VERY_LONG;
    const level = Number(params[ZSTD_PARAM_LEVEL] ?? ZSTD_DEFAULT_LEVEL);
    return level < 3 ? 12_288 : level < 4 ? 40_960 : VERY_LONG;
  },
  // A set-up for the next owner frees the memory. A reset keeps it.
  idleLength: ({ params }: EngineOptions) => (params === undefined ? 2_097_152 : 16_384),
};

/** The function as it was when the library was loaded. `install()` replaces it. */
const { zstdCompress } = zlib as { zstdCompress?: OnceFunction };
/** Whether that function sets `pledgedSrcSize`. Undefined: not known yet. */
let pledges: boolean | undefined;

/**
 * Finds whether `zstdCompress()` sets `pledgedSrcSize`, as that of Node 26.12 does. Such a function
 * copies the own options first, and the invalid `flush` is the first error. Otherwise the inherited
 * `chunkSize` is the first error.
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

/** Returns the codecs that this Node has, by format. */
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

/**
 * Codecs: one interned object per format and direction, with everything that differs between them.
 * No other module compares formats.
 */

import { codedError } from '../errors.ts';
import { shown } from '../validate.ts';
import { zlib } from './builtin-zlib.ts';
import type { Codec, CompressFormat, EngineOptions, Format, OnceFunction, StockClass, SyncFunction } from './codec.ts';

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

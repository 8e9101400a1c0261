/** Scripts for compressing streams, and random options of encoders. */
import { constants } from 'node:zlib';
import fc from 'fast-check';
import type { CompressFormat, Format } from '../../lib/index.ts';
import { formats } from '../support/samples.ts';
import {
  type Action,
  action,
  course,
  moment,
  type Payload,
  type Script,
  seldom,
  sensible,
  streamOptions,
} from './script.ts';

/** Formats that this Node compresses. */
export const compressFormats = formats.filter((format) => format !== 'unzip') as CompressFormat[];

/** Settings of an encoder, from which each format takes its own. Values that throw are rare. */
export interface Coding {
  level: number | undefined;
  memLevel: number | undefined;
  strategy: number | undefined;
  windowBits: number | undefined;
  quality: number;
  params: Record<string, number> | undefined;
  zstdParams: Record<string, number> | undefined;
  /** Of Zstandard, relative to the length of the input. */
  pledged: number | undefined;
}

// Node 20 has no constants of Zstandard.
const ZSTD_LEVEL = 100;
const ZSTD_WINDOW_LOG = 101;
const ZSTD_STRATEGY = 107;
const ZSTD_CHECKSUM = 201;

/** Few values are frequent, so that engines are used again. */
const settings = seldom(
  {
    level: fc.oneof(
      { weight: 9, arbitrary: fc.constantFrom(0, 1, 1, 9) },
      { weight: 1, arbitrary: fc.integer({ min: -2, max: 10 }) },
    ),
    memLevel: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(1, 9) }, { weight: 1, arbitrary: fc.nat(10) }),
    strategy: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(1, 2, 3, 4) }, { weight: 1, arbitrary: fc.nat(5) }),
    windowBits: fc.oneof({ weight: 9, arbitrary: fc.constantFrom(9, 8) }, { weight: 1, arbitrary: fc.nat(16) }),
    params: fc.oneof(
      fc.record(
        {
          [constants.BROTLI_PARAM_MODE]: fc.nat(2),
          [constants.BROTLI_PARAM_LGWIN]: fc.integer({ min: 10, max: 24 }),
          [constants.BROTLI_PARAM_LGBLOCK]: fc.constantFrom(0, 16, 24),
          [constants.BROTLI_PARAM_SIZE_HINT]: fc.constantFrom(0, 1_000, 100_000),
          [constants.BROTLI_PARAM_NPOSTFIX]: fc.nat(4),
        },
        { requiredKeys: [] },
      ),
      fc.constantFrom({}, { 999: 1 }),
    ),
    zstdParams: fc.oneof(
      fc.record(
        {
          [ZSTD_LEVEL]: fc.constantFrom(-5, 1, 3, 6, 9),
          [ZSTD_WINDOW_LOG]: fc.constantFrom(10, 17, 20),
          [ZSTD_STRATEGY]: fc.constantFrom(1, 2, 5),
          [ZSTD_CHECKSUM]: fc.nat(1),
        },
        { requiredKeys: [] },
      ),
      fc.constantFrom({}, { [ZSTD_LEVEL]: 12 }, { [ZSTD_WINDOW_LOG]: 99 }, { 999: 1 }),
    ),
    pledged: fc.constantFrom(0, 0, 1, -1),
  },
  5,
);

const coding = fc
  .tuple(settings, fc.constantFrom(0, 1, 1, 2, 4, 5))
  .map(([all, quality]) => ({ ...all, quality }) as unknown as Coding);

/** With quality 11, the default of Brotli, a long message takes a second. */
const isRare = fc.oneof({ weight: 7, arbitrary: fc.constant(false) }, { weight: 1, arbitrary: fc.constant(true) });
const LONGEST_OF_BEST_QUALITY = 600;

/** Returns the options of node:zlib for an encoder. Undefined: none. */
function optionsOf(
  format: Format,
  { quality, params, zstdParams, pledged, ...byZlib }: Coding,
  isDefault: boolean,
  length: number,
): Record<string, unknown> | undefined {
  if (format === 'br') {
    if (isDefault && length <= LONGEST_OF_BEST_QUALITY) return undefined;
    return { params: { [constants.BROTLI_PARAM_QUALITY]: quality, ...params } };
  }
  if (format === 'zstd') {
    const pledgedSrcSize = pledged === undefined ? undefined : Math.max(0, length + pledged);
    return zstdParams === undefined && pledged === undefined ? undefined : { params: zstdParams, pledgedSrcSize };
  }
  return Object.values(byZlib).every((value) => value === undefined) ? undefined : byZlib;
}

const length = fc.oneof(
  { weight: 20, arbitrary: fc.integer({ min: 0, max: 3_000 }) },
  { weight: 2, arbitrary: fc.integer({ min: 0, max: 30_000 }) },
  { weight: 1, arbitrary: fc.constantFrom(0, 1, 2, 3, 258, 16_383, 16_384, 32_768, 65_536, 65_537) },
  { weight: 1, arbitrary: fc.integer({ min: 30_000, max: 100_000 }) },
);

const payload = fc.record({
  kind: fc.constantFrom('json', 'json', 'noise', 'zeros'),
  length,
  level: fc.constant(6),
  windowBits: fc.constant(15),
  dictionary: fc.constant(false),
  second: fc.constant('none'),
}) as fc.Arbitrary<Payload>;

const dictionary = fc.constantFrom('none', 'none', 'none', 'none', 'none', 'right') as fc.Arbitrary<
  Script['dictionary']
>;

const params: fc.Arbitrary<Action> = fc.record({
  do: fc.constant('params' as const),
  level: fc.constantFrom(-1, 0, 1, 3, 6, 9, 10),
  strategy: fc.constantFrom(0, 0, 1, 2, 3, 4, 5),
});

/** Data, options and dictionary of an encoder. */
export const encoding: fc.Arbitrary<Pick<Script, 'format' | 'payload' | 'options' | 'dictionary'>> = fc
  .record({ format: fc.constantFrom(...compressFormats), payload, coding, isDefault: isRare, dictionary })
  .map(({ coding, isDefault, ...rest }) => ({
    ...rest,
    options: optionsOf(rest.format, coding, isDefault, rest.payload.length),
  }));

const plan = fc.array(
  fc.record({ moment, action: fc.oneof({ weight: 3, arbitrary: action }, { weight: 1, arbitrary: params }) }),
  { maxLength: 3 },
);

export const compressScript: fc.Arbitrary<Script> = fc
  .record({
    ...course,
    encoding,
    options: fc.oneof(fc.constant({}), seldom(streamOptions, 8)),
    pace: fc.constantFrom('at once', 'one by one', 'when still', 'when still', 'a turn each'),
    plan: fc.oneof(fc.constant([]), plan),
    maxOutputLength: fc.oneof(
      { weight: 5, arbitrary: fc.constant(undefined) },
      { weight: 1, arbitrary: fc.integer({ min: 1, max: 3_000 }) },
    ),
  })
  .map(({ encoding, options, ...rest }) => {
    const isPlain = encoding.options === undefined && Object.values(options).every((value) => value === undefined);
    return sensible({
      ...rest,
      ...encoding,
      direction: 'compress',
      fault: { kind: 'none' },
      options: isPlain ? undefined : { ...encoding.options, ...options },
    } as Script);
  });

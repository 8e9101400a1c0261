/** What a soak is fed with: good data of every format, each unlike the other, and what hostile peers make of it. */
import zlib from 'node:zlib';
import type { Format } from '../../lib/index.ts';
import { compress, formats, json } from '../support/samples.ts';
import type { Dice } from '../support/seed.ts';

/** No good data is longer; a bomb is. Bytes. */
export const LONGEST = 400_000;
const BOMB_LENGTH = 4_000_000;

export interface Input {
  format: Format;
  name: string;
  data: Buffer;
  /** Undefined where it must fail. */
  plain: Buffer | undefined;
  /** The codes it may fail with. */
  codes: RegExp | undefined;
}

/** zlib's, Brotli's and Zstandard's own. */
const BAD_DATA = /^(Z_(DATA|BUF)_ERROR|ERR__ERROR_|ERR_PADDING_|ZSTD_error_)/;
const OVER_LIMIT = /^ERR_(BUFFER_TOO_LARGE|RATIO_TOO_HIGH)$/;

/** `count` of each format, from empty to long. */
export function goodInputs(count: number): Input[] {
  return formats.flatMap((format, f) =>
    Array.from({ length: count }, (_, i) => {
      const plain = json(Math.round(LONGEST * (i / (count - 1)) ** 4), 1_000 * f + i);
      return { format, name: 'good', data: compress(format, plain), plain, codes: undefined };
    }),
  );
}

export function hostileInputs(): Input[] {
  return formats.flatMap((format, f): Input[] => {
    const plain = json(50_000, 7_000 + f);
    const data = compress(format, plain);
    const members = format === 'gzip' || format === 'unzip';
    const fails = (name: string, bytes: Buffer, codes = BAD_DATA): Input => ({
      format,
      name,
      data: bytes,
      plain: undefined,
      codes,
    });
    return [
      cutOff(format, 'truncated', data.subarray(0, data.length >> 1)),
      cutOff(format, 'none', Buffer.alloc(0)),
      fails('no such data', Buffer.alloc(2_000, 0xff)),
      fails('bomb', compress(format, Buffer.alloc(BOMB_LENGTH)), OVER_LIMIT),
      ...(members
        ? [
            fails('garbage behind it', Buffer.concat([data, Buffer.from('garbage')])),
            {
              format,
              name: 'two members',
              data: Buffer.concat([data, data]),
              plain: Buffer.concat([plain, plain]),
              codes: undefined,
            },
          ]
        : []),
    ];
  });
}

/** Data that ends early: bad, but on Node 22 node:zlib takes what there is of zstd for all of it. */
function cutOff(format: Format, name: string, data: Buffer): Input {
  const { zstdDecompressSync } = zlib as { zstdDecompressSync?: (data: Buffer) => Buffer };
  let plain: Buffer | undefined;
  try {
    plain = format === 'zstd' ? zstdDecompressSync?.(data) : undefined;
  } catch {
    // As it should be.
  }
  return { format, name, data, plain, codes: plain === undefined ? BAD_DATA : undefined };
}

/** One bit of `good` is turned: it fails, or by its luck gives as many bytes that are wrong. Never those of another. */
export function corrupted(good: Input, dice: Dice): Input {
  const data = Buffer.from(good.data);
  const at = dice.below(data.length);
  data[at] = (data[at] as number) ^ (1 << dice.below(8));
  return {
    ...good,
    name: 'corrupt',
    data,
    codes: new RegExp(`${BAD_DATA.source}|${OVER_LIMIT.source}|MEMBERS|Z_NEED_DICT`),
  };
}

/** Data for the streams of a run: each gets another, so that a byte that crosses over is seen. Made once for all runs. */
import { deflateSync } from 'node:zlib';
import type { Engine } from '../../lib/engine/contract.ts';
import type { Format } from '../../lib/index.ts';
import { compress, formats, json, type Sample } from '../support/samples.ts';

/**
 * What streams are made of. 'with a dictionary' has an engine that may not serve twice, 'deflate as unzip' one that is found out, and
 * 'two members as unzip' shows whether it is the right one.
 */
export const dishes = [...formats, 'with a dictionary', 'deflate as unzip', 'two members as unzip'] as const;
export type Dish = (typeof dishes)[number];

export function formatOf(dish: Dish): Format {
  if (dish === 'with a dictionary') return 'deflate';
  return dish === 'deflate as unzip' || dish === 'two members as unzip' ? 'unzip' : dish;
}

/** Bytes of plain data: most fit in one step, some fill a reader, the last is more than a zstd engine may keep. */
export const lengths = [60, 700, 3_000, 20_000, 150_000, 300_000] as const;

export const dictionary = Buffer.from('"active":true,"score":0.,"tags":["alpha","bravo"],"user":"');

const made = new Map<string, Sample>();

export function sampleOf(dish: Dish, length: number, seed: number): Sample {
  const key = `${dish} ${length} ${seed}`;
  const known = made.get(key);
  if (known !== undefined) return known;
  const plain = json(length, seed);
  const sample = { plain, data: pack(dish, plain) };
  made.set(key, sample);
  return sample;
}

function pack(dish: Dish, plain: Buffer): Buffer {
  if (dish === 'with a dictionary') return deflateSync(plain, { dictionary });
  if (dish === 'two members as unzip') {
    const half = plain.length / 2;
    return Buffer.concat([compress('gzip', plain.subarray(0, half)), compress('gzip', plain.subarray(half))]);
  }
  return compress(dish === 'deflate as unzip' ? 'deflate' : dish, plain);
}

/** No format begins like this. */
export const NO_DATA = Buffer.alloc(64, 0xff);
/** The codes that it ends with. */
export const BAD = /^(Z_DATA_ERROR|ERR_.*FORMAT.*|ZSTD_error_.*)$/;
/** The codes that data for zlib's inflate ends with, bad or cut short. */
export const INFLATE_ERROR = /^Z_(DATA|BUF)_ERROR$/;

/** Whether a reset makes the engine as new after one of those (P5). */
export function recovers({ kind, inline }: Engine): boolean {
  return inline && kind.reusable && kind.codec.byZlib;
}

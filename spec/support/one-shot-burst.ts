/**
 * Memory of functions of node:zlib, stock or under `install()`, in a process of its own: run as
 * `one-shot-burst.ts stock|pooled gzip|gunzip|idle|written COUNT`. gzip and gunzip: COUNT messages of
 * 16 KB at once. idle and written: COUNT open streams of createGzip(), without input or with some. The
 * last line is JSON: the peak of rss over that before, in bytes.
 */

import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { install, ZlibPool } from '../../lib/index.ts';
import { watchPeak } from './memory.ts';
import { json } from './samples.ts';

const [who, what, count] = process.argv.slice(2) as [
  'stock' | 'pooled',
  'gzip' | 'gunzip' | 'idle' | 'written',
  string,
];
const LENGTH = 16_384;

const pool = new ZlibPool();
if (who === 'pooled') install({ pool });
const { gzipSync, gunzipSync } = zlib;
const plain = Array.from({ length: 16 }, (_, i) => json(LENGTH, i));
const packed = plain.map((message) => gzipSync(message));

/** Calls a function for all messages at once. Returns how many outputs are right. They are not kept. */
async function burst(once: typeof zlib.gzip, inputs: Buffer[], outputs: Buffer[], length: number): Promise<number> {
  const convert = promisify(once);
  const isRight = async (i: number): Promise<boolean> =>
    (await convert(inputs[i % 16] as Buffer)).equals(outputs[i % 16] as Buffer);
  return (await Promise.all(Array.from({ length }, (_, i) => isRight(i)))).filter(Boolean).length;
}

/** Kept until the end. */
const open: zlib.Gzip[] = [];

async function streams(length: number, input: Buffer | undefined): Promise<number> {
  for (let i = 0; i < length; i++) {
    const stream = zlib.createGzip();
    open.push(stream);
    if (input !== undefined) await new Promise((resolve) => stream.resume().write(input, resolve));
  }
  return open.length;
}

const act = (length: number): Promise<number> => {
  if (what === 'gzip') return burst(zlib.gzip, plain, packed, length);
  if (what === 'gunzip') return burst(zlib.gunzip, packed, plain, length);
  return streams(length, what === 'written' ? plain[0]?.subarray(0, 1_000) : undefined);
};

if (what === 'gzip' || what === 'gunzip') await act(8);
const peak = watchPeak();
const right = await act(Number(count));
// Engines that would be kept.
const { idle } = pool.stats;
console.log(
  JSON.stringify({ right, peak: peak(), idle, open: open.length, check: gunzipSync(packed[0] as Buffer).length }),
);
process.exit();

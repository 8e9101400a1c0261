/**
 * Many messages of 16 KB gunzipped at once, in a process whose memory is looked at: run as `burst.ts WHO PAYLOAD COUNT`. The last line
 * is JSON with what was seen.
 */
import type { Duplex } from 'node:stream';
import { createGunzip, gzipSync } from 'node:zlib';
import { ZlibPool } from '../../lib/index.ts';
import { watchPeak } from './memory.ts';
import { json, random } from './samples.ts';

const [who, payload, count] = process.argv.slice(2) as [string, string, string];
const LENGTH = 16_384;

const unbounded = new ZlibPool();
const bounded = new ZlibPool({ maxLeased: 64 });
const makers: Record<string, () => Duplex> = {
  stock: createGunzip,
  unbounded: () => unbounded.createGunzip(),
  bounded: () => bounded.createGunzip(),
};
const make = makers[who] as () => Duplex;

/** Text that hardly gets shorter. */
function noise(seed: number): Buffer {
  const next = random(seed);
  return Buffer.from(Array.from({ length: LENGTH }, () => 33 + Math.floor(next() * 90)));
}

const messages = Array.from({ length: 16 }, (_, i) => {
  const plain = payload === 'json' ? json(LENGTH, i) : noise(i);
  return { plain, data: gzipSync(plain) };
});

async function isRight({ plain, data }: (typeof messages)[number]): Promise<boolean> {
  const stream = make();
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.end(data);
  await new Promise((resolve, reject) => stream.on('error', reject).on('end', resolve));
  return Buffer.concat(chunks).equals(plain);
}

async function burst(length: number): Promise<boolean[]> {
  return Promise.all(Array.from({ length }, (_, i) => isRight(messages[i % messages.length] as (typeof messages)[0])));
}

await burst(8);
const peak = watchPeak();
const right = await burst(Number(count));
console.log(JSON.stringify({ right: right.filter(Boolean).length, peak: peak() }));

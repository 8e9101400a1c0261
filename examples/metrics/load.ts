/** Something to look at: callers that decompress messages on a pool that is too small for all of them at once, and some that go wrong. */
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { brotliCompressSync, gzipSync } from 'node:zlib';
import type { Format, ZlibPool } from 'zlease';

const CALLERS = 24;

const line = (i: number): string => `${i} GET /items/${i * 7919} 200 in ${i % 13} ms\n`;
const text = Buffer.from(Array.from({ length: 5_000 }, (_, i) => line(i)).join(''));

/** Small, middling and long. */
const messages: ReadonlyArray<[format: Format, data: Buffer]> = [
  ['gzip', gzipSync(text.subarray(0, 1_000))],
  ['gzip', gzipSync(text.subarray(0, 50_000))],
  ['gzip', gzipSync(text)],
  ['br', brotliCompressSync(text.subarray(0, 2_000))],
];

/** Until the signal aborts. */
export async function load(pool: ZlibPool, signal: AbortSignal): Promise<void> {
  let turn = 0;
  const caller = async (): Promise<void> => {
    while (!signal.aborted) {
      turn += 1;
      const [format, data] = messages[turn % messages.length] as [Format, Buffer];
      if (turn % 50 === 0) await pool.decompress(data.subarray(0, 20), format).catch(() => {});
      else if (turn % 70 === 0) await pool.decompress(Buffer.from('not compressed'), 'gzip').catch(() => {});
      else if (turn % 90 === 0) await leave(pool, data, format);
      else await pool.decompress(data, format);
      if (turn % 5 === 0) await delay(1);
    }
  };
  await Promise.all(Array.from({ length: CALLERS }, caller));
}

/** A caller that stops half way. */
async function leave(pool: ZlibPool, data: Buffer, format: Format): Promise<void> {
  const stream = pool.createDecompress(format);
  stream.write(data.subarray(0, data.length >> 1));
  await delay(1);
  stream.destroy(new Error('the caller is gone'));
  await finished(stream).catch(() => {});
}

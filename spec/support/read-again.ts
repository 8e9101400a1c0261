/**
 * The bug that started it all, as a harness: many streams over one small pool; whoever has reached the end
 * of its data, or closed, goes on trying every door at random moments, while others lease. A pool that gives
 * an engine back too early, twice or unclean shows here as foreign bytes, as an error out of nowhere, or as a crash.
 */
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { CompressFormat, CompressStream, DecompressStream, Format, ZlibPool } from '../../lib/index.ts';
import { compress, formats, json } from './samples.ts';
import type { Dice } from './seed.ts';
import { stockDecompress } from './stock.ts';

type Stream = DecompressStream | CompressStream;
type Door = (stream: Stream) => void;

/** A direction of the streams in a run. */
export type Way = 'decompress' | 'compress';

const doorsAfterEnd: readonly Door[] = [
  (stream) => expect(stream.read()).to.equal(null),
  (stream) => stream.flush(() => {}),
  (stream) => {
    try {
      stream.reset();
    } catch (error) {
      // The writer may still be behind the reader.
      expect((error as Error).message).to.equal('Cannot reset zlib stream while a write is in progress');
    }
  },
  (stream) => stream.close(),
  (stream) => stream.destroy(),
];

const doorsAfterClose: readonly Door[] = [
  (stream) => expect(stream.read()).to.equal(null),
  (stream) => stream.write(Buffer.from([1, 2, 3]), () => {}),
  (stream) => stream.end(),
  (stream) => stream.flush(() => {}),
  (stream) =>
    expect(() => stream.reset())
      .to.throw()
      .with.property('code', 'ERR_LEASE_SEALED'),
  (stream) => stream.close(),
  (stream) => stream.destroy(new Error('too late')),
];

/** What may stand behind the data without being an error: behind gzip zeros, behind Brotli and Zstandard nothing. */
const tails: Partial<Record<Format, (dice: Dice) => number>> = {
  gzip: () => 0,
  unzip: () => 0,
  deflate: (dice) => dice.below(256),
  'deflate-raw': (dice) => dice.below(256),
};

/** Only decompression detects a format. */
const compressFormats = formats.filter((format) => format !== 'unzip');

async function consumer(pool: ZlibPool, dice: Dice, way: Way): Promise<void> {
  const compresses = way === 'compress';
  const format = dice.one(compresses ? compressFormats : formats);
  // Brotli's default quality takes 100 times as long as gzip.
  const most = dice.one(compresses && format === 'br' ? [200, 3_000] : [200, 3_000, 90_000]);
  const plain = json(1 + dice.below(most), dice.below(1_000));
  const data = compresses ? plain : compress(format, plain);
  // A tail behind the data brings EOF while there is still something to write.
  const filler = compresses ? undefined : tails[format]?.(dice);
  const tail = filler !== undefined && dice.onceIn(2) ? Buffer.alloc(1 + dice.below(300), filler) : Buffer.alloc(0);
  const stream = compresses ? pool.createCompress(format as CompressFormat) : pool.createDecompress(format);
  const chunks: Buffer[] = [];
  stream.on('data', (chunk) => chunks.push(chunk));
  const ended = once(stream, 'end').then(async () => {
    // A door before the writer is done would cut the data short: only reading is harmless then.
    for (let i = dice.below(4); i > 0; i--) {
      expect(stream.read()).to.equal(null);
      if (dice.onceIn(2)) await nextTurn();
    }
  });
  const closed = new Promise<void>((resolve) => stream.once('close', resolve));
  const step = 1 + dice.below(data.length);
  for (let at = 0; at < data.length; at += step) {
    stream.write(data.subarray(at, at + step));
    if (dice.onceIn(3)) await nextTurn();
  }
  // Never together with the data: what is behind it in one chunk may be another member.
  for (let at = 0; at < tail.length; at += 50) {
    await nextTurn();
    stream.write(tail.subarray(at, at + 50));
  }
  stream.end();
  await ended;
  for (let i = dice.below(3); i > 0 && !stream.destroyed; i--) {
    dice.one(doorsAfterEnd)(stream);
    if (dice.onceIn(2)) await nextTurn();
  }
  await closed;
  const output = Buffer.concat(chunks);
  const isOwn = (compresses ? stockDecompress(format, output) : output).equals(plain);
  expect(isOwn, `${format}: the bytes of its own message`).to.equal(true);
  for (let i = dice.below(6); i > 0; i--) {
    dice.one(doorsAfterClose)(stream);
    if (dice.onceIn(2)) await nextTurn();
  }
}

/** Somebody who holds leases of his own, and gives each back more often than once. */
async function doubleReleaser(pool: ZlibPool, dice: Dice, way: Way, over: () => boolean): Promise<void> {
  while (!over()) {
    const compresses = way === 'compress';
    const lease = pool.tryLease(dice.one(compresses ? compressFormats : formats), { compress: compresses });
    await nextTurn();
    lease?.release();
    for (let i = dice.below(3); i > 0; i--) {
      await nextTurn();
      try {
        lease?.release();
      } catch (error) {
        expect(error).to.have.property('code', 'ERR_LEASE_RELEASED');
      }
    }
  }
}

/** Somebody who gives up at any moment, and reads again afterwards. */
async function quitter(pool: ZlibPool, dice: Dice, way: Way): Promise<void> {
  const plain = json(1 + dice.below(300_000), dice.below(1_000));
  const data = way === 'compress' ? plain : compress('gzip', plain);
  const stream = way === 'compress' ? pool.createGzip() : pool.createGunzip();
  const closed = new Promise<void>((resolve) => stream.once('close', resolve));
  stream.resume().write(data.subarray(0, 1 + dice.below(data.length)));
  for (let i = dice.below(3); i > 0; i--) await nextTurn();
  stream.destroy();
  await closed;
  dice.one(doorsAfterClose)(stream);
}

export async function readAgain(pool: ZlibPool, dice: Dice, count: number, way: Way, atATime = 32): Promise<void> {
  let left = count;
  const lane = async (): Promise<void> => {
    while (left > 0) {
      left -= 1;
      await (dice.onceIn(5) ? quitter(pool, dice, way) : consumer(pool, dice, way));
    }
  };
  const releaser = doubleReleaser(pool, dice, way, () => left === 0);
  try {
    await Promise.all(Array.from({ length: atATime }, lane));
  } finally {
    left = 0;
    await releaser;
  }
}

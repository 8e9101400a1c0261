/** Fairness: a loop that inflates nothing, each step from the callback of the last one, lets timers and I/O come, as with node:zlib. */
import { createReadStream } from 'node:fs';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import zlib from 'node:zlib';
import { expect } from 'chai';
import type { DecompressStream } from '../../lib/index.ts';
import { engines, ZlibPool } from '../support/library.ts';
import { outcome } from '../support/outcome.ts';
import { compress, sample } from '../support/samples.ts';

const { plain, data } = sample(3_000);
const NOTHING = Buffer.alloc(0);
/** No loop does so many steps before a timer of 1 ms and a read of a file are over, unless it starves them. */
const STARVED = 200_000;

/** Whether a timer and I/O came during a loop, that goes on with `again` after each step. */
function lets(loop: (again: () => void) => void): Promise<string> {
  return new Promise((resolve) => {
    const due = new Set(['timer', 'file']);
    let steps = 0;
    setTimeout(() => due.delete('timer'), 1);
    createReadStream(fileURLToPath(import.meta.url))
      .on('close', () => due.delete('file'))
      .resume();
    const again = (): void => {
      steps += 1;
      if (due.size === 0) resolve('all came');
      else if (steps >= STARVED) resolve(`not even after ${steps} steps: ${[...due]}`);
      else loop(again);
    };
    again();
  });
}

type Pool = InstanceType<typeof ZlibPool>;

const loops: Record<string, (pool: Pool) => (again: () => void) => void> = {
  'flush() on a new stream': (pool) => {
    const stream = pool.createGunzip();
    return (again) => stream.flush(again);
  },
  'flush() on a stream within its data': (pool) => {
    const stream = pool.createGunzip().resume();
    stream.write(data.subarray(0, 100));
    return (again) => stream.flush(zlib.constants.Z_SYNC_FLUSH, again);
  },
  'empty writes': (pool) => {
    const stream = pool.createInflateRaw();
    return (again) => void stream.write(NOTHING, again);
  },
  'writes behind the end of the data': (pool) => {
    const stream = pool.createInflate().resume();
    stream.write(compress('deflate', plain));
    return (again) => void stream.write('junk', again);
  },
  'empty chunks by the old way in': (pool) => {
    const stream = pool.createGunzip();
    return (again) => void stream._processChunk(NOTHING, zlib.constants.Z_SYNC_FLUSH, again as never);
  },
  'empty streams': (pool) => (again) => {
    const stream = pool.createInflateRaw({ finishFlush: zlib.constants.Z_SYNC_FLUSH }).resume();
    stream.once('close', again).end();
  },
  'whole streams': (pool) => (again) => void pool.createGunzip().resume().once('close', again).end(data),
  'whole messages': (pool) => (again) => void pool.decompress(data, 'gzip').then(again),
  'empty messages': (pool) => (again) => void pool.decompress(NOTHING, 'gzip').catch(again),
  'bad messages': (pool) => (again) => void pool.decompress(plain, 'gzip').catch(again),
  'messages over a limit': (pool) => (again) =>
    void pool.decompress(data, 'gzip', { maxOutputLength: 10 }).catch(again),
};

describe('A loop of', () => {
  for (const engine of engines) {
    for (const [what, loop] of Object.entries(loops)) {
      it(`${what} lets timers and I/O come (${engine})`, async () => {
        expect(await lets(loop(new ZlibPool({ engine })))).to.equal('all came');
      });
    }
  }
});

describe('Many steps that inflate nothing', () => {
  for (const engine of engines) {
    it(`are all done, in order on each stream (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const streams = Array.from({ length: 5 }, () => pool.createGunzip().resume());
      const counts = streams.map(() => 0);
      const last = streams.map(
        (stream, at) =>
          new Promise<void>((resolve) => {
            for (let i = 0; i < 400; i++) {
              stream.write(NOTHING, () => {
                expect(counts[at]).to.equal(i);
                counts[at] = i + 1;
                if (i === 399) resolve();
              });
            }
          }),
      );
      await Promise.all(last);
      for (const stream of streams) stream.destroy();
    });

    it(`as the ends of streams are keep no stream from its end, nor from being destroyed (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const halves = [data.subarray(0, 100), data.subarray(100)];
      const streams: DecompressStream[] = Array.from({ length: 600 }, () => pool.createGunzip());
      const results = streams.map((stream, i) =>
        outcome(stream, async () => {
          for (const half of halves) await new Promise<void>((resolve) => stream.write(half, () => resolve()));
          await nextTurn();
          stream.end();
          // Some while their last flush waits.
          if (i % 3 === 0) process.nextTick(() => process.nextTick(() => process.nextTick(() => stream.destroy())));
        }),
      );
      for (const [i, { bytes, events }] of (await Promise.all(results)).entries()) {
        expect(bytes.equals(plain)).to.equal(true);
        if (i % 3 > 0) expect(events.at(-2)).to.equal('end');
      }
      await nextTurn();
      expect(pool.stats.leased).to.equal(0);
    });
  }
});

describe('A short message', () => {
  it('does not wait for room in the threadpool, which is full of long ones', async () => {
    const pool = new ZlibPool({ engine: 'native' });
    const long = compress('gzip', Buffer.alloc(1_000_000));
    const done: string[] = [];
    const all = Array.from({ length: 2 * Math.max(64, 8 * Number(process.env.UV_THREADPOOL_SIZE ?? 4)) }, async () => {
      await pool.decompress(long, 'gzip');
      done.push('long');
    });
    await nextTurn();
    expect((await pool.decompress(data, 'gzip')).equals(plain)).to.equal(true);
    expect(done).to.deep.equal([]);
    await Promise.all(all);
  });
});

/**
 * What takes long, or is measured by the memory of a whole process: run as `endure.ts NAME ENGINE` in one of its
 * own. The last line is JSON with what was seen.
 */
import { subscribe } from 'node:diagnostics_channel';
import type { Duplex } from 'node:stream';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { median } from 'simple-statistics';
import { type DiscardEvent, ZlibPool, type ZlibPoolOptions } from '../../lib/index.ts';
import { collectAll, watchPeak } from './memory.ts';
import { bytesOf, closed } from './outcome.ts';
import { random, sample } from './samples.ts';

const [name, engine] = process.argv.slice(2) as ['sequential' | 'bomb' | 'destroy', ZlibPoolOptions['engine']];

const MB = 2 ** 20;

interface Memory {
  rss: number;
  heap: number;
}

/** So many collections in a row that free nothing more: memory has settled. */
const CALM_COLLECTIONS = 8;

/** Memory in bytes once it has settled, however long that takes: the allocator gives pages back some time after they are free. */
async function settled(): Promise<Memory> {
  const least: Memory = { rss: Number.POSITIVE_INFINITY, heap: Number.POSITIVE_INFINITY };
  for (let calm = 0; calm < CALM_COLLECTIONS; calm++) {
    collectAll();
    await nextTurn();
    const { rss, heapUsed, external } = process.memoryUsage();
    if (rss < least.rss) calm = 0;
    least.rss = Math.min(least.rss, rss);
    least.heap = Math.min(least.heap, heapUsed + external);
  }
  return least;
}

/** Until a stream takes more, or never will. */
function drained(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    const done = () => {
      stream.off('drain', done).off('close', done);
      resolve();
    };
    stream.on('drain', done).on('close', done);
  });
}

const scripts = {
  /** One stream after another: neither engines nor memory may pile up. */
  async sequential() {
    const { plain, data } = sample(1_000);
    const pool = new ZlibPool({ engine });
    const rounds = 10;
    const count = engine === 'native' ? 10_000 : 4_000;
    let wrong = 0;
    async function play(): Promise<Memory> {
      for (let i = 0; i < count; i++) {
        const stream = pool.createGunzip();
        if (!(await bytesOf(stream, data)).equals(plain)) wrong += 1;
      }
      await nextTurn();
      return settled();
    }
    // What leaks grows in each round. V8 and the allocator take pages in one round and give some back in another: neither counts
    // in a median.
    let before = await play();
    const growths: Memory[] = [];
    while (growths.length < rounds - 1) {
      const after = await play();
      growths.push({ rss: after.rss - before.rss, heap: after.heap - before.heap });
      before = after;
    }
    const usual = (of: keyof Memory) => median(growths.map((growth) => growth[of] / count));
    return {
      streams: rounds * count,
      wrong,
      growths,
      grown: usual('rss'),
      heapGrown: usual('heap'),
      stats: pool.stats,
    };
  },

  /** 10 MB of gzip that are 10 GB of zeros, into a slow consumer, destroyed once it has had some of it. */
  async bomb() {
    // 10,000 members of 1 MB each, 50 a write.
    const member = gzipSync(Buffer.alloc(1_000_000), { level: 9 });
    const members = Buffer.concat(Array.from({ length: 50 }, () => member));
    const pool = new ZlibPool({ engine });
    const stream = pool.createGunzip();
    const most = 100 * MB;
    const grown = watchPeak();
    let written = 0;
    let length = 0;
    /** Bytes made and not yet given to the consumer. */
    let ahead = 0;
    let chunks = 0;
    const writer = (async () => {
      for (let i = 0; i < 200 && !stream.destroyed; i++) {
        written += members.length;
        if (!stream.write(Buffer.from(members))) await drained(stream);
      }
    })();
    await new Promise<void>((resolve) => {
      stream.on('data', (chunk: Buffer) => {
        ahead = Math.max(ahead, pool.stats.bytesOut - length);
        length += chunk.length;
        chunks += 1;
        stream.pause();
        // Chunks are garbage by then.
        if (chunks % 16 === 0) collectAll();
        if (length > most) resolve();
        // Time for an engine that does not stop.
        else setTimeout(() => stream.resume(), 2);
      });
    });
    const { bytesOut } = pool.stats;
    stream.destroy();
    await closed(stream);
    const madeAfter = pool.stats.bytesOut - bytesOut;
    await writer;
    return { written, length, ahead, madeAfter, grown: grown(), stats: pool.stats };
  },

  /** destroy() during a threadpool write and at random moments, 2,000 times, 8 at a time. */
  async destroy() {
    const { data } = sample(2_000_000);
    const roll = random(Number(process.env.SPEC_SEED ?? 1));
    const pool = new ZlibPool({ engine, inline: { inputLength: 0 } });
    const during = new Error('during a write');
    let inFlight = 0;
    /** Engines that were closed for it: a write was in flight. */
    let discardedFor = 0;
    subscribe('zlease:discard', (event) => {
      if ((event as DiscardEvent).cause === during) discardedFor += 1;
    });
    const lane = async (): Promise<void> => {
      for (let i = 0; i < 250; i++) {
        const stream = pool.createGunzip();
        stream.on('error', () => {}).resume();
        stream.write(data, () => {});
        const wait = roll();
        if (wait < 0.5) {
          // The write began in a tick.
          await new Promise((resolve) => process.nextTick(resolve));
          inFlight += 1;
          stream.destroy(during);
        } else {
          if (wait < 0.8) for (let n = Math.floor(roll() * 8); n >= 0; n--) await nextTurn();
          else await delay(roll() * 12);
          stream.destroy(roll() < 0.5 ? undefined : new Error('x'));
        }
        await closed(stream);
      }
    };
    await Promise.all(Array.from({ length: 8 }, lane));
    await nextTurn();
    return { destroyed: 2_000, inFlight, discardedFor, stats: pool.stats };
  },
};

console.log(JSON.stringify(await scripts[name]()));

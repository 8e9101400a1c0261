/**
 * What takes long, or is measured by the memory of a whole process: run as `endure.ts NAME ENGINE` in one of its
 * own. The last line is JSON with what was seen.
 */
import type { Duplex } from 'node:stream';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { ZlibPool, type ZlibPoolOptions } from '../../lib/index.ts';
import { bytesOf, closed } from './outcome.ts';
import { random, sample } from './samples.ts';

const [name, engine] = process.argv.slice(2) as ['sequential' | 'bomb' | 'destroy', ZlibPoolOptions['engine']];

const MB = 2 ** 20;

/** What is left when V8 is done collecting: it frees array buffers off the main thread, some time after gc(). */
async function rss(): Promise<number> {
  let least = Number.POSITIVE_INFINITY;
  for (let i = 0; i < 10; i++) {
    globalThis.gc?.();
    await delay(20);
    least = Math.min(least, process.memoryUsage.rss());
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
    let streams = 0;
    let wrong = 0;
    async function play(count: number): Promise<{ rss: number; heap: number }> {
      for (let i = 0; i < count; i++) {
        const stream = pool.createGunzip();
        if (!(await bytesOf(stream, data)).equals(plain)) wrong += 1;
      }
      streams += count;
      await nextTurn();
      const settled = await rss();
      const { heapUsed, external } = process.memoryUsage();
      return { rss: settled, heap: heapUsed + external };
    }
    let early = await play(10_000);
    const growths: { rss: number; heap: number }[] = [];
    // What leaks grows each time. What grew once, by V8 taking pages for its heap, has grown and stays.
    for (let i = 0; i < 3; i++) {
      const late = await play(engine === 'native' ? 90_000 : 20_000);
      growths.push({ rss: late.rss - early.rss, heap: late.heap - early.heap });
      if (late.rss - early.rss < MB * 20) break;
      early = late;
    }
    const grown = Math.min(...growths.map((growth) => growth.rss));
    return { streams, wrong, growths, grown, heapGrown: growths[0]?.heap, stats: pool.stats };
  },

  /** 10 MB of gzip that are 10 GB of zeros, into a slow consumer, destroyed half-way. */
  async bomb() {
    // 10,000 members of 1 MB each, 50 a write.
    const member = gzipSync(Buffer.alloc(1_000_000), { level: 9 });
    const members = Buffer.concat(Array.from({ length: 50 }, () => member));
    const pool = new ZlibPool({ engine });
    const stream = pool.createGunzip();
    // The public engine copies everything once more, which is garbage that rss shows until V8 collects it.
    const pauseMs = engine === 'native' ? 4 : 8;
    const before = await rss();
    let written = 0;
    let peak = 0;
    let length = 0;
    const writer = (async () => {
      for (let i = 0; i < 200 && !stream.destroyed; i++) {
        written += members.length;
        if (!stream.write(Buffer.from(members))) await drained(stream);
      }
    })();
    const end = Date.now() + 3_000;
    stream.on('data', (chunk: Buffer) => {
      length += chunk.length;
      stream.pause();
      setTimeout(() => stream.resume(), pauseMs);
    });
    while (Date.now() < end) {
      await delay(50);
      peak = Math.max(peak, process.memoryUsage.rss());
    }
    const start = performance.now();
    stream.destroy();
    await closed(stream);
    const closedWithinMs = performance.now() - start;
    await writer;
    return {
      compressed: members.length * 200,
      written,
      length,
      grown: peak - before,
      closedWithinMs,
      stats: pool.stats,
    };
  },

  /** destroy() at a random moment of a large threadpool write, 2,000 times, 8 at a time. */
  async destroy() {
    const { data } = sample(2_000_000);
    const roll = random(Number(process.env.ZLEASE_SEED ?? 1));
    const pool = new ZlibPool({ engine, inline: { inputLength: 0 } });
    let inFlight = 0;
    const lane = async (): Promise<void> => {
      for (let i = 0; i < 250; i++) {
        const stream = pool.createGunzip();
        stream.on('error', () => {}).resume();
        stream.write(data, () => {});
        const wait = roll();
        if (wait < 0.2) await new Promise((resolve) => process.nextTick(resolve));
        else if (wait < 0.6) for (let n = Math.floor(roll() * 4); n >= 0; n--) await nextTurn();
        else await delay(roll() * 12);
        if (pool.stats.leased > 0) inFlight += 1;
        stream.destroy(roll() < 0.5 ? undefined : new Error('x'));
        await closed(stream);
      }
    };
    await Promise.all(Array.from({ length: 8 }, lane));
    await nextTurn();
    return { destroyed: 2_000, inFlight, stats: pool.stats };
  },
};

console.log(JSON.stringify(await scripts[name]()));

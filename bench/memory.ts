/**
 * What streams cost in memory, each figure in a process of its own: `memory.ts WHAT WHO`. The last line is the figure, in JSON.
 * - open: resident bytes of 10,000 streams that wait for input
 * - allocation: bytes and objects on the JavaScript heap that one stream of 1 KB takes, by V8's sampling profiler
 */
import { Session } from 'node:inspector/promises';
import type { Duplex } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { ZlibPool } from 'zlease';
import { messagesOf } from './corpus.ts';
import { readWhole } from './rivals.ts';

const pool = new ZlibPool();
const makers: Record<string, () => Duplex> = { stock: createGunzip, zlease: () => pool.createGunzip() };

const OPEN = 10_000;
const STREAMS = 2_000;

const messages = messagesOf(1_024);

async function passThrough(make: () => Duplex, count: number): Promise<void> {
  for (let i = 0; i < count; i++) await readWhole(make(), (messages[i % messages.length] as { data: Buffer }).data);
}

const figures: Record<string, (make: () => Duplex) => Promise<unknown>> = {
  async open(make) {
    await passThrough(make, 100);
    globalThis.gc?.();
    const before = process.memoryUsage.rss();
    const streams = Array.from({ length: OPEN }, make);
    const { data } = messages[0] as { data: Buffer };
    // One is at work: the rest of them wait.
    await readWhole(streams[0] as Duplex, data);
    return { bytes: process.memoryUsage.rss() - before };
  },

  async allocation(make) {
    await passThrough(make, 20_000);
    const session = new Session();
    session.connect();
    await session.post('HeapProfiler.startSampling', {
      // Each single object.
      samplingInterval: 1,
      includeObjectsCollectedByMajorGC: true,
      includeObjectsCollectedByMinorGC: true,
    } as never);
    await passThrough(make, STREAMS);
    const { profile } = await session.post('HeapProfiler.stopSampling');
    const { samples } = profile as unknown as { samples: { size: number }[] };
    const bytes = samples.reduce((sum, { size }) => sum + size, 0);
    return { bytes: Math.round(bytes / STREAMS), objects: Math.round(samples.length / STREAMS) };
  },
};

const [what, who] = process.argv.slice(2) as [string, string];
const figure = await figures[what]?.(makers[who] as () => Duplex);
console.log(JSON.stringify(figure));

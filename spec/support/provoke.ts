/**
 * What makes Node abort when it is done to a zlib handle (DESIGN, section 5), tried through the public names of
 * zlease. Run as `provoke.ts NAME ENGINE` in a process of its own: it must end with exit code 0 and "survived".
 */
import { once } from 'node:events';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { Worker } from 'node:worker_threads';
import { type DecompressStream, ZlibPool } from '../../lib/index.ts';
import { bytesOf, closed } from './outcome.ts';
import { pieces, sample } from './samples.ts';
import { loader } from './script.ts';

const { plain, data } = sample(3_000_000);
const threadpool = { inputLength: 0 };

type Provocation = (pool: ZlibPool) => Promise<void>;

function tolerant(stream: DecompressStream): DecompressStream {
  return stream.on('error', () => {}).resume();
}

/** A stream with a native write in flight. */
async function inFlight(pool: ZlibPool): Promise<DecompressStream> {
  const stream = tolerant(pool.createGunzip());
  stream.write(data, () => {});
  await new Promise((resolve) => process.nextTick(resolve));
  return stream;
}

export const provocations: Record<string, Provocation> = {
  'writes while a write is in flight': async (pool) => {
    const stream = pool.createGunzip();
    for (const piece of pieces(data, 9_000)) {
      stream.write(piece);
      stream.flush(() => {});
    }
    const bytes = await bytesOf(stream.end());
    if (!bytes.equals(plain)) throw new Error('Not the same bytes');
  },
  'writes after close': async (pool) => {
    for (const end of ['close', 'destroy'] as const) {
      const stream = await inFlight(pool);
      stream[end]();
      for (let i = 0; i < 5; i++) {
        stream.write(data, () => {});
        stream.flush(() => {});
        await nextTurn();
      }
      await closed(stream);
      stream.write(data, () => {});
      stream._transform(data, 'binary', () => {});
      stream._flush(() => {});
    }
  },
  'flushes with values that zlib does not have': async (pool) => {
    const stream = tolerant(pool.createGunzip());
    for (const kind of [99, -1, 1.5, Number.POSITIVE_INFINITY, 'x', {}, null, Symbol.iterator, 2 ** 32]) {
      try {
        stream.flush(kind as number, () => {});
      } catch {}
      try {
        tolerant(pool.createGunzip({ flush: kind as number, finishFlush: kind as number })).end(data);
      } catch {}
    }
    const forged = Object.assign(Buffer.alloc(0), { flush: 99 });
    stream.write(forged);
    await delay(50);
  },
  'takes the memory of a chunk away before it is inflated': async (pool) => {
    for (const inFlightBefore of [false, true]) {
      const stream = inFlightBefore ? await inFlight(pool) : tolerant(pool.createGunzip());
      const memory = new Uint8Array(data).buffer;
      stream.write(Buffer.from(memory), () => {});
      structuredClone(memory, { transfer: [memory] });
      await delay(20);
      stream.destroy();
      await closed(stream);
    }
  },
  'shrinks the memory of a chunk before, and between the writes that it takes': async (pool) => {
    for (const length of [0, 10, 2_000]) {
      for (const late of [false, true]) {
        const memory = new ArrayBuffer(20_000, { maxByteLength: 20_000 });
        new Uint8Array(memory).set(data.subarray(0, 20_000));
        const stream = tolerant(pool.createGunzip({ chunkSize: 64 }));
        if (late) stream.once('data', () => memory.resize(length));
        stream.write(Buffer.from(memory), () => {});
        if (!late) memory.resize(length);
        await delay(20);
        stream.destroy();
        await closed(stream);
      }
    }
  },
  'resets while a write is in flight': async (pool) => {
    for (let i = 0; i < 50; i++) {
      const stream = await inFlight(pool);
      for (let n = 0; n < 3; n++) {
        try {
          stream.reset();
        } catch {}
        await nextTurn();
      }
      stream.destroy();
      await closed(stream);
    }
  },
  'resets inside data, and writes on': async (pool) => {
    const stream = tolerant(pool.createGunzip());
    stream.on('data', () => stream.reset());
    for (const piece of pieces(data, 5_000)) stream.write(piece, () => {});
    await delay(100);
    stream.destroy();
  },
  'writes from inside the error of another write': async (pool) => {
    for (let i = 0; i < 50; i++) {
      const bad = pool.createGunzip();
      const others = [pool.createGunzip(), pool.createGunzip()];
      const results = others.map((stream) => bytesOf(stream));
      bad.on('error', () => {
        bad.write(data, () => {});
        try {
          bad.reset();
        } catch {}
        for (const stream of others) stream.end(data);
      });
      bad.write(data.subarray(0, 2_000));
      bad.write(Buffer.alloc(50_000, 0xff));
      for (const bytes of await Promise.all(results)) if (!bytes.equals(plain)) throw new Error('Not the same bytes');
    }
  },
  'drops everything during a write, and collects garbage': async (pool) => {
    for (let i = 0; i < 20; i++) {
      pool.createGunzip().write(Buffer.from(data));
      await new Promise((resolve) => process.nextTick(resolve));
      for (let n = 0; n < 3; n++) {
        globalThis.gc?.();
        await nextTurn();
      }
    }
    await delay(50);
    globalThis.gc?.();
  },
  'destroys streams and their pool during writes': async (pool) => {
    const streams = await Promise.all(Array.from({ length: 20 }, () => inFlight(pool)));
    pool.destroy();
    pool.destroy();
    await Promise.all(streams.map(closed));
    await pool.close();
    if (pool.stats.leased !== 0) throw new Error('A lease is out');
  },
  'exits during writes': async (pool) => {
    for (let i = 0; i < 8; i++) await inFlight(pool);
    console.log('survived');
    process.exit(0);
  },
  'ends a worker thread during writes': async (pool) => {
    const engine = pool.settings.engine;
    for (let i = 0; i < 4; i++) {
      // Node 20 does not hand --import on to worker threads.
      const loading = loader.length === 0 ? '' : "import('tsx/esm/api').then(({ register }) => register())";
      const script = `Promise.resolve(${loading}).then(() => import('${import.meta.url}'))`;
      const worker = new Worker(script, { eval: true, argv: ['keeps writing', engine], execArgv: [] });
      await once(worker, 'message');
      await worker.terminate();
    }
  },
  /** What the worker thread above does. */
  'keeps writing': async (pool) => {
    const { parentPort } = await import('node:worker_threads');
    const streams = await Promise.all(Array.from({ length: 8 }, () => inFlight(pool)));
    parentPort?.postMessage('writing');
    for (;;) {
      for (const stream of streams) stream.write(data, () => {});
      await nextTurn();
    }
  },
};

const [name, engine] = process.argv.slice(2);
// Imported by the spec, for its names, it does nothing.
if (name !== undefined && name in provocations) {
  for (const inline of [{}, threadpool]) {
    await provocations[name]?.(new ZlibPool({ engine: engine as 'native', inline }));
  }
  console.log('survived');
}

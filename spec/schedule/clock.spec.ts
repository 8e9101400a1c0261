/** The clock of a test: the library keeps the timers and ticks that it was loaded with. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import timers from 'node:timers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { engines, ZlibPool } from '../support/library.ts';
import { bytesOf } from '../support/outcome.ts';
import { sample } from '../support/samples.ts';

const lib = process.env.SPEC_LIB ?? fileURLToPath(new URL('../../lib', import.meta.url));
const { plain, data } = sample(3_000);
const corrupt = Buffer.concat([data.subarray(0, 40), Buffer.alloc(400, 0xff)]);

const names = ['setImmediate', 'setTimeout', 'setInterval', 'clearImmediate', 'clearTimeout', 'clearInterval'] as const;

/** Runs `act` while each timer is replaced by one that never calls back, as a fake clock that is not moved. */
async function withoutTime<T>(act: () => T | Promise<T>): Promise<T> {
  const lost = Object.assign(() => ({ unref: () => {}, ref: () => {} }), {
    __promisify__: () => new Promise(() => {}),
  });
  const real = names.map((name) => [name, globalThis[name]] as const);
  const { now } = performance;
  const { queueMicrotask } = globalThis;
  for (const name of names) Object.assign(globalThis, { [name]: lost });
  for (const name of names) Object.assign(timers, { [name]: lost });
  performance.now = () => 0;
  globalThis.queueMicrotask = () => {};
  try {
    return await act();
  } finally {
    Object.assign(globalThis, Object.fromEntries(real), { queueMicrotask });
    Object.assign(timers, Object.fromEntries(real));
    performance.now = now;
  }
}

/** The same for ticks. node:stream takes them where they are replaced: no stream works meanwhile. */
function withoutTicks(act: () => void): void {
  const { nextTick } = process;
  process.nextTick = () => {};
  try {
    act();
  } finally {
    process.nextTick = nextTick;
  }
}

describe('A fake clock', () => {
  for (const engine of engines) {
    it(`does not stop streams, good or bad (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      await withoutTime(async () => {
        for (let i = 0; i < 3; i++) {
          expect((await bytesOf(pool.createGunzip().end(data))).equals(plain)).to.equal(true);
          const error = await new Promise<NodeJS.ErrnoException>((resolve) => {
            pool.createGunzip().on('error', resolve).end(corrupt);
          });
          expect(error.code).to.equal('Z_DATA_ERROR');
        }
      });
    });

    it(`does not stop a burst that takes many turns of the event loop (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      await withoutTime(async () => {
        const streams = Array.from({ length: 300 }, () => bytesOf(pool.createGunzip().end(data)));
        const messages = Array.from({ length: 300 }, () => pool.decompress(data, 'gzip'));
        for (const bytes of await Promise.all([...streams, ...messages])) expect(bytes.equals(plain)).to.equal(true);
      });
    });

    it(`does not keep the callback of a write that a destroy() cut short (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      await withoutTime(() => {
        const stream = pool.createGunzip();
        return new Promise<void>((resolve) => {
          stream.write(data, () => resolve());
          stream.destroy();
        });
      });
      expect(pool.stats.leased).to.equal(0);
    });

    it(`does not stop the time of a pool: waiters are refused, idle engines closed (${engine})`, async () => {
      const pool = new ZlibPool({ engine, maxLeased: 1, leaseTimeoutMs: 20, idleTimeoutMs: 20 });
      const lease = await pool.lease('gzip');
      const error = await withoutTime(() => pool.lease('gzip').catch((reason) => reason));
      expect(error.code).to.equal('ERR_POOL_TIMEOUT');
      await withoutTime(async () => lease.release());
      while (pool.stats.idle > 0) await delay(5);
      expect(pool.stats.evicted).to.equal(1);
    });
  }

  it('leaves nothing behind that waits for a callback of its own', async () => {
    const pools = engines.map((engine) => new ZlibPool({ engine }));
    for (const pool of pools) {
      await withoutTime(() => {
        for (let i = 0; i < 100; i++)
          pool
            .createGunzip()
            .on('error', () => {})
            .end(i % 2 === 0 ? data : corrupt);
        for (let i = 0; i < 100; i++) pool.decompress(data, 'gzip').catch(() => {});
      });
      withoutTicks(() => {
        for (let i = 0; i < 10; i++) pool.createGunzip().end(data);
        // A loss for node:stream: 'close' never comes. The lease ends all the same.
        const stream = pool.createGunzip();
        stream.write(data);
        stream.destroy();
      });
      const results = await Promise.all([
        ...Array.from({ length: 200 }, () => bytesOf(pool.createGunzip().end(data))),
        ...Array.from({ length: 200 }, () => pool.decompress(data, 'gzip')),
      ]);
      for (const bytes of results) expect(bytes.equals(plain)).to.equal(true);
    }
  });

  it('gives back the engine of a stream whose close was lost with its tick', async () => {
    const pool = new ZlibPool();
    const stream = pool.createGunzip();
    await new Promise<void>((resolve) => {
      stream.write(data.subarray(0, 50), () => resolve());
    });
    expect(pool.stats.leased).to.equal(1);
    withoutTicks(() => stream.destroy());
    await new Promise((resolve) => process.nextTick(resolve));
    expect(pool.stats.leased).to.equal(0);
  });

  it('is looked up by no module but one', async () => {
    const ours = (await readdir(lib, { recursive: true })).filter(
      (name) => name.endsWith('.ts') && !/node_modules|clock\.ts$/.test(name),
    );
    expect(ours.length).to.be.above(30);
    for (const name of ours) {
      const code = (await readFile(join(lib, name), 'utf8')).replace(/\/\*[\s\S]*?\*\/|\/\/.*/g, '');
      expect(code, name).not.to.match(/\bprocess\.nextTick\b|\bperformance\b|\bnode:timers\b|\bDate\b/);
      const [, captured = ''] = /import \{([^}]*)\} from '\.[./]*\/(?:schedule\/)?clock\.ts'/.exec(code) ?? [];
      const used = /(?<![.\w])(?:set|clear)(?:Immediate|Timeout|Interval)\b|(?<![.\w])queueMicrotask\b/g;
      for (const [timer] of code.matchAll(used)) expect(captured.includes(timer), `${name}: ${timer}`).to.equal(true);
    }
  });
});

/** Leases whose owner was collected: noticed, counted, their engine closed. */
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { engines, ZlibPool } from '../support/library.ts';
import { bytesOf } from '../support/outcome.ts';
import { sample } from '../support/samples.ts';
import { collectGarbage, until } from '../support/until.ts';

const { plain, data } = sample(200_000);

type Pool = InstanceType<typeof ZlibPool>;

/** Ways in which 'close' never comes. */
const drops: Record<string, (pool: Pool) => Promise<unknown> | unknown> = {
  'dropped half-way': (pool) =>
    new Promise<void>((resolve) => pool.createGunzip().write(data.subarray(0, 300), () => resolve())),
  'ended but never read': async (pool) => {
    const { bytesOut } = pool.stats;
    pool.createGunzip().end(data);
    await until(() => pool.stats.bytesOut > bytesOut);
  },
  'read to its end with autoDestroy off': (pool) => bytesOf(pool.createGunzip({ autoDestroy: false }), data),
  'a lease that nobody released': (pool) => void pool.tryLease('gzip'),
};

describe('LiveLeases', () => {
  for (const engine of engines) {
    for (const [where, inline] of Object.entries({ 'main thread': {}, threadpool: { inputLength: 0 } })) {
      for (const [name, drop] of Object.entries(drops)) {
        it(`takes back the engine of a stream that was ${name} (${engine}, ${where})`, async () => {
          const pool = new ZlibPool({ engine, inline });
          for (let i = 0; i < 5; i++) await drop(pool);
          await until(() => pool.stats.leased === 0, collectGarbage);
          expect(pool.stats).to.include({ leased: 0, leaked: 5, created: 5, idle: 0 });
        });
      }
    }

    it(`leaves alone what is waiting for input, however long (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const stream = pool.createGunzip();
      stream.write(data.subarray(0, 100));
      for (let i = 0; i < 10; i++) {
        await delay(2);
        collectGarbage();
      }
      expect(pool.stats).to.include({ leased: 1, leaked: 0 });
      expect((await bytesOf(stream, data.subarray(100))).equals(plain)).to.equal(true);
      expect(pool.stats).to.include({ leased: 0, leaked: 0, idle: 1 });
    });

    it(`takes back the engine of a stream in whose listener the pool was closed (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      let back: Promise<void> | undefined;
      (() => {
        const stream = pool.createGunzip();
        stream.on('data', () => {
          back ??= pool.close();
        });
        stream.write(data.subarray(0, -20));
      })();
      await until(() => back !== undefined);
      await until(() => pool.stats.leased === 0, collectGarbage);
      expect(pool.stats).to.include({ leased: 0, leaked: 1 });
      await back;
    });

    it(`destroys streams of every age with their pool (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const old = pool.createGunzip();
      old.write(data.subarray(0, 100));
      await nextTurn();
      const young = pool.createGunzip();
      young.write(data.subarray(0, 100));
      await new Promise((resolve) => process.nextTick(resolve));
      const errors = [old, young].map((stream) => new Promise((resolve) => stream.once('error', resolve)));
      const error = new Error('shutting down');
      pool.destroy(error);
      expect(await Promise.all(errors)).to.deep.equal([error, error]);
      await pool.close();
      expect(pool.stats).to.include({ leased: 0, discarded: 2, idle: 0 });
    });
  }

  it('does not gather those that have ended, though a turn sees hundreds of thousands', () => {
    const pool = new ZlibPool();
    const held = pool.tryLease('gzip');
    const churn = (count: number) => {
      for (let i = 0; i < count; i++) pool.tryLease('gzip')?.release();
      globalThis.gc?.();
      return process.memoryUsage().heapUsed;
    };
    const before = churn(1_000);
    expect(churn(200_000) - before).to.be.below(2_000_000);
    expect(pool.stats).to.include({ leased: 1, created: 2 });
    held?.release();
  });
});

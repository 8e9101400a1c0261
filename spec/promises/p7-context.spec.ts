/** P7 no shared context: events see the AsyncLocalStorage of their stream's creation, idle engines see nobody's. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createGunzip as stockGunzip } from 'node:zlib';
import { expect } from 'chai';
import { engines, ZlibPool } from '../support/library.ts';
import { sample } from '../support/samples.ts';
import { collectGarbage, until } from '../support/until.ts';

const storage = new AsyncLocalStorage<object>();
const events = ['data', 'prefinish', 'finish', 'end', 'error', 'close', 'drain'];

/** The store that each event of a stream sees, made in one context and written to in another. */
async function stores(make: () => ReturnType<typeof stockGunzip>, data: Buffer): Promise<Record<string, unknown>> {
  const seen: Record<string, unknown> = {};
  const stream = storage.run({ name: 'creator' }, make);
  for (const name of events) {
    stream.on(name, () => {
      const { name: store } = (storage.getStore() ?? { name: 'nobody' }) as { name: string };
      seen[name] = seen[name] === undefined || seen[name] === store ? store : 'several';
    });
  }
  await storage.run({ name: 'writer' }, async () => {
    await new Promise<void>((resolve) => {
      stream.write(data.subarray(0, 100), () => {
        seen['write callback'] = (storage.getStore() as { name: string }).name;
        resolve();
      });
    });
    stream.end(data.subarray(100));
    await new Promise((resolve) => stream.once('close', resolve));
  });
  return seen;
}

describe('P7 no shared context', () => {
  const good = sample(400_000).data;
  const inputs = {
    good,
    truncated: good.subarray(0, -20),
    corrupt: Buffer.concat([good.subarray(0, 20_000), Buffer.alloc(999, 7)]),
  };
  for (const engine of engines) {
    for (const [where, inline] of Object.entries({ 'main thread': {}, threadpool: { inputLength: 0 } })) {
      for (const [name, data] of Object.entries(inputs)) {
        it(`shows ${name} input's events the store that node:zlib shows (${engine}, ${where})`, async () => {
          const pool = new ZlibPool({ engine, inline });
          const stock = await stores(stockGunzip, data);
          expect(stock.data).to.equal('creator');
          // Twice: the second time on an engine that served somebody else before.
          for (let i = 0; i < 2; i++)
            expect(await stores(() => pool.createGunzip() as never, data)).to.deep.equal(stock);
        });
      }
    }

    it(`shows each of many streams its own store (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const { data } = sample(3_000);
      await Promise.all(
        Array.from({ length: 50 }, async (_, i) => {
          const store = { i };
          const stream = storage.run(store, () => pool.createGunzip());
          let wrong = 0;
          for (const name of ['data', 'end', 'close']) {
            stream.on(name, () => {
              if (storage.getStore() !== store) wrong += 1;
            });
          }
          if (i % 2 === 0) await nextTurn();
          stream.end(data);
          await once(stream, 'close');
          expect(wrong).to.equal(0);
        }),
      );
    });

    it(`keeps no store alive by an idle engine, a timer or an immediate (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const { data } = sample(200_000);
      const stores: WeakRef<object>[] = [];
      for (let i = 0; i < 10; i++) {
        await storage.run({ big: Buffer.alloc(1_000) }, async () => {
          stores.push(new WeakRef(storage.getStore() as object));
          const streams = [pool.createGunzip(), pool.createGunzip()];
          await Promise.all(streams.map((stream) => once(stream.resume().end(data), 'close')));
        });
      }
      expect(pool.stats.idle).to.equal(2);
      await until(() => stores.every((store) => store.deref() === undefined), collectGarbage);
    });
  }
});

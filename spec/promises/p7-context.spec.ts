/** P7 no shared context: events see the AsyncLocalStorage of their stream's creation, idle engines see nobody's. */
import { AsyncLocalStorage, createHook } from 'node:async_hooks';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createGunzip as stockGunzip, createGzip as stockGzip } from 'node:zlib';
import { expect } from 'chai';
import { engines, ZlibPool } from '../support/library.ts';
import { sample } from '../support/samples.ts';
import { fileSystemIdle } from '../support/uncaught.ts';
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
      it(`shows a compressing stream's events the store that node:zlib shows (${engine}, ${where})`, async () => {
        const pool = new ZlibPool({ engine, inline });
        const { plain } = sample(100_000);
        const stock = await stores(stockGzip as never, plain);
        expect(stock.data).to.equal('creator');
        for (let i = 0; i < 2; i++) expect(await stores(() => pool.createGzip() as never, plain)).to.deep.equal(stock);
      });

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

    for (const [where, inline] of Object.entries({ 'main thread': {}, threadpool: { inputLength: 0 } })) {
      it(`shows 'uncaughtException' the store of the stream whose listener or callback has thrown (${engine}, ${where})`, async () => {
        const pool = new ZlibPool({ engine, inline });
        const { data } = sample(3_000);
        const seen: string[] = [];
        const note = ({ message }: Error): void => {
          seen.push(`${message} in ${(storage.getStore() as { name: string } | undefined)?.name}`);
        };
        await fileSystemIdle();
        const others = process.listeners('uncaughtException');
        process.removeAllListeners('uncaughtException').on('uncaughtException', note);
        const names = Array.from({ length: 300 }, (_, i) => String(i));
        try {
          for (const name of names) {
            const fail = (): void => {
              if (Number(name) % 2 === 1) throw new Error(name);
            };
            storage.run({ name }, () => {
              const stream = pool.createGunzip().on('error', () => {});
              const kind = Number(name) % 16;
              if (kind === 1) stream.once('data', fail).end(data);
              else if (kind === 3) stream.resume().once('end', fail).end(data);
              else if (kind === 5) stream.resume().write(data, fail);
              else if (kind === 7) stream.resume().flush(fail);
              else if (kind === 9) stream._processChunk(data, 0, fail as never);
              else if (kind === 11) {
                stream._processChunk(data, 0, fail as never);
                stream.destroy();
              } else if (kind === 13) stream.once('data', fail).write(data);
              else if (kind === 15) stream.once('error', fail).end(data.subarray(0, 100));
              else stream.resume().end(data);
            });
          }
          const thrown = names.filter((name) => Number(name) % 2 === 1);
          while (seen.length < thrown.length) await nextTurn();
          expect(seen.sort()).to.deep.equal(thrown.map((name) => `${name} in ${name}`).sort());
        } finally {
          process.removeAllListeners('uncaughtException');
          for (const other of others) process.on('uncaughtException', other);
        }
      });
    }

    it(`keeps no store alive by an idle engine, a timer or an immediate (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const { data } = sample(200_000);
      const stores: WeakRef<object>[] = [];
      for (let i = 0; i < 10; i++) {
        await storage.run({ big: Buffer.alloc(1_000) }, async () => {
          stores.push(new WeakRef(storage.getStore() as object));
          const streams = [pool.createGunzip(), pool.createGzip()];
          await Promise.all(streams.map((stream) => once(stream.resume().end(data), 'close')));
          await pool.compress(data, 'deflate');
        });
      }
      expect(pool.stats.idle).to.equal(engine === 'native' ? 3 : 1);
      await until(() => stores.every((store) => store.deref() === undefined), collectGarbage);
    });
  }

  it('leaves no async resource open, of a type that node:zlib does not have, once streams and messages are done', async () => {
    const open = new Map<number, string>();
    const hook = createHook({
      init(id, type, _trigger, resource) {
        // Timers tell by themselves whether they keep the process alive.
        if (!('hasRef' in resource)) open.set(id, type);
      },
      destroy: (id) => void open.delete(id),
    }).enable();
    const kept: unknown[] = [];
    for (const engine of engines) {
      for (const inline of [{}, { inputLength: 0 }]) {
        const pool = new ZlibPool({ engine, inline });
        const stream = pool.createGunzip();
        kept.push(pool, stream, pool.compress(good, 'gzip'), pool.decompress(good, 'gzip'));
        await new Promise((resolve) => stream.on('close', resolve).resume().end(good));
        await Promise.all(kept.slice(-2));
      }
    }
    // Tools that look for open handles pass over the types of promises and of node:zlib.
    await until(() => [...open.values()].every((type) => type === 'PROMISE' || type === 'ZLIB'), collectGarbage);
    hook.disable();
    expect(kept).to.have.lengthOf(16);
  });
});

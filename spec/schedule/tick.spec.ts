/** One tick for many tasks: in order, each in its context, after what was there before. */
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { enqueueNextRun, enqueueTick } from '../../lib/schedule/tick.ts';
import { uncaughtDuring } from '../support/uncaught.ts';
import { collectGarbage, until } from '../support/until.ts';

const context = new AsyncResource('SPEC');

const queues = { enqueueTick, enqueueNextRun };

for (const [name, enqueue] of Object.entries(queues)) {
  describe(`${name}()`, () => {
    it('calls each task once, in order, with its this', async () => {
      const called: unknown[] = [];
      const selves = Array.from({ length: 5_000 }, (_, i) => ({ i }));
      function task(this: unknown): void {
        called.push(this);
      }
      // The second round uses the queue of the first again.
      for (const count of [5_000, 3, 3]) {
        for (const self of selves.slice(0, count)) enqueue(context, task, self);
        expect(called).to.have.length(0);
        await nextTurn();
        expect(called).to.deep.equal(selves.slice(0, count));
        called.length = 0;
      }
    });

    it('calls each task in the context that it was given', async () => {
      const storage = new AsyncLocalStorage<string>();
      const contexts = ['a', 'b'].map((store) => storage.run(store, () => new AsyncResource('SPEC')));
      const stores: unknown[] = [];
      for (const one of contexts) enqueue(one, () => stores.push(storage.getStore()), undefined);
      await nextTurn();
      expect(stores).to.deep.equal(['a', 'b']);
    });

    it('goes on after a task that throws, whose error is not lost', async () => {
      const called: string[] = [];
      const errors = await uncaughtDuring(async () => {
        enqueue(context, () => called.push('before'), undefined);
        enqueue(
          context,
          () => {
            throw new Error('a task');
          },
          undefined,
        );
        enqueue(context, () => called.push('after'), undefined);
        await nextTurn();
      });
      expect(called).to.deep.equal(['before', 'after']);
      expect(errors).to.deep.equal(['Error: a task']);
    });

    it('keeps nothing of a task that was called, though its queue is used again', async () => {
      const kept: WeakRef<object>[] = [];
      // A function of its own: the test, which waits, keeps its variables.
      (() => {
        for (let i = 0; i < 3; i++) {
          const parts = [new AsyncResource('SPEC'), () => {}, {}] as const;
          for (const part of parts) kept.push(new WeakRef(part));
          enqueue(...parts);
        }
      })();
      await nextTurn();
      await until(() => kept.every((ref) => ref.deref() === undefined), collectGarbage);
    });

    it('keeps no long queue after a burst', async () => {
      const count = 400_000;
      collectGarbage();
      const { heapUsed } = process.memoryUsage();
      const nothing = (): void => {};
      for (let i = 0; i < count; i++) enqueue(context, nothing, undefined);
      await nextTurn();
      collectGarbage();
      // A pointer takes 4 bytes at least.
      expect(process.memoryUsage().heapUsed - heapUsed).to.be.below(count * 4);
    });
  });
}

describe('A task that is queued by a task', () => {
  it('has a tick of its own, behind the ticks that were there before', async () => {
    const order: string[] = [];
    enqueueTick(
      context,
      () => {
        order.push('first');
        process.nextTick(() => order.push('tick'));
        enqueueTick(context, () => order.push('its task'), undefined);
      },
      undefined,
    );
    enqueueTick(context, () => order.push('second'), undefined);
    await nextTurn();
    expect(order).to.deep.equal(['first', 'second', 'tick', 'its task']);
  });
});

describe('A task of the next run of ticks', () => {
  /** What happens before it: ticks, and microtasks that they queue. */
  function run(begin: (act: () => void) => void): Promise<string[]> {
    const order: string[] = [];
    begin(() => {
      enqueueNextRun(context, () => order.push('task'), undefined);
      process.nextTick(() => {
        order.push('tick');
        void Promise.resolve().then(() => order.push('microtask'));
        process.nextTick(() => {
          order.push('later tick');
          void Promise.resolve().then(() => order.push('later microtask'));
        });
      });
    });
    return nextTurn(order);
  }
  const all = ['tick', 'later tick', 'microtask', 'later microtask', 'task'];

  it('comes after the microtasks of the ticks before it', async () => {
    expect(await run((act) => act())).to.deep.equal(all);
    expect(await run((act) => void Promise.resolve().then(act))).to.deep.equal(all);
    expect(await run((act) => process.nextTick(act))).to.deep.equal(all);
  });

  it('comes after them too if a task of this tick has queued it', async () => {
    expect(await run((act) => enqueueTick(context, act, undefined))).to.deep.equal(all);
    expect(await run((act) => enqueueNextRun(context, act, undefined))).to.deep.equal(all);
  });

  it('keeps its order among tasks of one run that are queued from several places', async () => {
    const order: string[] = [];
    const queue = (name: string): void => enqueueNextRun(context, () => order.push(name), undefined);
    queue('a');
    enqueueTick(context, () => queue('b'), undefined);
    enqueueTick(context, () => queue('c'), undefined);
    process.nextTick(() => queue('d'));
    await nextTurn();
    expect([...order].sort()).to.deep.equal(['a', 'b', 'c', 'd']);
    expect(order.indexOf('b')).to.be.below(order.indexOf('c'));
  });
});

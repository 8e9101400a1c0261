/** Writes in flight in the threadpool: 64 at a time, and the first write of each stream waits for its place. */
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { threadpool as ours, threadpoolWith } from '../support/library.ts';
import { uncaughtDuring } from '../support/uncaught.ts';

const context = new AsyncResource('SPEC');

type Threadpool = typeof ours;

/** Sends writes until a first write has to wait. Returns their number. */
function fill(threadpool: Threadpool): number {
  let sent = 0;
  for (; !threadpool.isFull; sent++) threadpool.sent();
  return sent;
}

function land(threadpool: Threadpool, count: number): void {
  for (let i = 0; i < count; i++) threadpool.completed();
}

describe('The threadpool', () => {
  it('is full with 64 writes in flight, or eight for each thread', async () => {
    for (const [threads, most] of [
      ['', 64],
      ['none', 64],
      ['0', 64],
      ['1', 64],
      ['8', 64],
      ['9', 72],
      ['128', 1_024],
    ] as const) {
      expect(fill(await threadpoolWith(threads)), threads).to.equal(most);
    }
  });

  it('is idle while no write is in flight and none waits', async () => {
    expect(ours.isIdle).to.equal(true);
    ours.sent();
    expect(ours.isIdle).to.equal(false);
    ours.sent();
    ours.completed();
    expect(ours.isIdle).to.equal(false);
    ours.completed();
    expect(ours.isIdle).to.equal(true);
  });

  it('calls the tasks that wait, in order, in their contexts, a place for each', async () => {
    const storage = new AsyncLocalStorage<string>();
    const sent = fill(ours);
    const called: unknown[] = [];
    function task(this: unknown): void {
      called.push(this, storage.getStore());
      ours.sent();
    }
    for (const name of ['a', 'b', 'c']) {
      ours.whenFree(
        storage.run(`of ${name}`, () => new AsyncResource('SPEC')),
        task,
        name,
      );
    }
    await nextTurn();
    expect(called).to.deep.equal([]);
    ours.completed();
    // In a tick, and with a place until then: no other write takes it.
    expect(called).to.deep.equal([]);
    expect(ours.isFull).to.equal(true);
    await nextTurn();
    expect(called).to.deep.equal(['a', 'of a']);
    land(ours, 2);
    await nextTurn();
    expect(called).to.deep.equal(['a', 'of a', 'b', 'of b', 'c', 'of c']);
    // Full of writes, though no task waits.
    expect(ours.isFull).to.equal(true);
    land(ours, sent);
    expect(ours.isIdle).to.equal(true);
  });

  it('is full for others while a task waits', async () => {
    const sent = fill(ours);
    let calls = 0;
    ours.whenFree(context, () => (calls += 1), undefined);
    ours.completed();
    expect(ours.isFull).to.equal(true);
    expect(ours.isIdle).to.equal(false);
    await nextTurn();
    expect(calls).to.equal(1);
    expect(ours.isFull).to.equal(false);
    land(ours, sent - 1);
    expect(ours.isIdle).to.equal(true);
  });

  it('gives the places of one long write to as many tasks as there are', async () => {
    let sent = 0;
    for (; !ours.isFull; sent += 8) ours.sent(8);
    let calls = 0;
    const task = (): void => {
      calls += 1;
    };
    for (let i = 0; i < 3; i++) ours.whenFree(context, task, undefined);
    ours.completed(8);
    await nextTurn();
    expect(calls).to.equal(3);
    expect(ours.isFull).to.equal(false);
    ours.completed(sent - 8);
    expect(ours.isIdle).to.equal(true);
  });

  it('has the place of a task back that sends no write, or throws', async () => {
    const sent = fill(ours);
    let calls = 0;
    const errors = await uncaughtDuring(async () => {
      for (let i = 0; i < 100; i++) {
        ours.whenFree(
          context,
          () => {
            calls += 1;
            if (i % 2 === 0) throw new Error('a task');
          },
          undefined,
        );
      }
      ours.completed();
      for (let turns = 0; turns < 100; turns++) await nextTurn();
    });
    expect(calls).to.equal(100);
    expect(errors).to.have.length(50);
    land(ours, sent - 1);
    expect(ours.isIdle).to.equal(true);
  });
});

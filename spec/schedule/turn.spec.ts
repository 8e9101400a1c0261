/** The turn of the event loop: its budget, and the tasks that wait for a later one. */
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { root } from '../../lib/schedule/context.ts';
import { threadpool } from '../../lib/schedule/threadpool.ts';
import { turn } from '../../lib/schedule/turn.ts';
import { uncaughtDuring } from '../support/uncaught.ts';

const context = new AsyncResource('SPEC');

/** As a call near the end of the stack. The real one ends the process by an assertion of Node's now and then. */
function tooDeep(): never {
  throw new RangeError('Maximum call stack size exceeded');
}

describe('The turn', () => {
  // From the start of a turn in which nothing was done.
  beforeEach(async () => {
    turn.watch();
    await nextTurn();
    expect(turn.workLength).to.equal(0);
  });

  it('counts a short step as 2,048 bytes, a long one by its length, and begins again at 0', async () => {
    turn.spend(1);
    expect(turn.workLength).to.equal(2_048);
    turn.spend(2_049);
    expect(turn.workLength).to.equal(4_097);
    turn.spend(0);
    expect(turn.workLength).to.equal(4_097);
    const { number } = turn;
    await nextTurn();
    expect(turn.workLength).to.equal(0);
    expect(turn.number).to.equal(number + 1);
  });

  it('ends, though the stack of its first step was too short for the immediate', async () => {
    Object.assign(root, { runInAsyncScope: tooDeep });
    try {
      expect(() => turn.spend(1)).to.throw(RangeError);
    } finally {
      Reflect.deleteProperty(root, 'runInAsyncScope');
    }
    turn.spend(1);
    await nextTurn();
    expect(turn.workLength).to.equal(0);
  });

  it('is not watched while nothing is done', async () => {
    const { number } = turn;
    await nextTurn();
    await nextTurn();
    expect(turn.number).to.equal(number);
    turn.watch();
    turn.watch();
    await nextTurn();
    await nextTurn();
    expect(turn.number).to.equal(number + 1);
  });

  it('calls the tasks that wait, in order, as far as its length allows', async () => {
    const order: string[] = [];
    const wait = (name: string, limit: number, length: number): void =>
      turn.whenFree(
        limit,
        context,
        () => {
          order.push(name);
          turn.spend(length);
        },
        undefined,
      );
    wait('a', 100_000, 60_000);
    wait('b', 100_000, 40_000);
    wait('c', 100_000, 1);
    wait('d', 200_000, 1);
    expect(turn.isIdle).to.equal(false);
    expect(order).to.deep.equal([]);
    await nextTurn();
    // The third finds the turn used up, and the last is not called before it.
    expect(order).to.deep.equal(['a', 'b']);
    expect(turn.isIdle).to.equal(false);
    await nextTurn();
    expect(order).to.deep.equal(['a', 'b', 'c', 'd']);
    expect(turn.isIdle).to.equal(true);
  });

  it('calls a task that waits again in a turn of its own', async () => {
    let calls = 0;
    const again = (): void => {
      calls += 1;
      if (calls < 3) turn.whenFree(1_000, context, again, undefined);
    };
    turn.whenFree(1_000, context, again, undefined);
    for (const expected of [1, 2, 3, 3]) {
      await nextTurn();
      expect(calls).to.equal(expected);
    }
  });

  it('is idle only while nothing is in the threadpool', () => {
    expect(turn.isIdle).to.equal(true);
    threadpool.sent();
    expect(turn.isIdle).to.equal(false);
    threadpool.completed();
    expect(turn.isIdle).to.equal(true);
  });

  it('has room for 128 steps without input', async () => {
    for (let i = 0; i < 127; i++) turn.spend(0);
    expect(turn.isFullOfEmptySteps).to.equal(false);
    turn.spend(0);
    expect(turn.isFullOfEmptySteps).to.equal(true);
    await nextTurn();
    expect(turn.isFullOfEmptySteps).to.equal(false);
  });

  it('calls 128 waiting steps without input a turn, and others wait behind them', async () => {
    let calls = 0;
    const states = new Set<boolean>();
    const step = (): void => {
      calls += 1;
      turn.spend(0);
      states.add(turn.isFullOfEmptySteps);
    };
    for (let i = 0; i < 200; i++) turn.whenFreeOfEmptySteps(context, step, undefined);
    expect(turn.isFullOfEmptySteps).to.equal(true);
    await nextTurn();
    expect(calls).to.equal(128);
    // Those that are called do not wait for those behind them.
    expect(states).to.deep.equal(new Set([false, true]));
    expect(turn.isFullOfEmptySteps).to.equal(true);
    await nextTurn();
    expect(calls).to.equal(200);
    expect(turn.isFullOfEmptySteps).to.equal(false);
  });

  it('calls all waiting steps without input, whatever they do', async () => {
    let calls = 0;
    for (let i = 0; i < 300; i++) {
      turn.whenFreeOfEmptySteps(
        context,
        () => {
          calls += 1;
        },
        undefined,
      );
    }
    for (const expected of [128, 256, 300]) {
      await nextTurn();
      expect(calls).to.equal(expected);
    }
  });

  it('does not hold steps without input up behind tasks that wait for room', async () => {
    const order: string[] = [];
    turn.whenFree(100_000, context, () => order.push('task'), undefined);
    turn.whenFreeOfEmptySteps(
      context,
      () => {
        order.push('empty step');
        turn.spend(100_000);
      },
      undefined,
    );
    await nextTurn();
    expect(order).to.deep.equal(['empty step']);
    await nextTurn();
    expect(order).to.deep.equal(['empty step', 'task']);
  });

  it('tells each listener once that it is over, whatever another throws, and in no context', async () => {
    const storage = new AsyncLocalStorage<string>();
    const told: unknown[] = [];
    const errors = await uncaughtDuring(async () => {
      storage.run('store', () => {
        turn.onceOver(() => {
          told.push('first', storage.getStore());
          turn.onceOver(() => told.push('next'));
        });
      });
      turn.onceOver(() => {
        throw new Error('a listener');
      });
      turn.onceOver(() => told.push('last'));
      await nextTurn();
      expect(told).to.deep.equal(['first', undefined, 'last']);
      await nextTurn();
      await nextTurn();
    });
    expect(told).to.deep.equal(['first', undefined, 'last', 'next']);
    expect(errors).to.deep.equal(['Error: a listener']);
  });
});

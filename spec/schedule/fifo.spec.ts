/** Queues: the same time for each of many, and nothing is kept that was taken. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { WaitQueue } from '../../lib/pool/wait-queue.ts';
import { Fifo } from '../../lib/schedule/fifo.ts';
import { ZlibPool } from '../support/library.ts';
import { compress } from '../support/samples.ts';

/** How many elements were copied from array to array during `act`. */
async function copiedDuring(act: () => Promise<unknown>): Promise<number> {
  const { slice, concat, splice } = Array.prototype;
  let copied = 0;
  const counted =
    (method: (...args: never[]) => unknown[]) =>
    (...args: never[]): unknown[] => {
      const result = method(...args);
      copied += result.length;
      return result;
    };
  const replace = (name: 'slice' | 'concat' | 'splice', method: (...args: never[]) => unknown[]): void => {
    Object.defineProperty(Array.prototype, name, {
      configurable: true,
      writable: true,
      value(this: unknown[], ...args: never[]) {
        return counted((...given: never[]) => method.apply(this, given))(...args);
      },
    });
  };
  replace('slice', slice as never);
  replace('concat', concat as never);
  replace('splice', splice as never);
  try {
    await act();
  } finally {
    Object.assign(Array.prototype, { slice, concat, splice });
    for (const [name, value] of Object.entries({ slice, concat, splice })) {
      Object.defineProperty(Array.prototype, name, { configurable: true, writable: true, enumerable: false, value });
    }
  }
  return copied;
}

describe('Fifo', () => {
  it('gives each item once, in order, while others come', () => {
    const queue = new Fifo<number>();
    const given: number[] = [];
    let next = 0;
    for (let round = 0; round < 2_000; round++) {
      for (let i = 0; i < 1 + (round % 7); i++) queue.push(next++);
      expect(queue.first).to.equal(given.length);
      for (let i = 0; i < 1 + (round % 5) && queue.length > 0; i++) given.push(queue.shift() as number);
    }
    expect(queue.length).to.equal(next - given.length);
    while (queue.length > 0) given.push(queue.shift() as number);
    expect(queue.shift()).to.equal(undefined);
    expect(queue.first).to.equal(undefined);
    expect(queue.length).to.equal(0);
    expect(given).to.deep.equal(Array.from({ length: next }, (_, i) => i));
  });

  it('does not keep what was taken', async () => {
    const queue = new Fifo<object>();
    const taken: WeakRef<object>[] = [];
    for (let i = 0; i < 100; i++) queue.push({ i });
    for (let i = 0; i < 50; i++) taken.push(new WeakRef(queue.shift() as object));
    const live = () => taken.filter((ref) => ref.deref() !== undefined).length;
    for (let i = 0; i < 50 && live() > 0; i++) {
      await delay(1);
      globalThis.gc?.();
    }
    expect(live()).to.equal(0);
    expect(queue.length).to.equal(50);
  });

  it('copies few of its items, and none while it is short', async () => {
    async function copiedOf(length: number): Promise<number> {
      const queue = new Fifo<number>();
      for (let i = 0; i < length; i++) queue.push(i);
      return copiedDuring(async () => {
        // Never empty.
        for (let i = 0; i < 3 * length; i++) {
          queue.push(i);
          queue.shift();
        }
      });
    }
    expect(await copiedOf(100)).to.be.below(1_000);
    expect(await copiedOf(2_000)).to.be.within(1, 3 * 2_000);
  });

  it('does not grow while it is never empty', () => {
    const queue = new Fifo<number>();
    queue.push(0);
    globalThis.gc?.();
    const { heapUsed } = process.memoryUsage();
    for (let i = 0; i < 500_000; i++) {
      queue.push(i);
      queue.shift();
    }
    globalThis.gc?.();
    expect(process.memoryUsage().heapUsed - heapUsed).to.be.below(1_000_000);
    expect(queue.length).to.equal(1);
  });
});

describe('The queue of the turn', () => {
  it('is not copied each turn: 20,000 messages at once', async () => {
    const pool = new ZlibPool();
    const message = compress('deflate', Buffer.alloc(20, 'x'));
    const count = 20_000;
    const copied = await copiedDuring(async () => {
      const messages = Array.from({ length: count }, () => pool.decompress(message, 'deflate'));
      for (const bytes of await Promise.all(messages)) expect(bytes.length).to.equal(20);
    });
    expect(copied).to.be.below(4 * count);
  });
});

describe('The queue of those who wait for an engine', () => {
  it('takes no longer for each of many: 400,000 in order', () => {
    const queue = new WaitQueue(0, () => new Error('late'));
    const count = 400_000;
    let admitted = 0;
    for (let i = 0; i < count; i++) {
      queue.join({
        admit() {
          if (admitted === i) admitted += 1;
        },
        refuse() {},
      });
    }
    for (let i = 0; i < count; i++) queue.admit();
    expect(admitted).to.equal(count);
  });
});

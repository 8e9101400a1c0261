/**
 * Counts the native writes of this thread in libuv's threadpool, and queues the first write of each
 * stream and message if there are many. The threadpool works on a few writes at a time. Each other
 * write would hold an engine and memory for its output. A burst of thousands takes the memory of the
 * writes in flight only. No write waits forever, since each write in flight lands by itself.
 */
import type { AsyncResource } from 'node:async_hooks';
import { Fifo } from './fifo.ts';
import { enqueueTick } from './tick.ts';

/** Threads of libuv: the environment sets their number. */
const THREADS = Number(process.env.UV_THREADPOOL_SIZE) || 4;

/** Writes in flight that keep the threads busy while the main thread is busy too. */
const ENOUGH = Math.max(64, 8 * THREADS);

let inFlight = 0;

class Task {
  readonly context: AsyncResource;
  readonly #run: () => void;
  readonly #self: unknown;

  constructor(context: AsyncResource, run: () => void, self: unknown) {
    this.context = context;
    this.#run = run;
    this.#self = self;
  }

  /** Frees the place of the task in any case. A write that the task has sent is counted by then. */
  start(): void {
    try {
      this.#run.call(this.#self);
    } finally {
      threadpool.landed();
    }
  }
}

/** Tasks that wait for room, first in, first out. */
const queue = new Fifo<Task>();

export const threadpool = {
  /** Whether a first write has to wait. */
  get isFull(): boolean {
    return inFlight >= ENOUGH || queue.length > 0;
  },

  get isIdle(): boolean {
    return inFlight === 0 && queue.length === 0;
  },

  /** Counts a native write that was sent. `landed()` has to follow. */
  sent(): void {
    inFlight += 1;
  },

  /**
   * Counts a native write that has landed. Its place is that of the first waiting task, if there is
   * one. The task starts in a tick of its context, and counts as in flight until it has run.
   */
  landed(): void {
    inFlight -= 1;
    const task = inFlight < ENOUGH ? queue.shift() : undefined;
    if (task === undefined) return;
    inFlight += 1;
    enqueueTick(task.context, task.start, task);
  },

  /**
   * Calls `run` with `self` as its `this` when there is room. The task keeps a place until it returns
   * or throws.
   */
  whenFree(context: AsyncResource, run: () => void, self: unknown): void {
    queue.push(new Task(context, run, self));
  },
};

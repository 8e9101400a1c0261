/**
 * How many native writes of this thread are in libuv's threadpool, and who waits to send one. The threadpool works on a few at a
 * time; the rest would stand in its queue, each with an engine and memory for its output. So the first write of a stream or message waits
 * here instead, before it has either: a burst of thousands takes the memory of the few that are worked on. No order of writes
 * can come to a halt by that: each write that is in flight lands by itself.
 */
import type { AsyncResource } from 'node:async_hooks';
import { Fifo } from './fifo.ts';
import { enqueueTick } from './tick.ts';

/** libuv's own, unless the environment says otherwise. */
const THREADS = Number(process.env.UV_THREADPOOL_SIZE) || 4;

/** So many in flight keep the threads busy while the main thread is busy too. */
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

  /** The place that was kept for the task comes free in any case. What the task sent has one of its own by then. */
  start(): void {
    try {
      this.#run.call(this.#self);
    } finally {
      threadpool.landed();
    }
  }
}

/** First come, first served. */
const queue = new Fifo<Task>();

/** Room that came free is given to who waits, each in a tick of its own stream; it counts as in flight until that has run. */
function admit(): void {
  while (inFlight < ENOUGH) {
    const task = queue.shift();
    if (task === undefined) return;
    inFlight += 1;
    enqueueTick(task.context, task.start, task);
  }
}

export const threadpool = {
  /** Whether to wait with a first write. */
  get isFull(): boolean {
    return inFlight >= ENOUGH || queue.length > 0;
  },

  get isIdle(): boolean {
    return inFlight === 0 && queue.length === 0;
  },

  /** To be told of each native write, when it goes and when it has landed. */
  sent(): void {
    inFlight += 1;
  },

  landed(): void {
    inFlight -= 1;
    if (queue.length > 0) admit();
  },

  /** Calls `run` with `self` as its `this` when there is room. A place is kept for what it sends, until it returns or throws. */
  whenFree(context: AsyncResource, run: () => void, self: unknown): void {
    queue.push(new Task(context, run, self));
  },
};

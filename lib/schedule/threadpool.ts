/**
 * Counts the native writes of this thread in libuv's threadpool, and queues the first write of each
 * stream and message if there are many. The threadpool works on a few writes at a time. Each other
 * write would hold an engine and memory for its output. A burst of thousands takes the memory of
 * the writes in flight only. No write waits forever, since each write in flight lands by itself.
 */
import type { AsyncResource } from 'node:async_hooks';
import { Fifo } from './fifo.ts';
import { enqueueTick } from './tick.ts';

/** Threads of libuv: the environment sets their number. */
const THREADS = Number(process.env.UV_THREADPOOL_SIZE) || 4;

/** Places for writes that keep the threads busy while the main thread is busy too. */
const PLACES = Math.max(64, 8 * THREADS);

/**
 * Places that a write of an encoder takes. It keeps a thread busy for longer than a decoder does,
 * and each encoder in flight costs memory and the caches of the processor.
 */
export const ENCODER_PLACES = 8;

/** Places in use. */
let inUse = 0;

class Task {
  readonly context: AsyncResource;
  readonly #run: () => void;
  readonly #self: unknown;
  readonly places: number;

  constructor(context: AsyncResource, run: () => void, self: unknown, places: number) {
    this.context = context;
    this.#run = run;
    this.#self = self;
    this.places = places;
  }

  /**
   * Frees the places of the task in any case. A write that the task has sent has its own by then.
   */
  start(): void {
    try {
      this.#run.call(this.#self);
    } finally {
      threadpool.landed(this.places);
    }
  }
}

/** Tasks that wait for room, first in, first out. */
const queue = new Fifo<Task>();

/**
 * Starts waiting tasks, each in a tick of its context. A task counts as in flight until it has run.
 */
function admit(): void {
  while (inUse < PLACES) {
    const task = queue.shift();
    if (task === undefined) return;
    inUse += task.places;
    enqueueTick(task.context, task.start, task);
  }
}

export const threadpool = {
  /** Whether a first write has to wait. */
  get isFull(): boolean {
    return inUse >= PLACES || queue.length > 0;
  },

  get isIdle(): boolean {
    return inUse === 0 && queue.length === 0;
  },

  /** Counts a native write that was sent. `landed()` has to follow. */
  sent(places = 1): void {
    inUse += places;
  },

  landed(places = 1): void {
    inUse -= places;
    if (queue.length > 0) admit();
  },

  /**
   * Calls `run` with `self` as its `this` when there is room. The task keeps its places until it
   * returns or throws.
   */
  whenFree(context: AsyncResource, run: () => void, self: unknown, places = 1): void {
    queue.push(new Task(context, run, self, places));
  },
};

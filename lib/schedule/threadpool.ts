/**
 * Counts the native writes of this thread in libuv's threadpool, and queues the first write of each
 * stream and message if there are many. The threadpool works on a few writes at a time. Each other
 * write would hold an engine and memory for its output. So a burst of thousands of messages takes
 * memory only for the writes in flight. No write waits forever, since each write in flight
 * completes.
 */
import type { AsyncResource } from 'node:async_hooks';
import { Fifo } from './fifo.ts';
import { enqueueTick } from './tick.ts';

/** Threads of libuv: the environment sets their number. */
const THREADS = Number(process.env.UV_THREADPOOL_SIZE) || 4;

/**
 * Number of slots in use at which a first write waits. It exceeds the number of threads, so that
 * the threads have work while the main thread is busy.
 */
const SLOTS = Math.max(64, 8 * THREADS);

/** Slots in use. */
let inUse = 0;

class Task {
  readonly context: AsyncResource;
  readonly #run: () => void;
  readonly #self: unknown;
  readonly slots: number;

  constructor(context: AsyncResource, run: () => void, self: unknown, slots: number) {
    this.context = context;
    this.#run = run;
    this.#self = self;
    this.slots = slots;
  }

  /**
   * Runs the task. Then frees its slots, even if the task throws. A native write that the task has
   * sent has taken slots of its own by then.
   */
  start(): void {
    try {
      this.#run.call(this.#self);
    } finally {
      threadpool.completed(this.slots);
    }
  }
}

/** Tasks that wait for room, first in, first out. */
const queue = new Fifo<Task>();

/**
 * Starts waiting tasks, each in a tick, in its async context. A task counts as in flight until it
 * has run.
 */
function admit(): void {
  while (inUse < SLOTS) {
    const task = queue.shift();
    if (task === undefined) return;
    inUse += task.slots;
    enqueueTick(task.context, task.start, task);
  }
}

/** A class, for the reason that `turn` is one. */
class Threadpool {
  /** Whether a first write has to wait. */
  get isFull(): boolean {
    return inUse >= SLOTS || queue.length > 0;
  }

  get isIdle(): boolean {
    return inUse === 0 && queue.length === 0;
  }

  /** Counts a native write that was sent. `completed()` has to follow. */
  sent(slots = 1): void {
    inUse += slots;
  }

  completed(slots = 1): void {
    inUse -= slots;
    if (queue.length > 0) admit();
  }

  /**
   * Queues `run` until there is room. Then calls it with `self` as its `this`, in a tick of
   * `context`. May only be called while `isFull`, since only `completed()` starts waiting tasks.
   * The slots stay in use until `run` returns or throws.
   */
  whenFree(context: AsyncResource, run: () => void, self: unknown, slots = 1): void {
    queue.push(new Task(context, run, self, slots));
  }
}

export const threadpool: Threadpool = new Threadpool();

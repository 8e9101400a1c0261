/**
 * How many native writes of this thread are in libuv's threadpool, and who waits to send one. The threadpool works on a few at a
 * time; the rest would stand in its queue, each with an engine and memory for its output. So the first write of a stream or message waits
 * here instead, before it has either: a burst of thousands takes the memory of the few that are worked on. No order of writes
 * can come to a halt by that: each write that is in flight lands by itself.
 */
import type { AsyncResource } from 'node:async_hooks';
import { enqueueTick } from './tick-queue.ts';

/** libuv's own, unless the environment says otherwise. */
const THREADS = Number(process.env.UV_THREADPOOL_SIZE) || 4;

/** So many in flight keep the threads busy while the main thread is busy too. */
const ENOUGH = Math.max(64, 8 * THREADS);

interface Task {
  context: AsyncResource;
  run: () => void;
  self: unknown;
}

let inFlight = 0;
/** First come, first served. A Set, because it lets go of what is taken out. */
const queue = new Set<Task>();

/** Room that came free is given to who waits, each in a tick of its own stream; it counts as in flight until that says what it did with it. */
function admit(): void {
  for (const task of queue) {
    if (inFlight >= ENOUGH) return;
    queue.delete(task);
    inFlight += 1;
    enqueueTick(task.context, task.run, task.self);
  }
}

export const threadpool = {
  /** Whether to wait with a first write. */
  get isFull(): boolean {
    return inFlight >= ENOUGH || queue.size > 0;
  },

  get isIdle(): boolean {
    return inFlight === 0 && queue.size === 0;
  },

  /** To be told of each native write, when it goes and when it has landed. */
  sent(): void {
    inFlight += 1;
  },

  landed(): void {
    inFlight -= 1;
    if (queue.size > 0) admit();
  },

  /** Calls `run` with `self` as its `this` when there is room. It has to call `landed()`, for the place that was kept for it. */
  whenFree(context: AsyncResource, run: () => void, self: unknown): void {
    queue.add({ context, run, self });
  },
};

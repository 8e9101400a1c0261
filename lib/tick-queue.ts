/**
 * One tick for all streams that were written to since the last: a `process.nextTick` for each costs more
 * than the queue. What is queued while it is being worked off waits for the next tick, as with ticks of
 * their own, and a task that throws holds up no other.
 */
import type { AsyncResource } from 'node:async_hooks';

interface Task {
  context: AsyncResource;
  run: () => void;
  self: unknown;
}

let queue: Task[] = [];

/** Calls `run` with `self` as its `this` in the next tick, in the async context of `context`. */
export function enqueueTick(context: AsyncResource, run: () => void, self: unknown): void {
  if (queue.push({ context, run, self }) === 1) process.nextTick(workOff);
}

function workOff(): void {
  const tasks = queue;
  queue = [];
  let next = 0;
  try {
    while (next < tasks.length) {
      const { context, run, self } = tasks[next++] as Task;
      context.runInAsyncScope(run, self);
    }
  } finally {
    if (next < tasks.length) {
      if (queue.length === 0) process.nextTick(workOff);
      queue = tasks.slice(next).concat(queue);
    }
  }
}

/**
 * One tick for all streams that were written to since the last: a `process.nextTick` for each costs more
 * than the queue. What is queued while it is being worked off waits for the next tick, as with ticks of
 * their own, and a task that throws holds up no other.
 */
import type { AsyncResource } from 'node:async_hooks';
import { nextTick } from './clock.ts';
import { runIn } from './context.ts';

/** Context, function and its `this` of one task after the other: an object for each would be most of what a tick costs. */
type Tasks = unknown[];

/** Queues of up to so many tasks are used again. */
const KEPT = 1_024;

let queue: Tasks = [];
let spare: Tasks = [];
/** Of `queue`, the slots that are taken. */
let length = 0;

/** Calls `run` with `self` as its `this` in the next tick, in the async context of `context`. */
export function enqueueTick(context: AsyncResource, run: () => void, self: unknown): void {
  if (length === 0) nextTick(workOff);
  queue[length++] = context;
  queue[length++] = run;
  queue[length++] = self;
}

/** Tasks that wait for their tick, and those that wait for the microtasks behind it. */
let late: Tasks = [];
let marked: Tasks = [];
/** Whether a tick of this queue is on the stack. */
let isWorking = false;
const resolved = Promise.resolve();

/**
 * As `enqueueTick`, but never in the run of ticks that goes on now or begins next: all microtasks that were queued until
 * the end of that run come before. Two events that are a run apart can be awaited one after the other.
 */
export function enqueueNextRun(context: AsyncResource, run: () => void, self: unknown): void {
  // A tick first, unless this is one: the caller may be a microtask, and its ticks are then still to come.
  if (late.length === 0 && !isWorking) nextTick(mark);
  late.push(context, run, self);
  if (isWorking) mark();
}

/** In a tick: what waits by now goes on after the microtasks behind this run. */
function mark(): void {
  if (late.length === 0) return;
  if (marked.length === 0) {
    void resolved.then(enqueueMarked);
    [marked, late] = [late, marked];
  } else {
    for (const task of late) marked.push(task);
    late.length = 0;
  }
}

function enqueueMarked(): void {
  for (let next = 0; next < marked.length; next += 3) {
    enqueueTick(marked[next] as AsyncResource, marked[next + 1] as () => void, marked[next + 2]);
  }
  // A large array is not kept, as above.
  if (marked.length <= 3 * KEPT) marked.length = 0;
  else marked = [];
}

function workOff(): void {
  isWorking = true;
  const tasks = queue;
  const end = length;
  queue = spare;
  length = 0;
  for (let next = 0; next < end; next += 3) {
    const context = tasks[next] as AsyncResource;
    const run = tasks[next + 1] as () => void;
    const self = tasks[next + 2];
    // A queue that is used again must not keep a stream alive.
    tasks[next] = undefined;
    tasks[next + 1] = undefined;
    tasks[next + 2] = undefined;
    // It catches what user code throws.
    runIn(context, run, self);
  }
  isWorking = false;
  spare = end <= 3 * KEPT ? tasks : [];
}

/**
 * Queue of tasks for the next tick. One tick runs all tasks that were queued since the last tick. A
 * `process.nextTick` for each task costs more. A task that another task queues waits for the next
 * tick, as with ticks of their own. A task that throws does not delay the others.
 */
import type { AsyncResource } from 'node:async_hooks';
import { nextTick } from './clock.ts';
import { runIn } from './context.ts';

/** Context, function and `this` of each task in turn. An object for each task costs more. */
type Tasks = unknown[];

/** Most tasks of a queue that is reused. */
const KEPT = 1_024;

let queue: Tasks = [];
let spare: Tasks = [];
/** Number of slots in use in `queue`. */
let length = 0;
/** Number of slots in use of the tick that is on the stack. */
let present = 0;

/** Returns whether no task but the present one is in this tick or waits for the next. */
export function isOnlyTask(): boolean {
  return present <= 3 && length === 0;
}

/** Calls `run` with `self` as its `this` in the next tick, in the async context of `context`. */
export function enqueueTick(context: AsyncResource, run: () => void, self: unknown): void {
  if (length === 0) nextTick(workOff);
  queue[length++] = context;
  queue[length++] = run;
  queue[length++] = self;
}

/** Tasks that wait for a tick, and tasks that wait for the microtasks after that tick. */
let late: Tasks = [];
let marked: Tasks = [];
const resolved = Promise.resolve();

/**
 * Calls `run` as `enqueueTick()` does, and not in the present or next run of ticks. All microtasks
 * that are queued until the end of that run are called first. Code can await two events one after
 * the other if a run of ticks is between them.
 */
export function enqueueNextRun(context: AsyncResource, run: () => void, self: unknown): void {
  // A tick first: the caller may be a microtask, whose ticks are still to come.
  if (late.length > 0) {
    late.push(context, run, self);
    return;
  }
  nextTick(mark);
  late = [context, run, self];
}

/** Queues the waiting tasks, to run after the microtasks of this run of ticks. */
function mark(): void {
  if (marked.length === 0) {
    void resolved.then(enqueueMarked);
    marked = late;
  } else {
    for (const task of late) marked.push(task);
  }
  // A new array: V8 calls its runtime to set the length of one.
  late = [];
}

function enqueueMarked(): void {
  const tasks = marked;
  marked = [];
  for (let next = 0; next < tasks.length; next += 3) {
    enqueueTick(tasks[next] as AsyncResource, tasks[next + 1] as () => void, tasks[next + 2]);
  }
}

function workOff(): void {
  const tasks = queue;
  const end = length;
  queue = spare;
  length = 0;
  present = end;
  for (let next = 0; next < end; next += 3) {
    const context = tasks[next] as AsyncResource;
    const run = tasks[next + 1] as () => void;
    const self = tasks[next + 2];
    // A queue that is reused must not reference a stream.
    tasks[next] = undefined;
    tasks[next + 1] = undefined;
    tasks[next + 2] = undefined;
    // `runIn()` catches exceptions of user code.
    runIn(context, run, self);
  }
  present = 0;
  spare = end <= 3 * KEPT ? tasks : [];
}

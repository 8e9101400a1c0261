/**
 * The current turn of this thread's event loop: its work on the main thread, and the tasks that
 * wait for a later turn. All pools and streams of a thread share it, because they share the thread.
 * It takes one immediate a turn, and none in an idle turn.
 */
import type { AsyncResource } from 'node:async_hooks';
import { setImmediate } from './clock.ts';
import { outsideOfContexts, runIn, throwLater } from './context.ts';
import { Fifo } from './fifo.ts';
import { threadpool } from './threadpool.ts';
import { isOnlyTask } from './tick.ts';

/** Least length that a step counts as, in bytes: the events of a stream cost about as much. */
const STEP_LENGTH = 2_048;

/**
 * Most steps without input in one turn, such as those of `flush()`. node:zlib does one a turn for
 * each stream.
 */
const MOST_EMPTY_STEPS = 128;

interface Task {
  limit: number;
  context: AsyncResource;
  run: () => void;
  self: unknown;
}

let ending = false;
let emptySteps = 0;
/** Whether waiting empty steps are being started: they do not wait for each other. */
let isAdmitting = false;
let listeners: Array<() => void> = [];
/** Tasks that wait for room in a later turn, first in, first out. */
const waiting = new Fifo<Task>();
/**
 * Steps without input. They are not behind other tasks: a stream that ends must release its engine
 * soon.
 */
const emptyWaiting = new Fifo<Task>();

function end(): void {
  ending = false;
  turn.number += 1;
  turn.workLength = 0;
  emptySteps = 0;
  const ended = listeners;
  listeners = [];
  for (const listener of ended) {
    try {
      listener();
    } catch (error) {
      throwLater(error);
    }
  }
  // A task that waits again waits for a later turn.
  isAdmitting = true;
  for (let left = Math.min(emptyWaiting.length, MOST_EMPTY_STEPS); left > 0; left--) start(emptyWaiting);
  isAdmitting = false;
  for (let left = waiting.length; left > 0; left--) {
    if (turn.workLength >= (waiting.first as Task).limit) break;
    start(waiting);
  }
  // If a task still waits in `waiting`, this turn has done work, and `spend()` watches the next one.
  // Empty steps may wait without such work.
  if (emptyWaiting.length > 0) turn.watch();
}

function start(queue: Fifo<Task>): void {
  const { context, run, self } = queue.shift() as Task;
  runIn(context, run, self);
}

/** A class: V8 keeps an object literal with accessors as a dictionary, which is slow to read. */
class Turn {
  /** Number of watched turns. */
  number = 0;

  /**
   * Work of the main thread in this turn, as the number of bytes of decompressed output that take
   * as long. A short step counts as `STEP_LENGTH`.
   */
  workLength = 0;

  /** Whether no other work waits for the main thread, and none is in the threadpool. */
  get isIdle(): boolean {
    return waiting.length === 0 && threadpool.isIdle && isOnlyTask();
  }

  /** Counts a step on the main thread, by its work as in `workLength`. 0: a step without input. */
  spend(length: number): void {
    if (length > 0) this.workLength += Math.max(length, STEP_LENGTH);
    else emptySteps += 1;
    this.watch();
  }

  /**
   * Whether a step without input has to wait for a later turn, so that a loop of them lets timers
   * run.
   */
  get isFullOfEmptySteps(): boolean {
    return emptySteps >= MOST_EMPTY_STEPS || (emptyWaiting.length > 0 && !isAdmitting);
  }

  /** Calls `run` with `self` as its `this`, in the async context of `context`, in a later turn. */
  whenFreeOfEmptySteps(context: AsyncResource, run: () => void, self: unknown): void {
    emptyWaiting.push({ limit: 0, context, run, self });
    this.watch();
  }

  /** Schedules `end()` after this turn. */
  watch(): void {
    if (ending) return;
    outsideOfContexts(() => setImmediate(end));
    // Last, as the stack may have been too short for the call. The turn would never end.
    ending = true;
  }

  /**
   * Calls `run` with `self` as its `this`, in the async context of `context`, in a later turn. The
   * `workLength` of that turn is less than `limit` at the time of the call.
   */
  whenFree(limit: number, context: AsyncResource, run: () => void, self: unknown): void {
    waiting.push({ limit, context, run, self });
    this.watch();
  }

  /** Calls `listener` once when this turn is over. */
  onceOver(listener: () => void): void {
    listeners.push(listener);
    this.watch();
  }
}

export const turn: Turn = new Turn();

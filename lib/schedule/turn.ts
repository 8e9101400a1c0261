/**
 * The current turn of this thread's event loop: how much was inflated on the main thread in it, and
 * who wants to know when it is over. All pools and streams of a thread share it, because they share the
 * thread. One immediate a turn, and none in a turn in which nothing happens.
 */
import type { AsyncResource } from 'node:async_hooks';
import { setImmediate } from './clock.ts';
import { outsideOfContexts, runIn, throwLater } from './context.ts';
import { Fifo } from './fifo.ts';
import { threadpool } from './threadpool.ts';

/** What a step takes besides inflating, a stream or message and its events: as long as inflating so much, about. Bytes. */
const STEP_LENGTH = 2_048;

/** So many steps that inflate nothing, as `flush()` and empty chunks take, are done in one turn. node:zlib does one a turn for each stream. */
const MOST_EMPTY_STEPS = 128;

interface Task {
  limit: number;
  context: AsyncResource;
  run: () => void;
  self: unknown;
}

let ending = false;
let emptySteps = 0;
/** While those that waited are called: they are not to wait for each other. */
let isAdmitting = false;
let listeners: Array<() => void> = [];
/** What waits for room in a later turn, first come first served. */
const waiting = new Fifo<Task>();
/** Steps that will inflate nothing. They do not stand behind the others: a stream that ends must not keep its engine so long. */
const emptyWaiting = new Fifo<Task>();

function end(): void {
  ending = false;
  turn.number += 1;
  turn.inflatedLength = 0;
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
  // A task that waits again does so for a later turn.
  isAdmitting = true;
  for (let left = Math.min(emptyWaiting.length, MOST_EMPTY_STEPS); left > 0; left--) start(emptyWaiting);
  isAdmitting = false;
  for (let left = waiting.length; left > 0; left--) {
    if (turn.inflatedLength >= (waiting.first as Task).limit) break;
    start(waiting);
  }
  if (waiting.length > 0 || emptyWaiting.length > 0) turn.watch();
}

function start(queue: Fifo<Task>): void {
  const { context, run, self } = queue.shift() as Task;
  runIn(context, run, self);
}

export const turn = {
  /** Grows with each turn that was watched. */
  number: 0,

  /** Bytes inflated on the main thread in this turn, a short step counted as `STEP_LENGTH`. */
  inflatedLength: 0,

  /** Whether nothing waits for a later turn, and nothing is in the threadpool. */
  get isIdle(): boolean {
    return waiting.length === 0 && threadpool.isIdle;
  },

  /** Counts a step on the main thread, by the bytes that it inflated. */
  spend(length: number): void {
    if (length > 0) turn.inflatedLength += Math.max(length, STEP_LENGTH);
    else emptySteps += 1;
    turn.watch();
  },

  /** Whether a step that will inflate nothing has to wait for a later turn: a loop of such steps must let timers and I/O come. */
  get isFullOfEmptySteps(): boolean {
    return emptySteps >= MOST_EMPTY_STEPS || (emptyWaiting.length > 0 && !isAdmitting);
  },

  /** Calls `run` with `self` as its `this`, in the async context of `context`, in a later turn. */
  whenFreeOfEmptySteps(context: AsyncResource, run: () => void, self: unknown): void {
    emptyWaiting.push({ limit: 0, context, run, self });
    turn.watch();
  },

  /** Sees to it that the end of this turn is noticed. */
  watch(): void {
    if (ending) return;
    ending = true;
    outsideOfContexts(() => setImmediate(end));
  },

  /** Calls `run` with `self` as its `this`, in the async context of `context`, in the first turn in which less than `limit` bytes were inflated by then. */
  whenFree(limit: number, context: AsyncResource, run: () => void, self: unknown): void {
    waiting.push({ limit, context, run, self });
    turn.watch();
  },

  /** Calls `listener` once when this turn is over. */
  onceOver(listener: () => void): void {
    listeners.push(listener);
    turn.watch();
  },
};

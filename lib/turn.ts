/**
 * The current turn of this thread's event loop: how much was inflated on the main thread in it, and
 * who wants to know when it is over. All pools and streams of a thread share it, because they share the
 * thread. One immediate a turn, and none in a turn in which nothing happens.
 */
import { outsideOfContexts } from './context.ts';
import { threadpool } from './threadpool.ts';

/** Input of up to this length waits for the next turn where this one is used up: the threadpool costs more. Bytes. */
const WAITING_LENGTH = 2_048;

/** What a step takes besides inflating, a stream or message and its events: as long as inflating so much, about. Bytes. */
const STEP_LENGTH = 2_048;

let ending = false;
let listeners: Array<() => void> = [];
/** What waits for room in a later turn, first come first served. */
let waiting: Array<{ limit: number; task: () => void }> = [];

function end(): void {
  ending = false;
  turn.number += 1;
  turn.inflatedLength = 0;
  const ended = listeners;
  listeners = [];
  for (const listener of ended) listener();
  if (waiting.length > 0) admit();
}

function admit(): void {
  const queue = waiting;
  waiting = [];
  let next = 0;
  try {
    for (; next < queue.length; next++) {
      const { limit, task } = queue[next] as { limit: number; task: () => void };
      if (turn.inflatedLength >= limit) break;
      task();
    }
  } catch (error) {
    next += 1;
    throw error;
  } finally {
    waiting = queue.slice(next).concat(waiting);
    if (waiting.length > 0) turn.watch();
  }
}

export const turn = {
  /** Grows with each turn that was watched. */
  number: 0,

  /** Bytes inflated on the main thread in this turn, a short step counted as `STEP_LENGTH`. */
  inflatedLength: 0,

  /** Counts a step on the main thread, by the bytes that it inflated. */
  spend(length: number): void {
    if (length > 0) turn.inflatedLength += Math.max(length, STEP_LENGTH);
    turn.watch();
  },

  /** Sees to it that the end of this turn is noticed. */
  watch(): void {
    if (ending) return;
    ending = true;
    outsideOfContexts(() => setImmediate(end));
  },

  /**
   * Whether input of so much had better wait for a later turn, where this one is used up, than go to the threadpool. What is long does so only
   * where it is alone, or did not become shorter when it was compressed: that is stored as it was, and copied in no time. Else, with anybody
   * else about, the other cores are of use.
   * @param expected how much output there seems to be; 0 where nobody knows
   */
  isWorthWaitingFor(inputLength: number, expected: number): boolean {
    const isStored = expected > 0 && expected <= inputLength;
    return inputLength <= WAITING_LENGTH || isStored || (waiting.length === 0 && threadpool.isIdle);
  },

  /** Calls `task` in the first turn in which less than `limit` bytes were inflated by then. */
  whenFree(limit: number, task: () => void): void {
    waiting.push({ limit, task });
    turn.watch();
  },

  /** Calls `listener` once when this turn is over. It must not throw. */
  onceOver(listener: () => void): void {
    listeners.push(listener);
    turn.watch();
  },
};

/**
 * The current turn of this thread's event loop: how much was inflated on the main thread in it, and
 * who wants to know when it is over. All pools and streams of a thread share it, because they share the
 * thread. One immediate a turn, and none in a turn in which nothing happens.
 */
import { outsideOfContexts } from './context.ts';

let ending = false;
let listeners: Array<() => void> = [];

function end(): void {
  ending = false;
  turn.number += 1;
  turn.inflatedLength = 0;
  const ended = listeners;
  listeners = [];
  for (const listener of ended) listener();
}

export const turn = {
  /** Grows with each turn that was watched. */
  number: 0,

  /** Bytes inflated on the main thread in this turn. */
  inflatedLength: 0,

  /** Counts bytes that were inflated on the main thread. */
  spend(length: number): void {
    turn.inflatedLength += length;
    turn.watch();
  },

  /** Sees to it that the end of this turn is noticed. */
  watch(): void {
    if (ending) return;
    ending = true;
    outsideOfContexts(() => setImmediate(end));
  },

  /** Calls `listener` once when this turn is over. It must not throw. */
  onceOver(listener: () => void): void {
    listeners.push(listener);
    turn.watch();
  },
};

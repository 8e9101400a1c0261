/**
 * Timers and ticks of this thread, as they were when the library was loaded. A test may fake the
 * global timers later. That does not delay the library, and loses none of its callbacks. No other
 * module of lib/ may read timers or ticks from Node.
 */
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import timers from 'node:timers';

export const { setImmediate } = timers;

export const { nextTick } = process;

/** Timeouts and the time, in milliseconds. They are in an object, for specs to replace them. */
export const clock: {
  setTimeout: typeof timers.setTimeout;
  clearTimeout: typeof timers.clearTimeout;
  /** Returns `performance.now()`, in milliseconds. */
  now: () => number;
} = {
  setTimeout: timers.setTimeout,
  clearTimeout: timers.clearTimeout,
  now: performance.now.bind(performance),
};

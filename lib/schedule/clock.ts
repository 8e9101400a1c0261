/**
 * Timers and ticks of this thread, as they were when the library was loaded. A test that fakes them
 * later neither delays the library nor loses its callbacks. No other module of lib/ may look them
 * up.
 */
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import timers from 'node:timers';

export const { setImmediate } = timers;

export const { nextTick } = process;

/** Delays and times, in milliseconds. They are methods, so that the specs can replace them. */
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

/**
 * The timers and ticks of this thread, as they were when the library was loaded. A test that fakes them later
 * neither delays the library nor loses its callbacks. No other module of lib/ may look them up.
 */
import { performance } from 'node:perf_hooks';
import process from 'node:process';
import timers from 'node:timers';

export const { setImmediate } = timers;

export const { nextTick } = process;

/** Delays and times. Called as methods, so that the specs can let time pass. */
export const clock: {
  setTimeout: typeof timers.setTimeout;
  clearTimeout: typeof timers.clearTimeout;
  /** As `performance.now()`. Milliseconds. */
  now: () => number;
} = {
  setTimeout: timers.setTimeout,
  clearTimeout: timers.clearTimeout,
  now: performance.now.bind(performance),
};

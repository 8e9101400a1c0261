/**
 * Async contexts: the root context, and those of streams and messages. Engines, timers and immediates are made
 * in the first, so that an idle engine never keeps the `AsyncLocalStorage` store of a stream's creator alive (promise P7):
 * a native handle calls back in the context of its *creation*, and holds on to it until it is collected.
 */
import { AsyncResource } from 'node:async_hooks';
import { nextTick } from './clock.ts';

// Of the type of node:zlib's own handles, as are the resources of streams and messages: tools that look for open handles,
// such as jest, pass over that type.
export const root: AsyncResource = new AsyncResource('ZLIB');

/** Runs `make` outside of every caller's async context. */
export function outsideOfContexts<T>(make: () => T): T {
  return root.runInAsyncScope(make);
}

/**
 * Calls `run` with `self` as its `this` in the async context of `context`. It never throws: an exception of `run` is
 * rethrown in a tick of that context, so that the caller can go on with the tasks of others.
 */
export function runIn(context: AsyncResource, run: () => void, self: unknown): void {
  try {
    context.runInAsyncScope(run, self);
  } catch (error) {
    context.runInAsyncScope(throwLater, undefined, error);
  }
}

/** Throws `error` in a tick of the current async context. */
export function throwLater(error: unknown): void {
  nextTick(rethrow, error);
}

function rethrow(error: unknown): never {
  throw error;
}

/**
 * Async contexts: the root context, and the contexts of streams and messages. The library creates
 * engines, timers and immediates in the root context. A native handle calls back in the context of
 * its creation, and keeps that context until the handle is collected. So an idle engine never keeps
 * the `AsyncLocalStorage` store of a stream's creator alive (promise P7).
 */
import { AsyncResource } from 'node:async_hooks';
import { nextTick } from './clock.ts';

// The type is that of node:zlib's handles. Tools that report open handles, such as jest, ignore it.
export const root: AsyncResource = new AsyncResource('ZLIB');

/** Runs `make` in the root context, and returns its result. */
export function outsideOfContexts<T>(make: () => T): T {
  return root.runInAsyncScope(make);
}

/**
 * Calls `run` with `self` as its `this` in the async context of `context`. Never throws. An
 * exception of `run` is rethrown in a tick of that context, so that the caller can go on with the
 * tasks of other streams.
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

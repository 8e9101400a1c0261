/**
 * The async context that belongs to nobody. Engines, timers and immediates are made in it, so that an
 * idle engine never keeps the `AsyncLocalStorage` store of a stream's creator alive (promise P7):
 * a native handle calls back in the context of its *creation*, and holds on to it until it is collected.
 */
import { AsyncResource } from 'node:async_hooks';

// Of the type of node:zlib's own handles, as are the resources of streams and messages: tools that look for open handles,
// such as jest, pass over that type.
const root = new AsyncResource('ZLIB');

/** Runs `make` outside of every caller's async context. */
export function outsideOfContexts<T>(make: () => T): T {
  return root.runInAsyncScope(make);
}

/**
 * `install()`: it replaces the factories of node:zlib with pooled ones in this thread, and restores
 * them. Code that has read a factory before keeps that one. Other code may replace the same
 * factories, before or after: an instrumentation, or a second copy of this library. So the undo
 * restores each property as it was found. It may not touch a factory that other code has wrapped
 * since. The pooled function inside of such a wrapper then calls the function that it had replaced.
 */
import { syncBuiltinESMExports } from 'node:module';
import { zlib } from '../engine/builtin-zlib.ts';
import type { Format } from '../engine/codec.ts';
import type { DecompressOptions } from '../streams/options.ts';
import { poolOf, type ZlibPool } from './factories.ts';

/** Options of `install()`. */
export interface InstallOptions {
  /** Pool of the streams. Default: `defaultPool`. */
  pool?: ZlibPool;
}

type Factory = (this: unknown, options?: DecompressOptions) => unknown;

const names: ReadonlyArray<readonly [name: string, format: Format]> = [
  ['createGunzip', 'gzip'],
  ['createInflate', 'deflate'],
  ['createInflateRaw', 'deflate-raw'],
  ['createUnzip', 'unzip'],
  ['createBrotliDecompress', 'br'],
  ['createZstdDecompress', 'zstd'],
];

/**
 * Key of a method of each pooled function, for other copies of this library. After the undo, the
 * method returns the property that the function had replaced.
 */
const kReplaced = Symbol.for('zlease.replaced');
type Pooled = Factory & { [kReplaced]?: () => PropertyDescriptor | undefined };

/** Installs in effect. The streams come from the pool of the last one. */
const installs: Array<{ readonly pool: ZlibPool }> = [];

interface Swap {
  readonly name: string;
  readonly found: PropertyDescriptor;
  readonly pooled: Pooled;
  undone: boolean;
}
let swaps: Swap[] = [];

/**
 * Replaces the decompressing `create*` functions of node:zlib with pooled ones. Existing streams
 * stay as they are. A further install only adds its pool, which is used until its own undo.
 * @param options - `pool`, default `defaultPool`
 * @returns a function that undoes this install, once. After the undo of the last install, node:zlib
 * has the functions from before the first one
 * @throws `ERR_INVALID_ARG_TYPE` for a pool that is not a `ZlibPool`
 */
export function install(options: InstallOptions = {}): () => void {
  const entry = { pool: poolOf(options) };
  installs.push(entry);
  if (swaps.length === 0) swapIn();
  return () => {
    const at = installs.indexOf(entry);
    if (at === -1) return;
    installs.splice(at, 1);
    if (installs.length === 0) swapOut();
  };
}

function swapIn(): void {
  for (const [name, format] of names) {
    const found = Object.getOwnPropertyDescriptor(zlib, name);
    // Undefined: this Node does not have the format. Not configurable: other code has frozen
    // node:zlib.
    if (found?.configurable !== true) continue;
    const { enumerable = false, writable = false } = found;
    const pooled = pooledFactory(name, format, found);
    swaps.push(pooled);
    Object.defineProperty(zlib, name, { configurable: true, enumerable, writable, value: pooled.pooled });
  }
  syncBuiltinESMExports();
}

function swapOut(): void {
  for (const swap of swaps) {
    swap.undone = true;
    if (Object.getOwnPropertyDescriptor(zlib, swap.name)?.value === swap.pooled) {
      Object.defineProperty(zlib, swap.name, stillInUse(swap.found));
    }
  }
  swaps = [];
  syncBuiltinESMExports();
}

/**
 * Returns the property to restore. The functions of another copy of this library that has undone
 * its install are passed over.
 */
function stillInUse(found: PropertyDescriptor): PropertyDescriptor {
  const replaced = (found.value as Pooled | undefined)?.[kReplaced]?.();
  return replaced === undefined ? found : stillInUse(replaced);
}

function pooledFactory(name: string, format: Format, found: PropertyDescriptor): Swap {
  // No arrow function: callers may use `new`, as with node:zlib's.
  const pooled: Pooled = function (options) {
    const last = installs.at(-1);
    if (last !== undefined && !swap.undone) return last.pool.createDecompress(format, options);
    const original: Factory = found.get === undefined ? found.value : found.get.call(zlib);
    return original.call(this, options);
  };
  const swap: Swap = { name, found, pooled, undone: false };
  Object.defineProperty(pooled, 'name', { value: name, configurable: true });
  Object.defineProperty(pooled, kReplaced, { value: () => (swap.undone ? found : undefined) });
  return swap;
}

/**
 * `install()`: it replaces functions of node:zlib with pooled ones in this thread, and restores
 * them. Code that has read a function before keeps that one. Other code may replace the same
 * functions, before or after: an instrumentation, or a second copy of this library. So the undo
 * restores each property as it was found. It may not touch a function that other code has wrapped
 * since. The pooled function inside of such a wrapper then calls the function that it had replaced.
 */
import { syncBuiltinESMExports } from 'node:module';
import { zlib } from '../engine/builtin-zlib.ts';
import type { CompressFormat } from '../engine/codec.ts';
import { codecs } from '../engine/codecs.ts';
import { codedError } from '../errors.ts';
import { oneShot as once, oneShotSync as onceSync } from '../streams/one-shot.ts';
import { shown } from '../validate.ts';
import { poolOf, type ZlibPool } from './pool.ts';

/** Options of `install()`. */
export interface InstallOptions {
  /** Pool of the streams and messages. Default: `defaultPool`. */
  pool?: ZlibPool;
  /**
   * Whether the compressing functions are replaced too. Otherwise they keep the pool of an earlier
   * install, if there is one. Default true.
   */
  compress?: boolean;
  /**
   * Whether the one-shot functions are replaced too, `gunzip()`, `gunzipSync()` and the like.
   * Otherwise they keep the pool of an earlier install, if there is one. Default true.
   */
  oneShot?: boolean;
}

type AnyFunction = (this: unknown, ...args: unknown[]) => unknown;

/** A function of node:zlib that is replaced. */
interface Replaced {
  readonly name: string;
  readonly isOneShot: boolean;
  readonly compresses: boolean;
  /** Does on a pool what the function does. */
  call(pool: ZlibPool, args: unknown[]): unknown;
}

const all: readonly Replaced[] = codecs.flatMap((codec) => {
  const { format, compresses } = codec;
  return [
    {
      name: codec.names.create,
      isOneShot: false,
      compresses,
      call: (pool, [options]) =>
        compresses
          ? pool.createCompress(format as CompressFormat, options as never)
          : pool.createDecompress(format, options as never),
    },
    {
      name: codec.names.once,
      isOneShot: true,
      compresses,
      call: (pool, [buffer, options, callback]) => once(pool, codec, buffer, options as never, callback as never),
    },
    {
      name: codec.names.sync,
      isOneShot: true,
      compresses,
      call: (pool, [buffer, options]) => onceSync(pool, codec, buffer, options as never),
    },
  ] satisfies Replaced[];
});

/**
 * Key of a method of each pooled function, for other copies of this library. After the undo, the
 * method returns the property that the function had replaced.
 */
const kReplaced = Symbol.for('zlease.replaced');
type Pooled = AnyFunction & { [kReplaced]?: () => PropertyDescriptor | undefined };

/** Installs in effect. A function uses the pool of the last one that includes it. */
const installs: Install[] = [];

interface Install {
  readonly pool: ZlibPool;
  readonly compress: boolean;
  readonly oneShot: boolean;
}

interface Swap {
  readonly name: string;
  readonly found: PropertyDescriptor;
  readonly pooled: Pooled;
  undone: boolean;
}
let swaps: Swap[] = [];

/**
 * Replaces functions of node:zlib with pooled ones: the factories, and the one-shot functions. The
 * constructors stay as they are. So do existing streams. Each function uses the pool of the last
 * install that includes it, until the undo of that install.
 * @param options - `pool`, default `defaultPool`; `compress` and `oneShot`, default true
 * @returns a function that undoes this install, once. After the undo of the last install, node:zlib
 * has the functions from before the first one
 * @throws `ERR_INVALID_ARG_TYPE` for a pool that is not a `ZlibPool`, and unless `compress` and
 * `oneShot` are booleans
 */
export function install(options: InstallOptions = {}): () => void {
  const { compress = true, oneShot = true } = options;
  for (const [name, value] of Object.entries({ compress, oneShot })) {
    if (typeof value === 'boolean') continue;
    throw codedError('ERR_INVALID_ARG_TYPE', `options.${name} must be a boolean. Received ${shown(value)}`);
  }
  const entry = { pool: poolOf(options), compress, oneShot };
  installs.push(entry);
  swapIn(entry);
  return () => {
    const at = installs.indexOf(entry);
    if (at === -1) return;
    installs.splice(at, 1);
    if (installs.length === 0) swapOut();
  };
}

/** Returns whether an install includes a function. */
function includes({ compress, oneShot }: Install, { compresses, isOneShot }: Replaced): boolean {
  return (compress || !compresses) && (oneShot || !isOneShot);
}

function swapIn(entry: Install): void {
  for (const replaced of all) {
    const { name } = replaced;
    if (!includes(entry, replaced) || swaps.some((swap) => swap.name === name)) continue;
    const found = Object.getOwnPropertyDescriptor(zlib, name);
    // Undefined: this Node does not have the format. Not configurable: other code has frozen
    // node:zlib.
    if (found?.configurable !== true) continue;
    const { enumerable = false, writable = false } = found;
    const pooled = pooledFunction(replaced, found);
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

function pooledFunction(replaced: Replaced, found: PropertyDescriptor): Swap {
  const { name, call } = replaced;
  // No arrow function: callers may use `new` with a factory, as with node:zlib's.
  const pooled: Pooled = function (...args) {
    const last = installs.findLast((entry) => includes(entry, replaced));
    if (last !== undefined && !swap.undone) return call(last.pool, args);
    const original: AnyFunction = found.get === undefined ? found.value : found.get.call(zlib);
    return original.apply(this, args);
  };
  const swap: Swap = { name, found, pooled, undone: false };
  Object.defineProperty(pooled, 'name', { value: name, configurable: true });
  Object.defineProperty(pooled, 'length', { value: found.value?.length ?? 0, configurable: true });
  Object.defineProperty(pooled, kReplaced, { value: () => (swap.undone ? found : undefined) });
  return swap;
}

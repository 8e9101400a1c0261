/**
 * Swaps the factories of node:zlib for pooled ones, for everybody in this thread who looks them up after that, and swaps
 * them back. Others do the same: a second copy of this library, and instrumentations of any make, before or
 * after. So what was found is put back as it was found, and what somebody has wrapped meanwhile is left to them: our
 * function underneath then leads to what it had replaced.
 */
import { syncBuiltinESMExports } from 'node:module';
import { zlib } from '../engine/builtin-zlib.ts';
import type { Format } from '../engine/codec.ts';
import type { DecompressOptions } from '../streams/options.ts';
import { poolOf, type ZlibPool } from './factories.ts';

/** Of `install()`. */
export interface InstallOptions {
  /** Where the streams come from. Default: `defaultPool`. */
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

/** How another copy of this library knows a function of ours that is out of use, and finds what it had replaced. */
const kReplaced = Symbol.for('zlease.replaced');
type Pooled = Factory & { [kReplaced]?: () => PropertyDescriptor | undefined };

/** The installs that hold; the last one's pool is used. */
const installs: Array<{ readonly pool: ZlibPool }> = [];

interface Swap {
  readonly name: string;
  readonly found: PropertyDescriptor;
  readonly pooled: Pooled;
  undone: boolean;
}
let swaps: Swap[] = [];

/**
 * Swaps the `create*` functions of node:zlib that decompress for pooled ones. Streams made before stay as they are. Installing
 * again while installed adds nothing but its pool, which is used until its own undo.
 * @param options - `pool`, default `defaultPool`
 * @returns undoes it, once: when the last install is undone, node:zlib has what it had before the first
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
    // Not there: a Node without the format. Not configurable: somebody froze node:zlib, and means it.
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

/** What another copy of this library had put there and given up since leads on to what that one had found. */
function stillInUse(found: PropertyDescriptor): PropertyDescriptor {
  const replaced = (found.value as Pooled | undefined)?.[kReplaced]?.();
  return replaced === undefined ? found : stillInUse(replaced);
}

function pooledFactory(name: string, format: Format, found: PropertyDescriptor): Swap {
  // A function that can be called with new, as node:zlib's can.
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

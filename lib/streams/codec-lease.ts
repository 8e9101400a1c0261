/** Leases for a synchronous codec of the caller's own: `pool.lease()` and `pool.tryLease()`. */

import type { Format } from '../engine/codec.ts';
import { abortError } from '../errors.ts';
import { originOf } from '../observe/origin.ts';
import type { Lease } from '../pool/lease.ts';
import { type Limits, limits } from '../pool/options.ts';
import type { Pool } from '../pool/pool.ts';
import { type DecompressOptions, type StreamSettings, streamSettings } from './options.ts';

/** Of `pool.tryLease()`: the options of node:zlib that concern an engine, and the limits of each `writeSync()`. */
export interface CodecOptions extends Limits {
  /** Base two logarithm of the window, 8 to 15, or 0: as the data says. zlib's formats only. Default 15. */
  windowBits?: number;
  /** The preset dictionary of the data. zlib's formats only. `reset()` keeps it. Default: none. */
  dictionary?: DecompressOptions['dictionary'];
  /** Decoder parameters of Brotli and Zstandard, as `params` of node:zlib. `reset()` loses them, as node:zlib's. Default: none. */
  params?: DecompressOptions['params'];
  /** Throws `ERR_TRAILING_JUNK_AFTER_STREAM_END` when anything follows the data. Default false. */
  rejectGarbageAfterEnd?: boolean;
}

/** Of `pool.lease()`. */
export interface LeaseOptions extends CodecOptions {
  /** Gives up waiting: the promise is rejected with an `AbortError`. Default: none. */
  signal?: AbortSignal | undefined;
}

type Caller = (...args: never) => unknown;

/** @param below - the function whose callers a leak report names */
export function tryLease(
  pool: Pool,
  format: Format,
  options: CodecOptions | undefined,
  below: Caller,
): Lease | undefined {
  const settings = streamSettings(format, options);
  const own = ownLimits(pool, settings);
  const made = pool.tryLeaseKind(settings.kind, undefined, originOf(pool.settings.leakDetection, below));
  if (made === undefined) return undefined;
  made.limits = own;
  pool.announce(made);
  return made;
}

/** @param below - the function whose callers a leak report names */
export function lease(pool: Pool, format: Format, options: LeaseOptions = {}, below: Caller): Promise<Lease> {
  const { signal, ...others } = options;
  const stack = originOf(pool.settings.leakDetection, below);
  return new Promise((resolve, reject) => {
    if (signal?.aborted) throw abortError(signal);
    const settings = streamSettings(format, others);
    const own = ownLimits(pool, settings);
    const made = pool.tryLeaseKind(settings.kind, undefined, stack);
    if (made !== undefined) {
      made.limits = own;
      resolve(made);
      pool.announce(made);
      return;
    }
    const leave = pool.waitForLease(settings.kind, undefined, stack, (error, later) => {
      if (later === undefined) reject(error);
      else {
        later.limits = own;
        resolve(later);
      }
      signal?.removeEventListener('abort', onAbort);
    });
    const onAbort = (): void => {
      leave();
      reject(abortError(signal as AbortSignal));
    };
    signal?.addEventListener('abort', onAbort, { once: true });
    pool.announceWait(settings.kind);
  });
}

/** @throws the error of a limit that makes no sense */
function ownLimits(pool: Pool, settings: StreamSettings): Required<Limits> | undefined {
  return settings.limits === undefined ? undefined : limits(settings.limits, pool.settings);
}

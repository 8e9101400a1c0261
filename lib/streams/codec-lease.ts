/** Leases for a synchronous codec of the caller: `pool.lease()` and `pool.tryLease()`. */

import type { CompressFormat, Format } from '../engine/codec.ts';
import { decoder, encoder } from '../engine/codecs.ts';
import { abortError, codedError } from '../errors.ts';
import { originOf } from '../observe/origin.ts';
import type { Lease } from '../pool/lease.ts';
import type { Limits } from '../pool/options.ts';
import type { Pool } from '../pool/pool.ts';
import { checkSignal, shown } from '../validate.ts';
import type { CompressOptions, DecompressOptions } from './options.ts';
import { limitsOf, type StreamSettings, streamSettings } from './settings.ts';

/**
 * Options of `pool.tryLease()`: those of node:zlib that concern an engine, and the limits of each
 * `writeSync()`.
 */
export interface CodecOptions
  extends Limits,
    Pick<CompressOptions, 'level' | 'memLevel' | 'strategy' | 'pledgedSrcSize'> {
  /** Whether the engine compresses. Default false. */
  compress?: boolean;
  /**
   * Base two logarithm of the window size, 8 to 15. 0 takes the size that the data gives. For
   * zlib's formats only. Default 15.
   */
  windowBits?: number;
  /** Preset dictionary of the data, for zlib's formats only. `reset()` keeps it. Default: none. */
  dictionary?: DecompressOptions['dictionary'];
  /**
   * Decoder parameters of Brotli and Zstandard, as `params` of node:zlib. `reset()` loses them, as
   * node:zlib's does. Default: none.
   */
  params?: DecompressOptions['params'];
  /**
   * Whether to throw `ERR_TRAILING_JUNK_AFTER_STREAM_END` when anything follows the data. Default
   * false.
   */
  rejectGarbageAfterEnd?: boolean;
}

/** Options of `pool.lease()`. */
export interface LeaseOptions extends CodecOptions {
  /** Signal that ends the wait: the promise rejects with an `AbortError`. Default: none. */
  signal?: AbortSignal | undefined;
}

type Caller = (...args: never) => unknown;

/**
 * Returns a lease, or undefined if none is available now.
 * @param below - the function whose callers a leak report names
 */
export function tryLease(
  pool: Pool,
  format: Format,
  options: CodecOptions | undefined,
  below: Caller,
): Lease | undefined {
  const settings = settingsOf(format, options);
  const own = limitsOf(pool, settings);
  const made = pool.tryLeaseKind(settings.kind, undefined, originOf(pool.settings.leakDetection, below));
  if (made === undefined) return undefined;
  made.limits = own;
  pool.announce(made);
  return made;
}

/**
 * Resolves with a lease, now or later.
 * @param below - the function whose callers a leak report names
 */
export function lease(pool: Pool, format: Format, options: LeaseOptions | null = {}, below: Caller): Promise<Lease> {
  const { signal, ...others } = options ?? {};
  const stack = originOf(pool.settings.leakDetection, below);
  return new Promise((resolve, reject) => {
    checkSignal(signal);
    if (signal?.aborted) throw abortError(signal);
    const settings = settingsOf(format, others);
    const own = limitsOf(pool, settings);
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

/** @throws the errors of the constructor of node:zlib's stream for these options */
function settingsOf(format: Format, options: CodecOptions = {}): StreamSettings {
  const { compress = false, ...others } = options;
  if (typeof compress !== 'boolean') {
    throw codedError('ERR_INVALID_ARG_TYPE', `options.compress must be a boolean. Received ${shown(compress)}`);
  }
  return streamSettings(compress ? encoder(format as CompressFormat) : decoder(format), others);
}

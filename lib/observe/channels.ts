/**
 * Diagnostics channels of the pools, in one table. `hasSubscribers` guards each publish, so that a
 * channel without subscribers costs one comparison.
 */
import { type Channel, channel } from 'node:diagnostics_channel';
import type { Direction, Format } from '../engine/codec.ts';
import type { ObservedPool } from './stats.ts';

/** Properties of every event of a lease. */
interface LeaseMessage {
  /** Pool of the engine. */
  readonly pool: ObservedPool;
  /** Format of the compressed data. */
  readonly format: Format;
  /** Whether the engine compresses or decompresses. */
  readonly direction: Direction;
  /** Number of the lease in its pool, from 1. */
  readonly id: number;
}

/** `zlease:lease`: a stream, message or caller acquired an engine. */
export interface LeaseEvent extends LeaseMessage {
  /**
   * Function that the caller has called: `createGunzip`, `gzip`, `decompress`, `lease` and the
   * like.
   */
  readonly entry: string;
  /** True if an earlier lease has used the engine. */
  readonly reused: boolean;
  /** Time between the request and the lease, in milliseconds. 0: no wait. */
  readonly waitedMs: number;
}

/** `zlease:release`: a lease ended, and its engine is proven clean. */
export interface ReleaseEvent extends LeaseMessage {
  /**
   * True if the pool keeps the engine for another lease. Otherwise the pool closed it: see
   * `evicted` in the stats.
   */
  readonly kept: boolean;
}

/** `zlease:discard`: a lease ended, and its engine was closed, because it is not proven clean. */
export interface DiscardEvent extends LeaseMessage {
  /** Error that ended the lease. Undefined without one, as after a destroy without an error. */
  readonly cause: NodeJS.ErrnoException | undefined;
}

/** `zlease:fail`: a lease ended with an error. `zlease:release` or `zlease:discard` follows. */
export interface FailEvent extends LeaseMessage {
  /** Error of bad data, of a limit or of a `destroy()`, or the cause given to `discard()`. */
  readonly cause: NodeJS.ErrnoException;
}

/** `zlease:wait`: all `maxLeased` engines are leased, and a stream, message or caller waits. */
export interface WaitEvent {
  /** Pool without a free engine. */
  readonly pool: ObservedPool;
  /** Format of the compressed data. */
  readonly format: Format;
  /** Whether the engine is to compress or to decompress. */
  readonly direction: Direction;
  /** Number of streams, messages and callers that wait now, this one included. */
  readonly waiting: number;
}

/** `zlease:leak`: a lease was garbage collected before it ended. */
export interface LeakEvent extends LeaseMessage {
  /** Age of the lease, in milliseconds. Undefined if `leakDetection` did not select the lease. */
  readonly ageMs: number | undefined;
  /**
   * Stack of the call that created the stream or message, or requested the lease. Undefined if
   * `leakDetection` did not select the lease.
   */
  readonly stack: string | undefined;
}

export const channels: {
  readonly lease: Channel<unknown, LeaseEvent>;
  readonly release: Channel<unknown, ReleaseEvent>;
  readonly discard: Channel<unknown, DiscardEvent>;
  readonly fail: Channel<unknown, FailEvent>;
  readonly wait: Channel<unknown, WaitEvent>;
  readonly leak: Channel<unknown, LeakEvent>;
} = Object.freeze({
  lease: channel('zlease:lease') as Channel<unknown, LeaseEvent>,
  release: channel('zlease:release') as Channel<unknown, ReleaseEvent>,
  discard: channel('zlease:discard') as Channel<unknown, DiscardEvent>,
  fail: channel('zlease:fail') as Channel<unknown, FailEvent>,
  wait: channel('zlease:wait') as Channel<unknown, WaitEvent>,
  leak: channel('zlease:leak') as Channel<unknown, LeakEvent>,
});

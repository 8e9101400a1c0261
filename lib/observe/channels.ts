/**
 * What a pool does, for whoever subscribes to it: one table of diagnostics channels. A publish is guarded by
 * `hasSubscribers`, so that a channel nobody listens to costs a comparison.
 */
import { type Channel, channel } from 'node:diagnostics_channel';
import type { Format } from '../engine/codec.ts';
import type { ObservedPool } from './stats.ts';

/** Of every message. */
interface LeaseMessage {
  /** Whose engine it is. */
  readonly pool: ObservedPool;
  /** Of the data that the engine is for. */
  readonly format: Format;
  /** Tells the leases of a pool apart: the first is 1. */
  readonly id: number;
}

/** `zlease:lease`: a stream, message or caller got an engine. */
export interface LeaseEvent extends LeaseMessage {
  /** Whether the engine had served before. */
  readonly reused: boolean;
  /** How long the lease was waited for. Milliseconds, 0 where there was no need. */
  readonly waitedMs: number;
}

/** `zlease:release`: an engine came back in good order. */
export interface ReleaseEvent extends LeaseMessage {
  /** Whether it is kept for the next lease; if not it was closed: see `evicted` in the stats. */
  readonly kept: boolean;
}

/** `zlease:discard`: an engine came back and was closed, because it can't be proven clean. */
export interface DiscardEvent extends LeaseMessage {
  /** What went wrong; undefined where a stream was destroyed without an error. */
  readonly cause: NodeJS.ErrnoException | undefined;
}

/** `zlease:fail`: a lease ended with an error. `zlease:release` or `zlease:discard` tells what became of its engine, after this. */
export interface FailEvent extends LeaseMessage {
  /** The error: of bad data, of a limit, or another that a stream or message was destroyed with. */
  readonly cause: NodeJS.ErrnoException;
}

/** `zlease:wait`: all engines that the pool may have are out, and one more is asked for. */
export interface WaitEvent {
  /** Whose engines are out. */
  readonly pool: ObservedPool;
  /** Of the data that an engine is wanted for. */
  readonly format: Format;
  /** How many wait now, this one included. */
  readonly waiting: number;
}

/** `zlease:leak`: whoever had this lease was collected without giving it back. */
export interface LeakEvent extends LeaseMessage {
  /** How long ago the lease was made. Milliseconds; undefined where `leakDetection` did not look. */
  readonly ageMs: number | undefined;
  /** Where it was asked for; undefined where `leakDetection` did not look. */
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

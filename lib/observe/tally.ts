/**
 * What the channels tell of a pool and its stats don't: leases by format, failures and discards by cause, how long each lease was waited for. What
 * was before it began is counted as `unknown`, so that the sums are those of the stats.
 */

import { type Format, formats } from '../engine/codec.ts';
import { causeLabel } from './causes.ts';
import type { DiscardEvent, FailEvent, LeaseEvent } from './channels.ts';
import type { PoolStats } from './stats.ts';

/** Of leases, failures and discards from before. */
const UNKNOWN = 'unknown';

/** Counted from the start, at 0: a rate needs two samples, and would miss the first of them. */
const EXPECTED_FAILURES = ['Z_DATA_ERROR', 'Z_BUF_ERROR', 'other'];
const EXPECTED_CAUSES = [...EXPECTED_FAILURES, 'none'];

/**
 * The upper ends of the buckets that waiting times are counted in. Seconds. The first is for who need not wait; no wait is longer than
 * `leaseTimeoutMs`, 30 seconds by default.
 */
export const waitBuckets: readonly number[] = Object.freeze([
  0, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
]);

interface Leases {
  created: number;
  reused: number;
}

export class Tally {
  readonly leases = new Map<Format | typeof UNKNOWN, Leases>(
    formats.map((format) => [format, { created: 0, reused: 0 }]),
  );
  readonly failures = new Map<string, number>(EXPECTED_FAILURES.map((cause) => [cause, 0]));
  readonly discards = new Map<string, number>(EXPECTED_CAUSES.map((cause) => [cause, 0]));
  /** How often somebody began to wait. */
  waits = 0;
  /** Of the leases: how many waited for so long, one bucket each, the last for what is longer than all; and how long all did. Seconds. */
  readonly waited: number[] = Array.from({ length: waitBuckets.length + 1 }, () => 0);
  waitedSeconds = 0;

  constructor({ created, reused, failed, discarded }: PoolStats) {
    if (created > 0) this.leases.set(UNKNOWN, { created, reused });
    if (failed > 0) this.failures.set(UNKNOWN, failed);
    if (discarded > 0) this.discards.set(UNKNOWN, discarded);
  }

  /** It is called for each message: it had better be cheap. */
  lease({ format, reused, waitedMs }: LeaseEvent): void {
    const leases = this.leases.get(format) as Leases;
    if (reused) leases.reused += 1;
    else leases.created += 1;
    const seconds = waitedMs / 1_000;
    let at = 0;
    while (seconds > (waitBuckets[at] as number)) at += 1;
    (this.waited[at] as number) += 1;
    this.waitedSeconds += seconds;
  }

  fail({ cause }: FailEvent): void {
    countUp(this.failures, causeLabel(cause));
  }

  discard({ cause }: DiscardEvent): void {
    countUp(this.discards, causeLabel(cause));
  }

  wait(): void {
    this.waits += 1;
  }
}

function countUp(counts: Map<string, number>, label: string): void {
  counts.set(label, (counts.get(label) ?? 0) + 1);
}

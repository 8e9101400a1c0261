/**
 * Counts of a pool that are in its channels and not in its stats: leases by format and direction,
 * failures and discards by cause, and waiting times. Leases, failures and discards from before the
 * tally are counted as `unknown`, so that the sums equal the stats.
 */

import type { Direction, Format } from '../engine/codec.ts';
import { codecs } from '../engine/codecs.ts';
import { causeLabel } from './causes.ts';
import type { DiscardEvent, FailEvent, LeaseEvent } from './channels.ts';
import type { PoolStats } from './stats.ts';

/** Label of leases, failures and discards from before the tally. */
const UNKNOWN = 'unknown';

/** Causes that start at 0. A rate needs two samples, and would miss the first failure otherwise. */
const EXPECTED_FAILURES = ['Z_DATA_ERROR', 'Z_BUF_ERROR', 'other'];
const EXPECTED_CAUSES = [...EXPECTED_FAILURES, 'none'];

/**
 * Upper bounds of the buckets of waiting times, in seconds. The first bucket is for leases without
 * a wait. The last bound is the default of `leaseTimeoutMs`. A pool with a longer timeout may have
 * longer waits.
 */
export const waitBuckets: readonly number[] = Object.freeze([
  0, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30,
]);

interface Leases {
  readonly format: Format | typeof UNKNOWN;
  readonly direction: Direction | typeof UNKNOWN;
  created: number;
  reused: number;
}

export class Tally {
  readonly leases: Leases[] = [];
  readonly #byDirection = { compress: new Map<Format, Leases>(), decompress: new Map<Format, Leases>() };
  readonly failures = new Map<string, number>(EXPECTED_FAILURES.map((cause) => [cause, 0]));
  readonly discards = new Map<string, number>(EXPECTED_CAUSES.map((cause) => [cause, 0]));
  /** Number of waits that have begun. */
  waits = 0;
  /** Number of leases in each bucket of waiting time. The last bucket is for longer waits. */
  readonly waited: number[] = Array.from({ length: waitBuckets.length + 1 }, () => 0);
  /** Sum of all waiting times. */
  waitedSeconds = 0;

  constructor({ created, reused, failed, discarded }: PoolStats) {
    for (const { format, direction } of codecs) {
      const leases: Leases = { format, direction, created: 0, reused: 0 };
      this.leases.push(leases);
      this.#byDirection[direction].set(format, leases);
    }
    if (created > 0) this.leases.push({ format: UNKNOWN, direction: UNKNOWN, created, reused });
    if (failed > 0) this.failures.set(UNKNOWN, failed);
    if (discarded > 0) this.discards.set(UNKNOWN, discarded);
  }

  /** Counts a lease. Each stream and each message calls this, so it must be cheap. */
  lease({ format, direction, reused, waitedMs }: LeaseEvent): void {
    const leases = this.#byDirection[direction].get(format) as Leases;
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

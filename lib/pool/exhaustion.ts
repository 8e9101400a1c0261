/**
 * Errors of a pool without a free engine. Their messages state the pool's numbers. They also name
 * the oldest leases whose origin was recorded.
 */
import { codedError, type ErrorCode } from '../errors.ts';
import type { PoolStats } from '../observe/stats.ts';
import { clock } from '../schedule/clock.ts';
import type { Lease } from './lease.ts';
import type { LiveLeases } from './lease-tracker.ts';
import type { PoolSettings } from './options.ts';

/** Most leases that one error names. */
const NAMED_HOLDERS = 3;

/** Least time between two counts of the leases, as errors may come by the thousand. */
const COUNT_EVERY_MS = 1_000;

export class Exhaustion {
  readonly #live: LiveLeases;
  /** Number of streams that held an engine without work for it, at the last count. */
  #withoutWork = 0;
  #countedAt = Number.NEGATIVE_INFINITY;

  constructor(live: LiveLeases) {
    this.#live = live;
  }

  error(code: ErrorCode, what: string, stats: PoolStats, { maxLeased, maxWaiting }: PoolSettings): Error {
    const now = clock.now();
    const named = this.#live
      .oldest(NAMED_HOLDERS)
      .map(
        ({ format, since, stack }) => `\n${format}, leased for ${Math.round(now - since)} ms, requested at\n${stack}`,
      );
    const numbers = `leased ${stats.leased} of ${maxLeased}, idle ${stats.idle}, waiting ${stats.waiting} of ${maxWaiting}`;
    if (now - this.#countedAt >= COUNT_EVERY_MS) {
      this.#countedAt = now;
      this.#withoutWork = this.#live.list().filter(isWithoutWork).length;
    }
    const waiting = this.#withoutWork === 0 ? '' : `; streams that wait for input or a reader: ${this.#withoutWork}`;
    return Object.assign(codedError(code, `${what}: ${numbers}${waiting}${named.join('')}`), { stats });
  }
}

/** Returns whether the owner is a stream whose engine waits for a write or for the reader. */
function isWithoutWork({ owner }: Lease): boolean {
  if (owner?.writableLength === undefined) return false;
  const { writableEnded, writableLength, readableLength = 0, readableHighWaterMark = 0 } = owner;
  if (writableEnded) return readableLength > 0;
  return writableLength === 0 || readableLength >= readableHighWaterMark;
}

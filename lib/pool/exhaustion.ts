/** The errors of a pool that has no engine to give: its numbers, and the leases that are out the longest. */
import { codedError, type ErrorCode } from '../errors.ts';
import type { PoolStats } from '../observe/stats.ts';
import { clock } from '../schedule/clock.ts';
import type { Lease } from './lease.ts';
import type { LiveLeases } from './lease-tracker.ts';
import type { PoolSettings } from './options.ts';

/** Number of leases that an error names. */
const NAMED_HOLDERS = 3;

/** Refusals come by the thousand. The leases are looked through for an error once in so many milliseconds. */
const COUNT_EVERY_MS = 1_000;

export class Exhaustion {
  readonly #live: LiveLeases;
  /** Streams that held an engine and had no work for it, when they were last counted. */
  #withoutWork = 0;
  #countedAt = Number.NEGATIVE_INFINITY;

  constructor(live: LiveLeases) {
    this.#live = live;
  }

  error(code: ErrorCode, what: string, stats: PoolStats, { maxLeased, maxWaiting }: PoolSettings): Error {
    const now = clock.now();
    const named = this.#live
      .oldest(NAMED_HOLDERS)
      .map(({ format, since, stack }) => `\n${format}, out for ${Math.round(now - since)} ms, asked for at\n${stack}`);
    const numbers = `leased ${stats.leased} of ${maxLeased}, idle ${stats.idle}, waiting ${stats.waiting} of ${maxWaiting}`;
    if (now - this.#countedAt >= COUNT_EVERY_MS) {
      this.#countedAt = now;
      this.#withoutWork = this.#live.list().filter(isWithoutWork).length;
    }
    const waiting = this.#withoutWork === 0 ? '' : `; streams that wait for input or a reader: ${this.#withoutWork}`;
    return Object.assign(codedError(code, `${what}: ${numbers}${waiting}${named.join('')}`), { stats });
  }
}

/** Whether the owner of a lease is a stream whose engine has nothing to do before more is written to it, or read from it. */
function isWithoutWork({ owner }: Lease): boolean {
  if (owner?.writableLength === undefined) return false;
  const { writableEnded, writableLength, readableLength = 0, readableHighWaterMark = 0 } = owner;
  if (writableEnded) return readableLength > 0;
  return writableLength === 0 || readableLength >= readableHighWaterMark;
}

/** The numbers of a pool, as its users, its channels and its metrics see them. */

/** A snapshot of a pool's numbers. Always: `created = leased + idle + discarded + evicted + leaked`. */
export interface PoolStats {
  /** Engines that a stream or lease has now. */
  readonly leased: number;
  /** Engines that wait for their next lease. */
  readonly idle: number;
  /** Streams and callers that wait for an engine. */
  readonly waiting: number;
  /** Engines made since the pool was. */
  readonly created: number;
  /** Leases that were served by an engine from the pool. */
  readonly reused: number;
  /** Leases that ended with an error: of bad data, of a limit, or another that a stream or message was destroyed with. */
  readonly failed: number;
  /** Engines closed at the end of a lease because they can't be proven clean: after most errors, a destroy during a write, ... */
  readonly discarded: number;
  /** Engines closed in good order: over `maxIdle`, idle for too long, grown too big, not reusable, or the pool closed. */
  readonly evicted: number;
  /** Engines closed because their lease was collected without having been given back. */
  readonly leaked: number;
  /** Compressed bytes used up by streams of this pool. */
  readonly bytesIn: number;
  /** Bytes they made of them. */
  readonly bytesOut: number;
}

/** A pool, as far as a subscriber needs it: by identity, and with its numbers. */
export interface ObservedPool {
  /** Its numbers now. */
  readonly stats: PoolStats;
}

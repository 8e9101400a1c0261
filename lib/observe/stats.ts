/** Numbers of a pool, for its users, its channels and its metrics. */

/**
 * Snapshot of a pool's numbers. Always: `created = leased + idle + discarded + evicted + leaked`.
 */
export interface PoolStats {
  /** Engines that are leased now. */
  readonly leased: number;
  /** Engines that wait for their next lease. */
  readonly idle: number;
  /** Streams, messages and callers that wait for an engine now. */
  readonly waiting: number;
  /** Engines that the pool has created. */
  readonly created: number;
  /** Leases that took an idle engine. */
  readonly reused: number;
  /**
   * Leases that ended with an error: of bad data, of a limit, or another one that a stream or
   * message was destroyed with.
   */
  readonly failed: number;
  /**
   * Engines closed at the end of a lease because they are not proven clean. Examples are most
   * errors, and a destroy during a write.
   */
  readonly discarded: number;
  /**
   * Clean engines that were closed: over `maxIdle`, idle for too long, oversized, not reusable, or
   * the pool was closed.
   */
  readonly evicted: number;
  /** Engines closed because their lease was garbage collected before it ended. */
  readonly leaked: number;
  /**
   * Bytes that the engines have consumed: compressed ones of decoders, and those that encoders have
   * compressed.
   */
  readonly bytesIn: number;
  /** Bytes that the engines have made: decompressed ones of decoders, compressed ones of encoders. */
  readonly bytesOut: number;
}

/** Pool, as a subscriber sees it: its identity and its numbers. */
export interface ObservedPool {
  /** Snapshot of the pool's numbers. */
  readonly stats: PoolStats;
}

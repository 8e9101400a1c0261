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
   * Leases that ended with an error: the error of bad data, of a limit or of a `destroy()`, or the
   * cause given to `discard()`.
   */
  readonly failed: number;
  /**
   * Engines closed at the end of a lease because they are not proven clean: for example after an
   * error of a limit, after bad data of Brotli or Zstandard, or after a destroy during a write.
   */
  readonly discarded: number;
  /**
   * Engines that the pool closed for another reason: they were over `maxIdle` or `maxIdleLength`,
   * idle for too long, oversized or not reusable, or the pool was closed.
   */
  readonly evicted: number;
  /** Engines closed because their lease was garbage collected before it ended. */
  readonly leaked: number;
  /**
   * Bytes that the engines have consumed: compressed bytes by decoders, uncompressed bytes by
   * encoders.
   */
  readonly bytesIn: number;
  /** Bytes that the engines have made: decompressed by decoders, compressed by encoders. */
  readonly bytesOut: number;
}

/** Pool, as a subscriber sees it: its identity and its numbers. */
export interface ObservedPool {
  /** Snapshot of the pool's numbers. */
  readonly stats: PoolStats;
}

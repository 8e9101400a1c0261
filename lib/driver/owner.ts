/** The contract between a driver and its owner: a stream, a whole message or a web stream. */
import type { LeaseOwner } from '../pool/lease.ts';

/**
 * The driver calls its owner in the async context of the driver, or on the stack of a call of the
 * owner.
 */
export interface Owner extends LeaseOwner {
  /** Bytes consumed. The driver adds to the number before it hands out their output. */
  bytesWritten: number;
  /**
   * Whether the owner keeps all output until the end. Output then need not be cut as node:zlib's.
   */
  readonly keepsAll: boolean;
  /** Whether a run of ticks passes between two pieces of output. */
  readonly isSpaced: boolean;
  /**
   * Takes output. Returns false to have the driver pause until `resume()`. It may stop or reset the
   * driver.
   */
  onOutput(chunk: Buffer): boolean;
  /**
   * Is called when the input is consumed, except `trailing` bytes after the end of the data. The
   * driver is idle.
   */
  onConsumed(trailing: number): void;
  /**
   * Is called with an error that ends the work on the input. Undefined: the engine failed, see
   * `failure`.
   */
  onError(error: Error | undefined): void;
  /**
   * Is called after a `stop()` during a native write or in `onOutput`, when the driver has given up
   * its buffers.
   */
  onStopped(): void;
  /** Returns whether the input is a whole message that only lacks its last flush. */
  isWhole(): boolean;
  /**
   * Returns whether output is taken as fast as it is made. Large pieces of memory are for such owners.
   * @param hasTaken - whether the owner was given output already
   */
  keepsUp(hasTaken: boolean): boolean;
}

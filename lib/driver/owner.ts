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
   * Whether the owner keeps all output until the end. The driver then need not cut the output as
   * node:zlib does.
   */
  readonly keepsAll: boolean;
  /** Whether a run of ticks passes between two pieces of output. */
  readonly isSpaced: boolean;
  /**
   * Takes output. Returns false to have the driver pause until `resume()`. The owner may stop or
   * reset the driver in this call.
   */
  onOutput(chunk: Buffer): boolean;
  /**
   * Handles the end of the input. The driver has consumed all of it, except `trailing` bytes after
   * the end of the data. The driver is idle.
   */
  onConsumed(trailing: number): void;
  /**
   * Handles an error that ends the work on the input. Undefined: the engine failed, see `failure`
   * of the driver.
   */
  onError(error: Error | undefined): void;
  /**
   * Handles the end of the work after a `stop()` during a native write or in `onOutput()`. The
   * driver has released its buffers.
   */
  onStopped(): void;
  /** Returns whether the input is a whole message that only lacks its last flush. */
  isWhole(): boolean;
  /**
   * Returns whether the owner takes output as fast as the driver makes it. The driver uses larger
   * pieces of memory for such owners.
   * @param hasTaken - whether the driver has handed out output already
   */
  keepsUp(hasTaken: boolean): boolean;
}

/** The contract between a driver and its owner: a stream, a whole message or a web stream. */
import type { LeaseOwner } from '../pool/lease.ts';

/** The driver calls its owner in the async context of the driver, or on the stack of the owner's own call. */
export interface Owner extends LeaseOwner {
  /** Compressed bytes consumed. The driver adds to it before it hands out the output that they gave. */
  bytesWritten: number;
  /** Whether the owner hands out nothing before all output is made. Output need not be cut where node:zlib cuts it then. */
  readonly keepsAll: boolean;
  /** Whether a run of ticks passes between two pieces of output. */
  readonly isSpaced: boolean;
  /** Takes output. Returns false to have the driver pause until `resume()`. It may stop or reset the driver. */
  onOutput(chunk: Buffer): boolean;
  /** Is told that the input is consumed, except for `trailing` bytes behind the end of the data. The driver is idle. */
  onConsumed(trailing: number): void;
  /** Is told of an error that ends the work on the input. Undefined stands for the failure of the engine, see `failure`. */
  onError(error: Error | undefined): void;
  /** Is told that a driver that was stopped during a native write, or in `onOutput`, has let go of its buffers. */
  onStopped(): void;
  /** Returns whether the input is a whole message, of which a last flush is all that is missing. */
  isWhole(): boolean;
  /**
   * Returns whether output is taken as fast as it is made. Large pieces of memory are for such owners.
   * @param hasTaken - whether the owner was given output already
   */
  keepsUp(hasTaken: boolean): boolean;
}

/**
 * A lease: the right to drive one engine, until it is released. The once-guard lives here and not on the engine, so that a stale
 * lease can't release the engine of its successor (promise P4). A lease knows its pool as a home only.
 */
import { constants as bufferConstants } from 'node:buffer';
import { constants } from '../engine/builtin-zlib.ts';
import { formatTraits } from '../engine/codec.ts';
import type { Engine } from '../engine/contract.ts';
import { codedError, tooLarge } from '../errors.ts';
import { type Bytes, bufferOf, shown, shownType } from '../validate.ts';
import { type Limits, outputLimit, overLimit } from './options.ts';

/** The pool of a lease. */
export interface Home {
  /** Takes the engine of a lease that has ended. It may not be reused unless it is `clean`; `cause` is the reason. */
  takeBack(lease: Lease, engine: Engine, clean: boolean, cause?: Error): void;
  /** Counts the bytes of a synchronous write. */
  count(bytesIn: number, bytesOut: number): void;
  /** Limits of a lease that has none of its own. */
  readonly settings: Required<Limits>;
}

/** The owner that is destroyed with the pool: a stream, or a message, which has none of the numbers. */
export interface LeaseOwner {
  destroy(error: Error): unknown;
  readonly writableEnded?: boolean;
  readonly writableLength?: number;
  readonly readableLength?: number;
  readonly readableHighWaterMark?: number;
}

let engineOf: (lease: Lease) => Engine;

/**
 * The right to drive one engine, until it is released. Streams and messages lease for themselves. `pool.lease()` is for a
 * synchronous codec that keeps its window from one `writeSync()` to the next, as the messages of one connection need it.
 */
export class Lease {
  /** @internal Until the lease ends. */
  owner: LeaseOwner | undefined;
  /** @internal Limits of each `writeSync()`. Default: those of the pool. */
  limits: Required<Limits> | undefined;
  /** @internal Counts the leases of a pool, from 1 on. */
  readonly id: number;
  /** @internal Whether its engine had served before. */
  readonly reused: boolean;
  #engine: Engine | undefined;
  /** Whether the last write left input or output behind, over a limit or because of junk. */
  #isCutShort = false;
  readonly #home: Home;

  static {
    engineOf = (lease) => {
      if (lease.#engine === undefined) throw codedError('ERR_LEASE_SEALED');
      return lease.#engine;
    };
  }

  /** @internal Leases are made by a pool: `pool.lease()`, `pool.tryLease()`. */
  constructor(id: number, engine: Engine, home: Home, owner: LeaseOwner | undefined, reused: boolean) {
    this.id = id;
    this.reused = reused;
    this.#engine = engine;
    this.#home = home;
    this.owner = owner;
  }

  /** True once the lease has ended, by `release`, `discard` or `Symbol.dispose`. */
  get released(): boolean {
    return this.#engine === undefined;
  }

  /**
   * Inflates on the calling thread, in the window of the writes before. Bytes behind the end of the data are ignored.
   * @param chunk - compressed bytes
   * @param flush - a flush constant of the format, default 0, `Z_NO_FLUSH`; with `Z_FINISH` data that is cut short is an error
   * @returns all output that `chunk` gives
   * @throws the error of node:zlib for bad data, `ERR_BUFFER_TOO_LARGE` or `ERR_RATIO_TOO_HIGH` for output of one call beyond a
   * limit; after either, only `reset()` and the end of the lease are of use. `ERR_LEASE_SEALED` once the lease has ended, and
   * after an error. `ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE` for bad arguments
   */
  writeSync(chunk: Bytes, flush: number = constants.Z_NO_FLUSH): Buffer {
    const input = bufferOf(chunk);
    if (input === undefined) {
      throw codedError(
        'ERR_INVALID_ARG_TYPE',
        `chunk must be a Buffer, TypedArray, DataView or ArrayBuffer. Received ${shownType(chunk)}`,
      );
    }
    const engine = engineOf(this);
    const { lastFlush } = formatTraits(engine.kind.format);
    if (!Number.isInteger(flush) || flush < 0 || flush > lastFlush) {
      throw codedError(
        'ERR_OUT_OF_RANGE',
        `flush must be a flush constant from 0 to ${lastFlush}. Received ${shown(flush)}`,
      );
    }
    if (this.#isCutShort) throw codedError('ERR_LEASE_SEALED', 'The last write failed. Reset the lease');
    const limits = this.limits ?? this.#home.settings;
    const most = Math.min(outputLimit(limits, input.length), bufferConstants.MAX_LENGTH);
    let output: Buffer;
    try {
      output = engine.processChunk(flush, input, constants.Z_DEFAULT_CHUNK, most);
    } catch (error) {
      if (engine.inline || (error as NodeJS.ErrnoException).code !== 'ERR_BUFFER_TOO_LARGE') throw error;
      throw overLimit(limits, input.length, most + 1) ?? tooLarge(most);
    }
    this.#home.count(input.length - engine.availIn, output.length);
    const hasJunk = engine.availIn > 0 && engine.kind.options.rejectGarbageAfterEnd === true;
    if (output.length <= most && !hasJunk) return output;
    this.#isCutShort = true;
    if (hasJunk) throw codedError('ERR_TRAILING_JUNK_AFTER_STREAM_END');
    throw overLimit(limits, input.length, output.length) ?? tooLarge(most);
  }

  /**
   * Makes the engine as new, for another message: it forgets its window.
   * @throws `ERR_LEASE_SEALED` once the lease has ended, and after an error that the engine does not survive
   */
  reset(): void {
    engineOf(this).reset();
    this.#isCutShort = false;
  }

  /**
   * Gives the engine back to its pool, which resets it for its next lease.
   * @throws `ERR_LEASE_RELEASED` when the lease has ended already.
   */
  release(): void {
    this.#end(true);
  }

  /**
   * Ends the lease and has the engine closed: for one that may not be clean.
   * @param cause - the reason, for the channel `zlease:discard`
   * @throws `ERR_LEASE_RELEASED` when the lease has ended already.
   */
  discard(cause?: Error): void {
    this.#end(false, cause);
  }

  /** `release()`, for `using`; does nothing when the lease has ended already. */
  [Symbol.dispose](): void {
    if (!this.released) this.release();
  }

  #end(clean: boolean, cause?: Error): void {
    const engine = this.#engine;
    if (engine === undefined) throw codedError('ERR_LEASE_RELEASED');
    this.#engine = undefined;
    this.owner = undefined;
    this.#home.takeBack(this, engine, clean, cause);
  }
}

/**
 * The engine behind a lease that is live. Not exported from the package.
 * @throws `ERR_LEASE_SEALED` once the lease has ended.
 */
export { engineOf };

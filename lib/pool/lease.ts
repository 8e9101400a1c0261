/**
 * A lease: the right to drive one engine, until the lease ends. The lease guards against a second
 * release. With a guard on the engine, a stale lease could release the engine of its successor
 * (promise P4). A lease may not use its pool except as a `Home`.
 */
import { constants as bufferConstants } from 'node:buffer';
import { constants } from '../engine/builtin-zlib.ts';
import type { Engine } from '../engine/contract.ts';
import { codedError, tooLarge } from '../errors.ts';
import { type Bytes, bufferOf, shown, shownType } from '../validate.ts';
import { type Limits, outputLimit, overLimit } from './options.ts';

/** Pool of a lease. */
export interface Home {
  /**
   * Takes the engine of an ended lease. The engine may not be reused unless it is `clean`.
   * @param cause - reason of `discard()`, if there is one
   */
  takeBack(lease: Lease, engine: Engine, clean: boolean, cause?: Error): void;
  /** Counts the bytes of a synchronous write. */
  count(bytesIn: number, bytesOut: number): void;
  /** Limits of a lease without limits of its own. */
  readonly settings: Required<Limits>;
}

/** Stream or message that `pool.destroy()` destroys. A message has only the method. */
export interface LeaseOwner {
  destroy(error: Error): unknown;
  /** Name of the function that the caller has called, for the channel `zlease:lease`. */
  readonly entry?: string;
  readonly writableEnded?: boolean;
  readonly writableLength?: number;
  readonly readableLength?: number;
  readonly readableHighWaterMark?: number;
}

let engineOf: (lease: Lease) => Engine;

/**
 * The right to drive one engine, until the lease ends. Streams and messages acquire their own
 * leases. `pool.lease()` and `pool.tryLease()` are for a synchronous codec. Such a lease keeps its
 * window from one `writeSync()` to the next, as the messages of one connection require.
 */
export class Lease {
  /** @internal Owner, until the lease ends. Undefined if a caller requested the lease. */
  owner: LeaseOwner | undefined;
  /** @internal Limits of each `writeSync()`. Default: the limits of the pool. */
  limits: Required<Limits> | undefined;
  /** @internal Number of the lease in its pool, from 1. */
  readonly id: number;
  /** @internal True if an earlier lease has used the engine. */
  readonly reused: boolean;
  /** @internal Whether the pool has taken the engine back. */
  isTakenBack = false;
  #engine: Engine | undefined;
  /** True if the last write left input or output behind, because of a limit or of trailing junk. */
  #isCutShort = false;
  readonly #home: Home;

  static {
    engineOf = (lease) => {
      if (lease.#engine === undefined) throw codedError('ERR_LEASE_SEALED');
      return lease.#engine;
    };
  }

  /** @internal Only a pool creates leases: `pool.lease()`, `pool.tryLease()`. */
  constructor(id: number, engine: Engine, home: Home, owner: LeaseOwner | undefined, reused: boolean) {
    this.id = id;
    this.reused = reused;
    this.#engine = engine;
    this.#home = home;
    this.owner = owner;
  }

  /** True once the lease has ended, by `release()`, `discard()` or `[Symbol.dispose]()`. */
  get released(): boolean {
    return this.#engine === undefined;
  }

  /**
   * Inflates `chunk` on the calling thread, in the window of the writes before. Ignores bytes after
   * the end of the data, unless `rejectGarbageAfterEnd` is set.
   * @param chunk - compressed bytes
   * @param flush - flush constant of the format, default 0, `Z_NO_FLUSH`. With `Z_FINISH` an
   * unexpected end of file is an error
   * @returns all output of `chunk`
   * @throws the error of node:zlib for bad data. `ERR_BUFFER_TOO_LARGE` or `ERR_RATIO_TOO_HIGH` if
   * the output of one call is over a limit. `ERR_TRAILING_JUNK_AFTER_STREAM_END` with
   * `rejectGarbageAfterEnd`. After each of these errors the lease needs `reset()`, or has to end.
   * `ERR_LEASE_SEALED` after such an error, and once the lease has ended. `ERR_INVALID_ARG_TYPE` or
   * `ERR_OUT_OF_RANGE` for an invalid argument
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
    const { lastFlush } = engine.kind.codec;
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
   * Resets the engine and its window, for another message. `params` of Brotli and Zstandard are
   * lost before Node 26.12, as with `reset()` of node:zlib's streams. A lease for each message
   * keeps them.
   * @throws `ERR_LEASE_SEALED` once the lease has ended, and after an error that no reset can clean
   * up. `ERR_ZLIB_INCOMPLETE_FRAME`, from Node 26.12 on, in the middle of the data of an encoder of
   * gzip or Zstandard
   */
  reset(): void {
    const engine = engineOf(this);
    engine.reset();
    this.#isCutShort = false;
    if (engine.failure !== undefined) throw engine.failure;
  }

  /**
   * Ends the lease and returns the engine to its pool, which resets the engine for its next lease.
   * @throws `ERR_LEASE_RELEASED` if the lease has ended already
   */
  release(): void {
    this.#end(true);
  }

  /**
   * Ends the lease and closes the engine, for an engine that may not be clean.
   * @param cause - error for the channels `zlease:fail` and `zlease:discard`. Default: the error of
   * the last write, if it failed
   * @throws `ERR_LEASE_RELEASED` if the lease has ended already
   */
  discard(cause?: Error): void {
    this.#end(false, cause);
  }

  /** Calls `release()`, for `using`. Does nothing if the lease has ended already. */
  [Symbol.dispose](): void {
    if (!this.released) this.release();
  }

  #end(clean: boolean, cause?: Error): void {
    const engine = this.#engine;
    if (engine === undefined) throw codedError('ERR_LEASE_RELEASED');
    this.#engine = undefined;
    this.owner = undefined;
    try {
      this.#home.takeBack(this, engine, clean, cause);
    } catch (error) {
      // Near the end of the stack, even the call may fail. Then the lease goes on.
      if (!this.isTakenBack) this.#engine = engine;
      throw error;
    }
  }
}

/**
 * Returns the engine of a live lease. The package does not export this function.
 * @throws `ERR_LEASE_SEALED` once the lease has ended
 */
export { engineOf };

/**
 * A lease: the right to drive one engine, until it is given back. The once-guard lives here and not on
 * the engine, so that a stale lease can't give back its successor's engine (promise P4). The way back
 * is a callback; a lease knows no pool.
 */
import type { Engine } from '../engine/contract.ts';
import { codedError } from '../errors.ts';

/** Takes the engine of a lease that has ended; `clean` is false where it may not be reused, `cause` says why. */
export type GiveBack = (lease: Lease, engine: Engine, clean: boolean, cause?: Error) => void;

/** Whoever is to be told when the pool is destroyed: a stream, or a message, which has none of the numbers. */
export interface LeaseOwner {
  destroy(error: Error): unknown;
  readonly writableEnded?: boolean;
  readonly writableLength?: number;
  readonly readableLength?: number;
  readonly readableHighWaterMark?: number;
}

let engineOf: (lease: Lease) => Engine;

/** The right to drive one engine, until it is given back. Streams and messages lease for themselves; `pool.lease()` is for who wants to hold one ready. */
export class Lease {
  /** @internal Until the lease ends. */
  owner: LeaseOwner | undefined;
  /** @internal Counts the leases of a pool, from 1 on. */
  readonly id: number;
  /** @internal Whether its engine had served before. */
  readonly reused: boolean;
  #engine: Engine | undefined;
  readonly #giveBack: GiveBack;

  static {
    engineOf = (lease) => {
      if (lease.#engine === undefined) throw codedError('ERR_LEASE_SEALED');
      return lease.#engine;
    };
  }

  /** @internal Leases are made by a pool: `pool.lease()`, `pool.tryLease()`. */
  constructor(id: number, engine: Engine, giveBack: GiveBack, owner: LeaseOwner | undefined, reused: boolean) {
    this.id = id;
    this.reused = reused;
    this.#engine = engine;
    this.#giveBack = giveBack;
    this.owner = owner;
  }

  /** True once the lease has ended, by `release`, `discard` or `Symbol.dispose`. */
  get released(): boolean {
    return this.#engine === undefined;
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
   * @param cause - what went wrong, for the channel `zlease:discard`
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
    this.#giveBack(this, engine, clean, cause);
  }
}

/**
 * The engine behind a lease that is live. Not exported from the package.
 * @throws `ERR_LEASE_SEALED` once the lease has ended.
 */
export { engineOf };

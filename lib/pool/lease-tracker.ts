/**
 * Live leases. `pool.destroy()` reaches their owners through them, and the pool reclaims the engine
 * of a lease that was garbage collected. A weak reference and a finalizer cost more than inflating
 * a small message. Most leases end within the turn of the event loop in which they began. So a
 * lease is held strongly during its first turn. Only a lease that outlives that turn gets a weak
 * reference.
 */

import type { Format } from '../engine/codec.ts';
import type { Engine } from '../engine/contract.ts';
import { clock } from '../schedule/clock.ts';
import { turn } from '../schedule/turn.ts';
import { engineOf, type Lease } from './lease.ts';

interface Watch {
  readonly lease: WeakRef<Lease>;
  readonly id: number;
  /** Engine to close after a leak. It must never reference the lease or its owner. */
  readonly engine: Engine;
}

/** Origin of a live lease, if `leakDetection` selected the lease. */
export interface Holder {
  readonly format: Format;
  /** Stack of the call that created the stream or message, or requested the lease. */
  readonly stack: string;
  /** Start of the lease, in milliseconds as from `performance.now()`. */
  readonly since: number;
}

/** A lease that was garbage collected before it ended. */
export interface LostLease {
  readonly id: number;
  readonly engine: Engine;
  readonly holder: Holder | undefined;
}

/**
 * Number of young leases, beyond twice the live ones, above which the ended ones are removed. One
 * turn may see millions of leases.
 */
const MOST_YOUNG = 256;

export class LiveLeases {
  #young: Lease[] = [];
  #settles = false;
  /** Number of young leases that are live. It is most often 0 at the end of their turn. */
  #youngOut = 0;
  readonly #watched = new Map<Engine, Watch>();
  /** Origins of live leases, oldest first. Empty with `leakDetection: 'off'`. */
  readonly #holders = new Map<Engine, Holder>();
  readonly #finalizers: FinalizationRegistry<Watch>;

  /** @param lost - called for each lease that was garbage collected before it ended */
  constructor(lost: (lease: LostLease) => void) {
    this.#finalizers = new FinalizationRegistry((watch) => {
      const { engine, id } = watch;
      // The lease has ended. The engine may have another lease by now.
      if (this.#watched.get(engine) !== watch) return;
      const holder = this.#holders.get(engine);
      this.#watched.delete(engine);
      this.#holders.delete(engine);
      lost({ id, engine, holder });
    });
  }

  /** @param stack - origin of the lease, if it was recorded */
  add(lease: Lease, stack: string | undefined): void {
    // The calls that may throw, near the end of the stack, come before the lease is young.
    if (!this.#settles) turn.onceOver(this.#settle);
    this.#settles = true;
    if (stack !== undefined) {
      const engine = engineOf(lease);
      this.#holders.set(engine, { format: engine.kind.codec.format, stack, since: clock.now() });
    }
    this.#young.push(lease);
    this.#youngOut += 1;
  }

  /** Removes the ended lease of an engine. */
  remove(engine: Engine): void {
    // A look into an empty map takes time too, and most often both are empty.
    if (this.#holders.size > 0) this.#holders.delete(engine);
    const watch = this.#watched.size > 0 ? this.#watched.get(engine) : undefined;
    if (watch === undefined) {
      this.#youngOut -= 1;
      if (this.#young.length > MOST_YOUNG + 2 * this.#youngOut) {
        this.#young = this.#young.filter(({ released }) => !released);
      }
      return;
    }
    this.#watched.delete(engine);
    this.#finalizers.unregister(watch);
  }

  /** Returns the live leases. */
  list(): Lease[] {
    const leases = this.#young.filter((lease) => !lease.released);
    for (const watch of this.#watched.values()) {
      const lease = watch.lease.deref();
      if (lease !== undefined) leases.push(lease);
    }
    return leases;
  }

  /** Returns the recorded origins of the oldest live leases, oldest first. */
  oldest(count: number): Holder[] {
    const oldest: Holder[] = [];
    for (const holder of this.#holders.values()) {
      if (oldest.length >= count) break;
      oldest.push(holder);
    }
    return oldest;
  }

  readonly #settle = (): void => {
    const aged = this.#young;
    this.#young = [];
    this.#settles = false;
    if (this.#youngOut === 0) return;
    this.#youngOut = 0;
    for (const lease of aged) {
      if (lease.released) continue;
      const watch: Watch = { lease: new WeakRef(lease), id: lease.id, engine: engineOf(lease) };
      this.#watched.set(watch.engine, watch);
      this.#finalizers.register(lease, watch, watch);
    }
  };
}

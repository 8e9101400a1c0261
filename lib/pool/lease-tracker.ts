/**
 * The leases that are out: to reach their owners when the pool is destroyed, and to notice the ones whose
 * owner was collected without giving back. A weak reference and a finalizer cost more than inflating a
 * small message does, and most leases are over within the turn of the event loop that saw them begin. So
 * a lease is held strongly for its first turn and only what outlives it is watched, weakly from then on.
 */

import type { Format } from '../engine/codec.ts';
import type { Engine } from '../engine/contract.ts';
import { clock } from '../schedule/clock.ts';
import { turn } from '../schedule/turn.ts';
import { engineOf, type Lease } from './lease.ts';

interface Watch {
  readonly lease: WeakRef<Lease>;
  readonly id: number;
  /** Held here to be closed once the lease is gone. It must never lead back to the lease or its owner. */
  readonly engine: Engine;
}

/** What is known of a lease whose origin was taken down. */
export interface Holder {
  readonly format: Format;
  /** Where it was asked for. */
  readonly stack: string;
  /** As `performance.now()`. */
  readonly since: number;
}

/** A lease that was collected while it was live. */
export interface LostLease {
  readonly id: number;
  readonly engine: Engine;
  readonly holder: Holder | undefined;
}

/** So many young leases are kept, and twice those that are out, before those that have ended are left out: a turn may see millions. */
const MOST_YOUNG = 256;

export class LiveLeases {
  #young: Lease[] = [];
  #settles = false;
  /** Of the young ones, how many are out: most often none when their turn is over. */
  #youngOut = 0;
  readonly #watched = new Map<Engine, Watch>();
  /** In the order of leasing. Empty where no origins are taken down. */
  readonly #holders = new Map<Engine, Holder>();
  readonly #finalizers: FinalizationRegistry<Watch>;

  /** @param lost called for each lease that was collected while it was live */
  constructor(lost: (lease: LostLease) => void) {
    this.#finalizers = new FinalizationRegistry((watch) => {
      const { engine, id } = watch;
      // The finalizer of a lease that has ended since, while it was on its way here.
      if (this.#watched.get(engine) !== watch) return;
      const holder = this.#holders.get(engine);
      this.#watched.delete(engine);
      this.#holders.delete(engine);
      lost({ id, engine, holder });
    });
  }

  /** @param stack where it was asked for, if that was taken down */
  add(lease: Lease, stack: string | undefined): void {
    this.#young.push(lease);
    this.#youngOut += 1;
    if (!this.#settles) {
      this.#settles = true;
      turn.onceOver(this.#settle);
    }
    if (stack === undefined) return;
    const engine = engineOf(lease);
    this.#holders.set(engine, { format: engine.kind.format, stack, since: clock.now() });
  }

  /** To be called when a lease has ended. */
  remove(engine: Engine): void {
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

  /** The leases that are live now. */
  list(): Lease[] {
    const leases = this.#young.filter((lease) => !lease.released);
    for (const watch of this.#watched.values()) {
      const lease = watch.lease.deref();
      if (lease !== undefined) leases.push(lease);
    }
    return leases;
  }

  /** Those of known origin that are out the longest, first of all the oldest. */
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

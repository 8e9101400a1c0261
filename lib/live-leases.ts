/**
 * The leases that are out: to reach their owners when the pool is destroyed, and to notice the ones whose
 * owner was collected without giving back. A weak reference and a finalizer cost more than inflating a
 * small message does, and most leases are over within the turn of the event loop that saw them begin. So
 * a lease is held strongly for its first turn and only what outlives it is watched, weakly from then on.
 */
import type { Engine } from './engine.ts';
import { engineOf, type Lease } from './lease.ts';
import { turn } from './turn.ts';

interface Watch {
  readonly lease: WeakRef<Lease>;
  /** Held here to be closed once the lease is gone. It must never lead back to the lease or its owner. */
  readonly engine: Engine;
}

export class LiveLeases {
  #young: Lease[] = [];
  readonly #watched = new Map<Engine, Watch>();
  readonly #finalizers: FinalizationRegistry<Watch>;

  /** @param lost called with the engine of each lease that was collected while it was live */
  constructor(lost: (engine: Engine) => void) {
    this.#finalizers = new FinalizationRegistry((watch) => {
      if (this.#watched.get(watch.engine) !== watch) return;
      this.#watched.delete(watch.engine);
      lost(watch.engine);
    });
  }

  add(lease: Lease): void {
    if (this.#young.push(lease) === 1) turn.onceOver(() => this.#settle());
  }

  /** To be called when a lease has ended. */
  remove(engine: Engine): void {
    const watch = this.#watched.get(engine);
    if (watch === undefined) return;
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

  #settle(): void {
    const aged = this.#young;
    this.#young = [];
    for (const lease of aged) {
      if (lease.released) continue;
      const watch: Watch = { lease: new WeakRef(lease), engine: engineOf(lease) };
      this.#watched.set(watch.engine, watch);
      this.#finalizers.register(lease, watch, watch);
    }
  }
}

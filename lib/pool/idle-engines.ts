/**
 * Idle engines, one stack for each kind. The last engine in is the first out, so unused engines
 * stay at the bottom. A sweep evicts the engines that no lease took since the sweep before. This
 * needs no timestamp for each engine. An engine is evicted one to two intervals after its last use.
 */

import type { EngineKind } from '../engine/codec.ts';
import type { Engine } from '../engine/contract.ts';
import { clock } from '../schedule/clock.ts';
import { outsideOfContexts } from '../schedule/context.ts';

interface Shelf {
  engines: Engine[];
  /** Fewest engines on this shelf since the last sweep. As many at the bottom were not used. */
  fewest: number;
}

export class IdleEngines {
  readonly #limit: number;
  readonly #intervalMs: number;
  readonly #evict: (engine: Engine) => void;
  readonly #shelves = new Map<EngineKind, Shelf>();
  #length = 0;
  #sweeper: NodeJS.Timeout | undefined;

  /**
   * @param limit - most engines that are kept, of all kinds together
   * @param intervalMs - milliseconds between two sweeps. 0: no sweeps
   * @param evict - closes an engine that a sweep or `evictAll()` has removed
   */
  constructor(limit: number, intervalMs: number, evict: (engine: Engine) => void) {
    this.#limit = limit;
    this.#intervalMs = intervalMs;
    this.#evict = evict;
  }

  get length(): number {
    return this.#length;
  }

  take(kind: EngineKind): Engine | undefined {
    const shelf = this.#shelves.get(kind);
    const engine = shelf?.engines.pop();
    if (shelf === undefined || engine === undefined) return undefined;
    this.#length -= 1;
    shelf.fewest = Math.min(shelf.fewest, shelf.engines.length);
    return engine;
  }

  /** Returns false if the limit is reached. The engine then stays the caller's. */
  put(engine: Engine): boolean {
    if (this.#length >= this.#limit) return false;
    const shelf = this.#shelves.get(engine.kind);
    if (shelf === undefined) this.#shelves.set(engine.kind, { engines: [engine], fewest: 0 });
    else shelf.engines.push(engine);
    this.#length += 1;
    if (this.#sweeper === undefined && this.#intervalMs > 0) {
      this.#sweeper = outsideOfContexts(() => clock.setTimeout(() => this.#sweep(), this.#intervalMs)).unref();
    }
    return true;
  }

  evictAll(): void {
    clock.clearTimeout(this.#sweeper);
    this.#sweeper = undefined;
    for (const shelf of this.#shelves.values()) this.#evictFrom(shelf, shelf.engines.length);
    this.#shelves.clear();
  }

  #sweep(): void {
    this.#sweeper = undefined;
    for (const shelf of this.#shelves.values()) {
      this.#evictFrom(shelf, shelf.fewest);
      shelf.fewest = shelf.engines.length;
    }
    if (this.#length > 0) {
      this.#sweeper = outsideOfContexts(() => clock.setTimeout(() => this.#sweep(), this.#intervalMs)).unref();
    }
  }

  #evictFrom(shelf: Shelf, count: number): void {
    this.#length -= count;
    for (const engine of shelf.engines.splice(0, count)) this.#evict(engine);
  }
}

/**
 * The engines that wait for their next lease, apart by kind. Last in, first out, so that the engines
 * at the bottom are the ones nobody needs: those that stayed untouched from one sweep to the next are
 * closed. That takes no clock on the way in or out, and closes an engine after one to two intervals.
 */

import type { EngineKind } from '../engine/codec.ts';
import type { Engine } from '../engine/contract.ts';
import { clock } from '../schedule/clock.ts';
import { outsideOfContexts } from '../schedule/context.ts';

interface Shelf {
  engines: Engine[];
  /** The fewest engines on this shelf since the last sweep: so many at the bottom were not needed. */
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
   * @param limit how many engines are kept, of all kinds together
   * @param intervalMs milliseconds between two sweeps; 0 for never
   * @param evict called with each engine that is closed because nobody needed it
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
    if (shelf.engines.length < shelf.fewest) shelf.fewest = shelf.engines.length;
    return engine;
  }

  /** False where there is no room: the engine stays the caller's. */
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

/**
 * Idle engines, one stack for each kind. The last engine in is the first out, so unused engines
 * stay at the bottom. A sweep evicts the engines that no lease took since the sweep before. This
 * needs no timestamp for each engine. An engine is evicted one to two intervals after its last use.
 */

import type { Engine } from '../engine/contract.ts';
import type { EngineKind } from '../engine/kind.ts';
import { clock } from '../schedule/clock.ts';
import { outsideOfContexts } from '../schedule/context.ts';

/** Most shelves before the empty ones are removed. A program may use any number of kinds. */
const MOST_SHELVES = 256;

interface Shelf {
  engines: Engine[];
  /** Fewest engines on this shelf since the last sweep. As many at the bottom were not used. */
  fewest: number;
}

export class IdleEngines {
  readonly #limit: number;
  readonly #byteLimit: number;
  readonly #intervalMs: number;
  readonly #evict: (engine: Engine) => void;
  readonly #shelves = new Map<EngineKind, Shelf>();
  #length = 0;
  /** Memory of all idle engines, in bytes, as estimated by their kinds. */
  #byteLength = 0;
  #sweeper: NodeJS.Timeout | undefined;

  /**
   * @param limit - most engines that are kept, of all kinds together
   * @param byteLimit - most memory of these engines, in bytes
   * @param intervalMs - milliseconds between two sweeps. 0: no sweeps
   * @param evict - closes an engine that a sweep or `evictAll()` has removed
   */
  constructor(limit: number, byteLimit: number, intervalMs: number, evict: (engine: Engine) => void) {
    this.#limit = limit;
    this.#byteLimit = byteLimit;
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
    this.#byteLength -= kind.idleLength;
    shelf.fewest = Math.min(shelf.fewest, shelf.engines.length);
    return engine;
  }

  /** Returns whether the limits leave room for one more engine. */
  hasRoomFor({ idleLength }: EngineKind): boolean {
    return this.#length < this.#limit && this.#byteLength + idleLength <= this.#byteLimit;
  }

  /** Keeps an engine. There must be room for it. */
  put(engine: Engine): void {
    // First: a call that throws near the end of the stack may not leave the engine here.
    if (this.#sweeper === undefined && this.#intervalMs > 0) {
      this.#sweeper = outsideOfContexts(() => clock.setTimeout(() => this.#sweep(), this.#intervalMs)).unref();
    }
    const shelf = this.#shelves.get(engine.kind);
    if (shelf === undefined) this.#add(engine);
    else shelf.engines.push(engine);
    this.#length += 1;
    this.#byteLength += engine.kind.idleLength;
  }

  /** Adds a shelf. */
  #add(engine: Engine): void {
    if (this.#shelves.size >= MOST_SHELVES) {
      for (const [kind, { engines }] of this.#shelves) if (engines.length === 0) this.#shelves.delete(kind);
    }
    this.#shelves.set(engine.kind, { engines: [engine], fewest: 0 });
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
    for (const engine of shelf.engines.splice(0, count)) {
      this.#byteLength -= engine.kind.idleLength;
      this.#evict(engine);
    }
  }
}

/**
 * Those who wait for an engine, first come first served. Whoever gives up leaves at once, from wherever it stands. All
 * wait equally long, so the first is the first to be late: one timer for all.
 */
import { outsideOfContexts } from './context.ts';

/** What a waiter is told, exactly one of the two and once, unless it leaves before. Neither may throw. */
export interface Waiter {
  /** Its turn has come. */
  admit(waitedMs: number): void;
  /** It waited too long, or the pool was closed. */
  refuse(error: Error): void;
}

interface Place {
  readonly waiter: Waiter;
  readonly since: number;
}

export class WaitQueue {
  readonly #timeoutMs: number;
  readonly #late: (waitedMs: number) => Error;
  /** In the order of arrival; any of them can be taken out at once. */
  readonly #places = new Set<Place>();
  #timer: NodeJS.Timeout | undefined;

  /**
   * @param timeoutMs how long one may wait; 0 for ever
   * @param late makes the error for one that has waited for so long; it is asked while that one still stands in the queue
   */
  constructor(timeoutMs: number, late: (waitedMs: number) => Error) {
    this.#timeoutMs = timeoutMs;
    this.#late = late;
  }

  get length(): number {
    return this.#places.size;
  }

  /** @returns takes the waiter out again; does nothing once it was told something */
  join(waiter: Waiter): () => void {
    const place: Place = { waiter, since: performance.now() };
    this.#places.add(place);
    if (this.#timer === undefined) this.#watch(this.#timeoutMs);
    return () => this.#leave(place);
  }

  /** Lets the first one in. */
  admit(): void {
    const [first] = this.#places;
    if (first === undefined) return;
    this.#leave(first);
    first.waiter.admit(performance.now() - first.since);
  }

  refuseAll(error: Error): void {
    for (const place of [...this.#places]) {
      this.#leave(place);
      place.waiter.refuse(error);
    }
  }

  #leave(place: Place): void {
    this.#places.delete(place);
    if (this.#places.size > 0) return;
    clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The timer keeps the process alive: somebody waits for what it has to say. */
  #watch(delayMs: number): void {
    if (this.#timeoutMs > 0) {
      clearTimeout(this.#timer);
      this.#timer = outsideOfContexts(() => setTimeout(() => this.#expire(), delayMs));
    }
  }

  #expire(): void {
    this.#timer = undefined;
    const now = performance.now();
    for (const place of this.#places) {
      const waitedMs = now - place.since;
      // A timer counts in whole milliseconds, and may come a fraction early.
      if (waitedMs + 1 < this.#timeoutMs) {
        this.#watch(this.#timeoutMs - waitedMs);
        return;
      }
      const error = this.#late(waitedMs);
      this.#leave(place);
      place.waiter.refuse(error);
    }
  }
}

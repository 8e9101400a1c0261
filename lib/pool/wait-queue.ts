/**
 * Those who wait for an engine, first come first served. Whoever gives up leaves at once, from wherever it stands. All
 * wait equally long, so the first is the first to be late: one timer for all.
 */
import { clock } from '../schedule/clock.ts';
import { outsideOfContexts, throwLater } from '../schedule/context.ts';

/**
 * What a waiter is told, exactly one of the two and once, unless it leaves before. It has left the queue by then. What it
 * throws is thrown again in a tick of its own.
 */
export interface Waiter {
  /** Its turn has come. */
  admit(waitedMs: number): void;
  /** It waited too long, or the pool was closed. */
  refuse(error: Error): void;
}

/** One place in the queue: a linked list, so that the first and any other is taken out in the same time. */
interface Place {
  readonly waiter: Waiter;
  readonly since: number;
  /** Counts the places of a queue. */
  readonly number: number;
  previous: Place | undefined;
  next: Place | undefined;
  hasLeft: boolean;
}

export class WaitQueue {
  readonly #timeoutMs: number;
  readonly #late: (waitedMs: number) => Error;
  #first: Place | undefined;
  #last: Place | undefined;
  #length = 0;
  #joined = 0;
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
    return this.#length;
  }

  /** @returns takes the waiter out again; does nothing once it was told something */
  join(waiter: Waiter): () => void {
    this.#joined += 1;
    const place: Place = {
      waiter,
      since: clock.now(),
      number: this.#joined,
      previous: this.#last,
      next: undefined,
      hasLeft: false,
    };
    if (this.#last === undefined) this.#first = place;
    else this.#last.next = place;
    this.#last = place;
    this.#length += 1;
    if (this.#timer === undefined) this.#watch(this.#timeoutMs);
    return () => this.#leave(place);
  }

  /** Lets the first one in. */
  admit(): void {
    const first = this.#first;
    if (first === undefined) return;
    this.#leave(first);
    try {
      first.waiter.admit(clock.now() - first.since);
    } catch (error) {
      throwLater(error);
    }
  }

  /** Refuses those that wait now, not those that join meanwhile. */
  refuseAll(error: Error): void {
    const last = this.#joined;
    while (this.#first !== undefined && this.#first.number <= last) this.#refuse(this.#first, error);
  }

  #refuse(place: Place, error: Error): void {
    this.#leave(place);
    try {
      place.waiter.refuse(error);
    } catch (thrown) {
      throwLater(thrown);
    }
  }

  #leave(place: Place): void {
    if (place.hasLeft) return;
    place.hasLeft = true;
    const { previous, next } = place;
    if (previous === undefined) this.#first = next;
    else previous.next = next;
    if (next === undefined) this.#last = previous;
    else next.previous = previous;
    // Whoever keeps the way out of the queue must not keep the others.
    place.previous = undefined;
    place.next = undefined;
    this.#length -= 1;
    if (this.#length > 0) return;
    clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** The timer keeps the process alive: somebody waits for what it has to say. */
  #watch(delayMs: number): void {
    if (this.#timeoutMs > 0) {
      clock.clearTimeout(this.#timer);
      this.#timer = outsideOfContexts(() => clock.setTimeout(() => this.#expire(), delayMs));
    }
  }

  #expire(): void {
    this.#timer = undefined;
    const now = clock.now();
    for (let first = this.#first; first !== undefined; first = this.#first) {
      const waitedMs = now - first.since;
      // A timer counts in whole milliseconds, and may come a fraction early.
      if (waitedMs + 1 < this.#timeoutMs) {
        this.#watch(this.#timeoutMs - waitedMs);
        return;
      }
      this.#refuse(first, this.#late(waitedMs));
    }
  }
}

/**
 * Queue of the requests that wait for an engine, first in, first out. A request can leave at any
 * time, from any place. All requests have the same timeout. The first one expires first, so one
 * timer is enough for all.
 */
import { clock } from '../schedule/clock.ts';
import { outsideOfContexts, throwLater } from '../schedule/context.ts';

/**
 * A request in the queue. The queue calls one of the two methods, once, after the request has left
 * the queue. It calls neither if the request has left by itself. An exception is rethrown in a
 * later tick.
 */
export interface Waiter {
  /** Admits the request: an engine is free. */
  admit(waitedMs: number): void;
  /** Refuses the request, after the timeout or because the pool was closed. */
  refuse(error: Error): void;
}

/** Place in the queue, in a linked list: removing any place takes the same time. */
interface Place {
  readonly waiter: Waiter;
  readonly since: number;
  /** Number of the place in its queue, from 1. */
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
   * @param timeoutMs - longest wait, in milliseconds. 0: unlimited
   * @param late - returns the error of a request that has waited too long. The request is still in
   * the queue during this call
   */
  constructor(timeoutMs: number, late: (waitedMs: number) => Error) {
    this.#timeoutMs = timeoutMs;
    this.#late = late;
  }

  get length(): number {
    return this.#length;
  }

  /**
   * Adds a request.
   * @returns a function that removes the request. It does nothing once the request has left the
   * queue
   */
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

  /** Admits the first request. */
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

  /** Refuses all requests in the queue. Requests that join during the call stay. */
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
    // A caller may keep the function that `join()` returned. It must not keep other requests alive.
    place.previous = undefined;
    place.next = undefined;
    this.#length -= 1;
    if (this.#length > 0) return;
    clock.clearTimeout(this.#timer);
    this.#timer = undefined;
  }

  /** Starts the timer. It keeps the process alive, so that a waiting request gets its error. */
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
      // A timer of Node counts whole milliseconds, and may fire a fraction early.
      if (waitedMs + 1 < this.#timeoutMs) {
        this.#watch(this.#timeoutMs - waitedMs);
        return;
      }
      this.#refuse(first, this.#late(waitedMs));
    }
  }
}

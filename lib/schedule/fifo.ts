/**
 * A queue, first in, first out. Each step takes the same time on average, whatever the length of
 * the queue. The queue does not reference an item that was taken. A Set would take longer with each
 * item that is deleted from its start.
 */

/** Number of taken slots that the array keeps, unless they outnumber the items. */
const MOST_TAKEN = 1_024;

export class Fifo<T> {
  #items: Array<T | undefined> = [];
  /** Index of the first item. */
  #first = 0;

  get length(): number {
    return this.#items.length - this.#first;
  }

  get first(): T | undefined {
    return this.#items[this.#first];
  }

  push(item: T): void {
    this.#items.push(item);
  }

  /** Removes and returns the first item. */
  shift(): T | undefined {
    const item = this.#items[this.#first];
    if (this.#first === this.#items.length) return undefined;
    this.#items[this.#first] = undefined;
    this.#first += 1;
    if (this.#first === this.#items.length) {
      this.#items = [];
      this.#first = 0;
    } else if (this.#first >= MOST_TAKEN && 2 * this.#first >= this.#items.length) {
      this.#items = this.#items.slice(this.#first);
      this.#first = 0;
    }
    return item;
  }
}

/**
 * A queue, first in, first out. Each step takes the same time on average, however long the queue is, and an item that was
 * taken is no longer referenced. (A Set that is emptied from its start takes longer with each item.)
 */

/** Taken items are left in the array up to this number, and as long as they are fewer than the others. */
const MOST_TAKEN = 1_024;

export class Fifo<T> {
  #items: Array<T | undefined> = [];
  /** Where the first item is. */
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

  /** Takes the first item. */
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

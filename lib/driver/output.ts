/**
 * The output memory of writes in the threadpool. A slab that is full is handed out whole and forgotten. Any other output is
 * copied to its exact length, so that no small chunk pins big memory (promise P6).
 */
import { allocate, copyOf, EXACT_FROM } from '../engine/memory.ts';
import { turn } from '../schedule/turn.ts';

/** In bytes. A slab's length doubles with each that is filled and read at once, from the first to the last. */
export const FIRST_LENGTH = 65_536;
export const LAST_LENGTH = 262_144;

/**
 * Slabs that were never handed out, for the next write in the threadpool: most messages fill less than one, and 64 KB
 * a message would wait for the garbage collector by the thousand. At most 1 MB a thread.
 */
const MAX_SPARES = 16;
const spares: Buffer[] = [];

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Output up to this length is made in one piece if it is known beforehand: one way to the threadpool, and nothing to
 * put together. In bytes. Only for a reader that takes all it is given: in one that stops, all of it would wait.
 */
const EXACT_TO = 1_048_576;

/** The most bytes of output that a byte of input makes plausible. A length hint beyond it reserves no memory. */
export const EXACT_RATIO = 16;

/** The output memory of one stream's or message's writes in the threadpool. */
export class Output {
  /** How much of the memory the write under way may fill. */
  room = 0;
  /** How long the next slab wants to be. */
  #nextLength = FIRST_LENGTH;
  #memory: Buffer = NOTHING;
  /** The turn of the event loop in which the reader was last full. */
  #fullIn = 0;
  /** Whether the reader takes all that it is given. */
  #keepsUp: boolean;

  /** @param keepsUp whether output is kept anyway, as that of a message is; a reader has to show it first */
  constructor(keepsUp = false) {
    this.#keepsUp = keepsUp;
  }

  /**
   * Memory for a write, of `room` bytes at least.
   * @param expected how much output there seems to be; 0 where nobody knows
   * @param most no more than this is wanted
   * @param inputLength how much input it is made of
   */
  forOutput(expected: number, most: number, inputLength: number): Buffer {
    const keepsUp = this.#keepsUp;
    const exactTo = keepsUp ? Math.max(LAST_LENGTH, Math.min(EXACT_TO, EXACT_RATIO * inputLength)) : FIRST_LENGTH;
    if (expected >= EXACT_FROM && expected <= exactTo) return this.exactly(Math.min(expected + 1, most));
    // No need to begin small.
    if (expected > exactTo && keepsUp) this.#nextLength = LAST_LENGTH;
    return this.ofLength(Math.min(this.#nextLength, most));
  }

  /** Memory for output of which all but the last byte is expected: an engine that has room left needs not be asked again. */
  exactly(length: number): Buffer {
    this.room = length;
    if (this.#memory.length < length) this.#memory = allocate(length);
    return this.#memory;
  }

  ofLength(length: number): Buffer {
    this.room = length;
    if (this.#memory.length < length) {
      this.#memory = (length <= FIRST_LENGTH && spares.pop()) || allocate(length);
    }
    return this.#memory;
  }

  /**
   * The first `length` bytes, to hand out.
   * @param isFirst as `copyOf` takes it
   */
  take(length: number, isFirst: boolean): Buffer {
    const memory = this.#memory;
    if (length < memory.length - 1) return copyOf(memory, length, isFirst);
    this.#memory = NOTHING;
    if (length < memory.length) return memory.subarray(0, length);
    if (this.#keepsUp) this.#grow();
    return memory;
  }

  /** All that was handed out so far is read. */
  readerKeepsUp(): void {
    if (this.#keepsUp) return;
    this.#keepsUp = true;
    this.#grow();
  }

  readerIsFull(): void {
    this.#keepsUp = false;
    this.#fullIn = turn.number;
    turn.watch();
  }

  /** One that comes back in a later turn is slow, and gains nothing by big slabs: they only pile up as garbage. */
  readerIsBack(): void {
    if (turn.number === this.#fullIn) this.#grow();
    else this.#nextLength = FIRST_LENGTH;
  }

  #grow(): void {
    this.#nextLength = Math.min(2 * this.#nextLength, LAST_LENGTH);
  }

  /** Between messages a stream holds no memory, except for a long chunk that it was asked for. No write may be in flight. */
  drop(): void {
    if (this.#memory.length === FIRST_LENGTH && spares.length < MAX_SPARES) spares.push(this.#memory);
    this.#memory = NOTHING;
  }
}

/**
 * The output memory of writes in the threadpool. A full slab is handed out whole, and never written
 * again. Any other output is copied to its exact length, so that a small chunk never keeps a large
 * buffer alive (promise P6).
 */
import { allocate, copyOf, EXACT_FROM } from '../engine/memory.ts';
import { turn } from '../schedule/turn.ts';

/**
 * Lengths of a slab, in bytes. The length doubles with each slab that is filled and read at once.
 */
export const FIRST_LENGTH = 65_536;
export const LAST_LENGTH = 262_144;

/**
 * Slabs that were never handed out, for the next write in the threadpool. Most messages fill less
 * than one slab, and thousands of slabs would wait for the garbage collector. At most 1 MB a
 * thread.
 */
const MAX_SPARES = 16;
const spares: Buffer[] = [];

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Most output of known length that is made in one piece, in bytes. It takes one native call. It is
 * for readers that keep up: with any other reader all of it would wait.
 */
const EXACT_TO = 1_048_576;

/** Most bytes of output for a byte of input that a length hint may reserve memory for. */
export const EXACT_RATIO = 16;

/** The output memory of one stream's or message's writes in the threadpool. */
export class Output {
  /** Length that the write in flight may fill, in bytes. */
  room = 0;
  /** Length of the next slab, in bytes. */
  #nextLength = FIRST_LENGTH;
  #memory: Buffer = NOTHING;
  /** Number of the turn in which the reader was full the last time. */
  #fullIn = 0;
  /** Whether the reader takes all output at once. */
  #keepsUp: boolean;

  /** @param keepsUp - whether the owner takes all output at once */
  constructor(keepsUp = false) {
    this.#keepsUp = keepsUp;
  }

  /**
   * Returns memory for a write, of `room` bytes at least.
   * @param expected - bytes of output that are expected. 0: unknown
   * @param most - most bytes that the owner wants
   * @param inputLength - length of the input, in bytes
   */
  forOutput(expected: number, most: number, inputLength: number): Buffer {
    const keepsUp = this.#keepsUp;
    const exactTo = keepsUp ? Math.max(LAST_LENGTH, Math.min(EXACT_TO, EXACT_RATIO * inputLength)) : FIRST_LENGTH;
    if (expected >= EXACT_FROM && expected <= exactTo) return this.exactly(Math.min(expected + 1, most));
    // The output is known to be long.
    if (expected > exactTo && keepsUp) this.#nextLength = LAST_LENGTH;
    return this.ofLength(Math.min(this.#nextLength, most));
  }

  /** Returns memory for all expected output and a byte: an engine with room left is at its end. */
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
   * Returns the first `length` bytes, to hand out.
   * @param isFirst - as for `copyOf()`
   */
  take(length: number, isFirst: boolean): Buffer {
    const memory = this.#memory;
    if (length < memory.length - 1) return copyOf(memory, length, isFirst);
    this.#memory = NOTHING;
    if (length < memory.length) return memory.subarray(0, length);
    if (this.#keepsUp) this.#grow();
    return memory;
  }

  /** Is called when all output so far was read. */
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

  /**
   * Is called when a full reader reads on. A reader of a later turn is slow, and gains nothing by
   * large slabs.
   */
  readerIsBack(): void {
    if (turn.number === this.#fullIn) this.#grow();
    else this.#nextLength = FIRST_LENGTH;
  }

  #grow(): void {
    this.#nextLength = Math.min(2 * this.#nextLength, LAST_LENGTH);
  }

  /** Gives the memory up between messages. No write may be in flight. */
  drop(): void {
    if (this.#memory.length === FIRST_LENGTH && spares.length < MAX_SPARES) spares.push(this.#memory);
    this.#memory = NOTHING;
  }
}

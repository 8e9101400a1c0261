/**
 * The memory that output is made in. What is handed out is never written again (promise P6): a slab that is full is
 * handed out whole and forgotten, anything else is copied to its exact length, so that no small chunk pins big memory.
 */
import { limitError } from './errors.ts';
import { turn } from './turn.ts';

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

/** Output from this length on gets memory of its own at once. What is shorter is copied: so small a piece of memory costs more. Bytes. */
const EXACT_FROM = 4_096;

/**
 * Output up to this length is made in one piece if it is known beforehand: one way to the threadpool, and nothing to
 * put together. In bytes. Only for a reader that takes all it is given: in one that stops, all of it would wait.
 */
const EXACT_TO = 1_048_576;

/** The most bytes of output that a byte of input makes plausible. A length hint beyond it reserves no memory. */
export const EXACT_RATIO = 16;

/** @throws `ERR_BUFFER_TOO_LARGE` where there is no memory for it */
function allocate(length: number): Buffer {
  try {
    return Buffer.allocUnsafeSlow(length);
  } catch (error) {
    throw limitError('ERR_BUFFER_TOO_LARGE', `Cannot create a Buffer of ${length} bytes`, { cause: error });
  }
}

/** The output memory of one stream's or message's writes in the threadpool. */
export class Slab {
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

/**
 * The first `length` bytes in memory of their own, to hand out. Only a small one that may well be the only one is put into Node's Buffer
 * pool: a chunk keeps 64 KB of that alive (Node 24 on), and streams side by side would keep hundreds of megabytes.
 * @param isFirst whether it is the first chunk of its stream or message
 */
function copyOf(memory: Buffer, length: number, isFirst: boolean): Buffer {
  const chunk = isFirst && length < EXACT_FROM ? Buffer.allocUnsafe(length) : allocate(length);
  memory.copy(chunk, 0, 0, length);
  return chunk;
}

/** One for the thread: it is filled and copied from between two statements, never held. */
let scratch: Buffer = NOTHING;

/**
 * Memory for a write of `room` bytes at most on the main thread, to be handed out by `handOut`: scratch memory, or its own where it
 * seems to become full but for the last byte.
 * @param expected how much output there seems to be; 0 where nobody knows
 */
export function memoryFor(room: number, expected: number): Buffer {
  if (expected >= EXACT_FROM && expected === room - 1) return allocate(room);
  if (scratch.length < room) scratch = allocate(room);
  return scratch;
}

/**
 * The first `length` bytes of what `memoryFor` gave.
 * @param isFirst as `copyOf` takes it
 */
export function handOut(memory: Buffer, length: number, isFirst: boolean): Buffer {
  if (memory === scratch || length < memory.length - 1) return copyOf(memory, length, isFirst);
  return memory.subarray(0, length);
}

/** Some code that calls `_processChunk()` of a stream replaces it for that moment. */
const { concat } = Buffer;

/**
 * All pieces of an output, of `length` bytes together.
 * @throws `ERR_BUFFER_TOO_LARGE` where there is no memory for it in one piece
 */
export function inOnePiece(pieces: readonly Uint8Array[], length: number): Buffer {
  try {
    return concat(pieces, length);
  } catch (error) {
    throw limitError('ERR_BUFFER_TOO_LARGE', `Cannot create a Buffer of ${length} bytes`, { cause: error });
  }
}

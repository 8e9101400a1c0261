/**
 * One input on its way through an engine: the cursor in it, the totals since the start or the last reset, and the limits on
 * them. It calls no engine.
 */
import { constants as bufferConstants } from 'node:buffer';
import { constants } from '../engine/builtin-zlib.ts';
import { type EngineKind, sizeHint } from '../engine/codec.ts';
import { type Engine, MAX_WRITE_LENGTH } from '../engine/contract.ts';
import { type Limits, outputLimit, overLimit } from '../pool/options.ts';
import { EXACT_RATIO, LAST_LENGTH } from './output.ts';

const { Z_DEFAULT_CHUNK, Z_DEFAULT_WINDOWBITS } = constants;
export const NOTHING: Buffer = Buffer.alloc(0);

/** Output of a whole message that is made in one piece where no hint tells its length. Bytes. */
export const WHOLE_LENGTH = 65_536;

/** Of `expected`. */
export const UNKNOWN = -1;

/** A piece of output whose length hint is implausible is at most so many times as long as all output before it. */
const GROWTH = 4;

export class Transfer {
  input: Buffer = NOTHING;
  offset = 0;
  /** Bytes of `input` that are left. */
  left = 0;
  /** Bytes that the main thread has made of `input`. */
  inlineLength = 0;
  /** Bytes consumed, and bytes made of them, since the start or the last reset. */
  inputLength = 0;
  outputLength = 0;
  /** Bytes that are filled of node:zlib's current chunk of output. */
  chunkFilled = 0;
  readonly limits: Required<Limits>;
  /** Length of node:zlib's chunks of output. */
  readonly #chunkLength: number;
  /** Whether the owner asked for that length. */
  readonly #isCut: boolean;
  /** The most bytes of output, by all limits that can be told beforehand. */
  #mostLength: number;
  /** The totals at the last explicit flush, from which on the limits count. */
  #flushedInput = 0;
  #flushedOutput = 0;

  constructor(limits: Required<Limits>, chunkLength: number) {
    this.limits = limits;
    this.#mostLength = limits.maxOutputLength;
    this.#chunkLength = chunkLength || Z_DEFAULT_CHUNK;
    this.#isCut = chunkLength !== 0;
  }

  /** @param isAll - whether the input is all of a message, whose length limits the output too */
  protected take(input: Buffer, isAll: boolean): void {
    this.input = input;
    this.offset = 0;
    this.left = input.byteLength;
    this.inlineLength = 0;
    if (isAll) this.#mostLength = Math.min(outputLimit(this.limits, input.length), bufferConstants.MAX_LENGTH);
  }

  /** Forgets the input, so that no memory is kept for it. */
  protected drop(): void {
    this.input = NOTHING;
  }

  /** Counts a write that had `room` bytes for its output, and returns the bytes that it made. */
  count({ availIn, availOut }: Engine, room: number): number {
    const used = this.left - availIn;
    const made = room - availOut;
    this.offset += used;
    this.left = availIn;
    this.inputLength += used;
    this.outputLength += made;
    this.chunkFilled = (this.chunkFilled + made) % this.#chunkLength;
    return made;
  }

  /** Begins to count anew, after a reset of the engine. */
  restart(): void {
    this.inputLength = 0;
    this.outputLength = 0;
    this.flushed();
  }

  /** Has the limits count from here on. */
  flushed(): void {
    this.#flushedInput = this.inputLength;
    this.#flushedOutput = this.outputLength;
  }

  /** The error of a limit that the totals exceed. */
  get excess(): Error | undefined {
    const length = this.outputLength - this.#flushedOutput;
    return overLimit(this.limits, this.inputLength - this.#flushedInput, length);
  }

  /** Room for a write: at most one byte over the limit, so that a bomb is stopped before it is inflated. */
  limited(room: number): number {
    return Math.min(room, this.#mostLength - (this.outputLength - this.#flushedOutput) + 1);
  }

  /** Bytes that node:zlib would have left of its current chunk of output. */
  get chunkRoom(): number {
    return this.#chunkLength - this.chunkFilled;
  }

  /**
   * Bytes of output that are still to come of a message that came in one chunk, by its length hint, which comes from the
   * sender. -1: unknown.
   */
  expected(kind: EngineKind): number {
    if (this.inputLength !== this.offset) return UNKNOWN;
    const hint = sizeHint(kind, this.input);
    return hint === 0 ? UNKNOWN : Math.max(0, hint - this.outputLength);
  }

  /**
   * Room for a write that makes all output that is expected of a whole message, if so much input makes it plausible. Otherwise
   * for a few times the output so far. Memory is reserved in proportion to the bytes that have come in or gone out.
   */
  expectedRoom(expected: number): number {
    const isPlausible = this.outputLength + expected <= EXACT_RATIO * this.input.length;
    const most = isPlausible ? MAX_WRITE_LENGTH - 1 : Math.max(LAST_LENGTH, GROWTH * this.outputLength);
    return this.limited(Math.min(expected, most) + 1);
  }

  /**
   * Room for output that the main thread may make of the rest of the input. 0: a write of that length has to be the threadpool's.
   * @param budget - bytes that the main thread may still make of this input
   * @param isTry - whether the engine is given a whole message at once
   * @param keepsAll - see `Owner`
   */
  protected inlineRoom(kind: EngineKind, expected: number, budget: number, isTry: boolean, keepsAll: boolean): number {
    // A byte more than there seems to be: an engine without room does not get to the trailer.
    const room = expected === UNKNOWN ? Math.max(0, budget) : budget + 1;
    if (keepsAll && !this.#isCut) {
      return this.limited(this.aligned(kind, Math.min(expected > 0 ? expected + 1 : room, WHOLE_LENGTH + 1)));
    }
    const { chunkRoom } = this;
    // A chunkSize is kept to the byte. So are the chunks of Zstandard: see endsWithChunk().
    if (room < chunkRoom && (this.#isCut || kind.format === 'zstd')) return 0;
    // With a smaller window, zlib finds that data reaches back too far by the place where the output is cut.
    const inOnePiece = isTry && !this.#isCut && kind.options.windowBits === Z_DEFAULT_WINDOWBITS;
    const wholeRoom = expected === UNKNOWN || expected >= WHOLE_LENGTH ? WHOLE_LENGTH : expected + 1;
    return this.limited(Math.min(room, inOnePiece ? wholeRoom : chunkRoom));
  }

  /** Room for a write of Zstandard, which has to end with a chunk of node:zlib's output: see `endsWithChunk()`. 0 if there is less room. */
  protected aligned({ format }: EngineKind, room: number): number {
    if (format !== 'zstd') return room;
    return Math.max(0, room - ((this.chunkFilled + room) % Z_DEFAULT_CHUNK));
  }
}

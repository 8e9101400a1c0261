/**
 * The input of a driver: the cursor in it, the totals since the start or the last reset, and the
 * limits on them. It calls no engine.
 */
import { constants as bufferConstants } from 'node:buffer';
import { constants } from '../engine/builtin-zlib.ts';
import { type Engine, MAX_WRITE_LENGTH } from '../engine/contract.ts';
import { type EngineKind, sizeHint } from '../engine/kind.ts';
import { type Limits, outputLimit, overLimit } from '../pool/options.ts';
import { EXACT_RATIO, LAST_LENGTH } from './output.ts';

const { Z_DEFAULT_CHUNK, Z_DEFAULT_WINDOWBITS } = constants;
export const NOTHING: Buffer = Buffer.alloc(0);

/** Output of a whole message that is made in one piece without a length hint, in bytes. */
export const WHOLE_LENGTH = 65_536;

/** Factor of expansion that most data does not reach. */
export const USUAL_RATIO = 16;

/** Value of `expected()` for an unknown length. */
export const UNKNOWN = -1;

/** Most growth of the output by one piece with an implausible length hint, as a factor. */
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
  /** Bytes of input that an encoder may have kept back for a later flush. */
  unflushedLength = 0;
  /** Filled bytes of node:zlib's current chunk of output. */
  chunkFilled = 0;
  readonly limits: Required<Limits>;
  /** Length of node:zlib's chunks of output. */
  readonly #chunkLength: number;
  /** Whether the caller has set that length. */
  readonly #isCut: boolean;
  /** Most bytes of output by all limits that are known beforehand. */
  #mostLength: number;
  /** Totals at the last explicit flush. The limits count from there. */
  #flushedInput = 0;
  #flushedOutput = 0;

  constructor(limits: Required<Limits>, chunkLength: number) {
    this.limits = limits;
    this.#mostLength = limits.maxOutputLength;
    this.#chunkLength = chunkLength || Z_DEFAULT_CHUNK;
    this.#isCut = chunkLength !== 0;
  }

  /**
   * @param isAll - whether the input is all of a message, so that its length limits the output too
   */
  protected take(input: Buffer, isAll: boolean): void {
    this.input = input;
    this.offset = 0;
    this.left = input.byteLength;
    this.inlineLength = 0;
    if (isAll) this.#mostLength = Math.min(outputLimit(this.limits, input.length), bufferConstants.MAX_LENGTH);
  }

  /** Forgets the input, so that its memory can be collected. */
  protected drop(): void {
    this.input = NOTHING;
  }

  /** Counts a write with `room` bytes for its output. Returns the length of the output. */
  count({ kind, availIn, availOut }: Engine, flush: number, room: number): number {
    const used = this.left - availIn;
    const made = room - availOut;
    this.offset += used;
    this.left = availIn;
    this.inputLength += used;
    this.outputLength += made;
    if (kind.codec.compresses) this.unflushedLength = flush === 0 || availOut === 0 ? this.unflushedLength + used : 0;
    this.chunkFilled = (this.chunkFilled + made) % this.#chunkLength;
    return made;
  }

  /** Resets the totals, after a reset of the engine. */
  restart(): void {
    this.inputLength = 0;
    this.outputLength = 0;
    this.unflushedLength = 0;
    this.flushed();
  }

  /** Moves the start of the limits to the present totals. */
  flushed(): void {
    this.#flushedInput = this.inputLength;
    this.#flushedOutput = this.outputLength;
  }

  /** Error of a limit that the totals exceed. */
  get excess(): Error | undefined {
    const length = this.outputLength - this.#flushedOutput;
    return overLimit(this.limits, this.inputLength - this.#flushedInput, length);
  }

  /**
   * Returns `room`, cut to one byte over the limit, so that a bomb is stopped before it is
   * inflated.
   */
  limited(room: number): number {
    return Math.min(room, this.#mostLength - (this.outputLength - this.#flushedOutput) + 1);
  }

  /** Free bytes of node:zlib's current chunk of output. */
  get chunkRoom(): number {
    return this.#chunkLength - this.chunkFilled;
  }

  /**
   * Returns the bytes of output that are still to come of a message in one chunk, by its length
   * hint. The hint comes from the sender, and may be wrong. -1: unknown.
   */
  expected(kind: EngineKind): number {
    if (this.inputLength !== this.offset) return UNKNOWN;
    const hint = sizeHint(kind, this.input);
    return hint === 0 ? UNKNOWN : Math.max(0, hint - this.outputLength);
  }

  /**
   * Returns room for all output that is expected of a whole message, if the length of the input
   * makes it plausible. Otherwise it returns room for a few times the output so far. So memory is
   * reserved in proportion to the bytes that were received or made.
   */
  expectedRoom(expected: number): number {
    const isPlausible = this.outputLength + expected <= EXACT_RATIO * this.input.length;
    const most = isPlausible ? MAX_WRITE_LENGTH - 1 : Math.max(LAST_LENGTH, GROWTH * this.outputLength);
    return this.limited(Math.min(expected, most) + 1);
  }

  /**
   * Returns room up to the end of node:zlib's chunk of output. No limit makes it smaller if the
   * result may depend on the room: an encoder may make other output, and a decoder of Zstandard may
   * accept a frame that is shorter than its header states.
   */
  protected cutRoom({ codec, isCutSensitive }: EngineKind): number {
    return codec.compresses || isCutSensitive ? this.chunkRoom : this.limited(this.chunkRoom);
  }

  /** Returns room for the output of a write that can't leave the calling thread. */
  protected nowRoom(kind: EngineKind, expected: number): number {
    if (this.#isCut) return this.cutRoom(kind);
    return expected > 0 ? this.expectedRoom(expected) : this.limited(WHOLE_LENGTH + 1);
  }

  /**
   * Returns room for the output of a write on the main thread. 0: the write is for the threadpool.
   * @param budget - bytes that the main thread may still make of this input
   * @param isTry - whether the write is a whole message at once
   * @param keepsAll - see `Owner`
   */
  protected inlineRoom(kind: EngineKind, expected: number, budget: number, isTry: boolean, keepsAll: boolean): number {
    // A byte more than expected: an engine without room does not read the trailer.
    const room = expected === UNKNOWN ? Math.max(0, budget) : budget + 1;
    if (keepsAll && !this.#isCut) {
      return this.limited(Math.min(expected > 0 ? expected + 1 : room, WHOLE_LENGTH + 1));
    }
    const { chunkRoom } = this;
    // A chunkSize is kept to the byte.
    if (room < chunkRoom && this.#isCut) return 0;
    if (kind.isCutSensitive) return chunkRoom;
    // With a smaller window, zlib's decoder finds that data reaches back too far by the place where
    // the output is cut.
    const isFree = kind.codec.compresses || (!this.#isCut && kind.options.windowBits === Z_DEFAULT_WINDOWBITS);
    const inOnePiece = isTry && isFree;
    const wholeRoom = expected === UNKNOWN || expected >= WHOLE_LENGTH ? WHOLE_LENGTH : expected + 1;
    return this.limited(Math.min(room, inOnePiece ? wholeRoom : chunkRoom));
  }
}

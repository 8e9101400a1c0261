/**
 * One message on its way through an engine, whoever drives that: what is left of its input, what came out, and its limits.
 */
import { constants as bufferConstants } from 'node:buffer';
import { zlib } from '../engine/builtin-zlib.ts';
import { type EngineKind, type Format, formatTraits, kindFor, sizeHint } from '../engine/codec.ts';
import { type Engine, endsWithChunk, MAX_WRITE_LENGTH } from '../engine/contract.ts';
import { inOnePiece } from '../engine/memory.ts';
import { codedError, tooLarge } from '../errors.ts';
import { type Limits, limits, outputLimit, overLimit } from '../pool/options.ts';
import type { Pool } from '../pool/pool.ts';
import { type Bytes, bufferOf, shownType } from '../validate.ts';
import { EXACT_RATIO, LAST_LENGTH } from './slab.ts';

const syncNames: Readonly<Record<Format, string>> = {
  gzip: 'gunzipSync',
  deflate: 'inflateSync',
  'deflate-raw': 'inflateRawSync',
  unzip: 'unzipSync',
  br: 'brotliDecompressSync',
  zstd: 'zstdDecompressSync',
};

/** Each piece of output with an implausible length hint is at most so many times as long as all before it. */
const GROWTH = 4;

export class Passage {
  readonly kind: EngineKind;
  /** How long the rest of the output seems to be; 0 where nobody knows. The message says so: it may be wrong, or a lie. */
  expected: number;
  readonly #pool: Pool;
  readonly #flush: number;
  readonly #limits: Required<Limits>;
  /** The most that may come out, by all limits. */
  readonly #most: number;
  readonly #input: Buffer;
  #offset = 0;
  /** Whether all that was made of the input so far is out. */
  #drained = true;
  #length = 0;
  readonly #pieces: Buffer[] = [];

  constructor(pool: Pool, message: Bytes, format: Format, options: Limits | undefined) {
    const input = bufferOf(message);
    if (input === undefined) {
      throw codedError(
        'ERR_INVALID_ARG_TYPE',
        `message must be a Buffer, TypedArray, DataView or ArrayBuffer. Received ${shownType(message)}`,
      );
    }
    if (input.length > MAX_WRITE_LENGTH) throw tooLarge(MAX_WRITE_LENGTH);
    const { kind, finishFlush } = formatTraits(format);
    this.#pool = pool;
    this.#flush = finishFlush;
    this.#limits = options === undefined ? pool.settings : limits(options, pool.settings);
    this.#most = Math.min(outputLimit(this.#limits, input.length), bufferConstants.MAX_LENGTH);
    this.kind = kindFor(kind, input);
    this.#input = input;
    const hint = sizeHint(this.kind, input);
    this.expected = hint <= this.#most ? hint : 0;
  }

  /** Bytes of input that are left. */
  get left(): number {
    return this.#input.length - this.#offset;
  }

  /** Whether nothing of it is out. */
  get isFirst(): boolean {
    return this.#pieces.length === 0;
  }

  /**
   * Room for a write of Zstandard, which has to end with a chunk of node:zlib's output: see `endsWithChunk()`. 0 if there is less room than
   * that. For the other formats it is `room`.
   */
  aligned(room: number): number {
    if (this.kind.format !== 'zstd') return room;
    return Math.max(0, room - ((this.#length + room) % zlib.constants.Z_DEFAULT_CHUNK));
  }

  /** Never more than one byte over the limit, so that a bomb is stopped before it is inflated. */
  limited(room: number): number {
    return Math.min(room, this.#most - this.#length + 1);
  }

  /**
   * Room for the next piece if output is expected: for all of it, if so much input makes it plausible. Otherwise for a
   * few times what is out already. Memory is reserved in proportion to what has come in or gone out.
   */
  get expectedRoom(): number {
    const isPlausible = this.#length + this.expected <= EXACT_RATIO * this.#input.length;
    const most = isPlausible ? MAX_WRITE_LENGTH - 1 : Math.max(LAST_LENGTH, GROWTH * this.#length);
    return this.limited(Math.min(this.expected, most) + 1);
  }

  /** @throws what `Engine.writeSync` throws for lengths that it does not take */
  writeSync(engine: Engine, output: Buffer, room: number): void {
    engine.writeSync(this.#flush, this.#input, this.#offset, this.left, output, room);
  }

  /** @throws what `Engine.write` throws for lengths that it does not take */
  write(engine: Engine, output: Buffer, room: number, done: () => void): void {
    engine.write(this.#flush, this.#input, this.#offset, this.left, output, room, done);
  }

  /**
   * Takes in what a write has given.
   * @returns how much that was, for `add`
   * @throws what is wrong with the message
   */
  absorb(engine: Engine, room: number): number {
    if (engine.failure !== undefined) throw engine.failure;
    const used = this.left - engine.availIn;
    const made = room - engine.availOut;
    this.#pool.count(used, made);
    this.#offset += used;
    this.#length += made;
    const filled = this.#length % zlib.constants.Z_DEFAULT_CHUNK;
    this.#drained = engine.availOut > 0 && !(this.left > 0 && endsWithChunk(engine, made, filled));
    this.expected = Math.max(0, this.expected - made);
    const excess = overLimit(this.#limits, this.#offset, this.#length);
    if (excess !== undefined) throw excess;
    if (this.#length > bufferConstants.MAX_LENGTH) throw tooLarge(bufferConstants.MAX_LENGTH);
    return made;
  }

  /** Whether what `absorb` took in was not all. */
  goesOn(): boolean {
    return !this.#drained;
  }

  add(piece: Buffer): void {
    if (piece.length > 0) this.#pieces.push(piece);
  }

  /** On the main thread, where the engine has none: node:zlib's own one-shot functions. */
  stockSync(): Buffer {
    const decompress = (zlib as never as Record<string, typeof zlib.gunzipSync>)[syncNames[this.kind.format]];
    let output: Buffer;
    try {
      output = (decompress as typeof zlib.gunzipSync)(this.#input, {
        maxOutputLength: this.#most,
      });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const excess = overLimit(this.#limits, this.#input.length, this.#most + 1);
      if (code === 'ERR_BUFFER_TOO_LARGE' && excess !== undefined) throw excess;
      // Or there is no memory for all of it in one piece. On Node 20 and 22 that has no code.
      const hasNoMemory =
        code === 'ERR_MEMORY_ALLOCATION_FAILED' || (code === undefined && error instanceof RangeError);
      throw hasNoMemory || code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge(this.#most, { cause: error }) : error;
    }
    this.#pool.count(this.#input.length, output.length);
    return output;
  }

  /**
   * All of the output.
   * @throws `ERR_BUFFER_TOO_LARGE` where there is no memory for it in one piece
   */
  take(): Buffer {
    const [first] = this.#pieces;
    if (first !== undefined && this.#pieces.length === 1) return first;
    return inOnePiece(this.#pieces, this.#length);
  }
}

/**
 * One message on its way through an engine, whoever drives that: what is left of its input, what came out, its limits and its
 * members.
 */
import { constants as bufferConstants } from 'node:buffer';
import zlib from 'node:zlib';
import { type Engine, endsWithChunk } from './engine.ts';
import { codedError } from './errors.ts';
import { type EngineKind, type Format, kindFor, sizeHint } from './formats.ts';
import { countMembers, type Members, memberKindFor, membersOf } from './members.ts';
import type { Bytes } from './message.ts';
import type { Pool } from './pool.ts';
import { type Limits, limits, outputLimit, overLimit } from './pool-options.ts';
import { streamSettings } from './stream-settings.ts';
import { bufferOf, shownType } from './validate.ts';

const syncNames: Readonly<Record<Format, string>> = {
  gzip: 'gunzipSync',
  deflate: 'inflateSync',
  'deflate-raw': 'inflateRawSync',
  unzip: 'unzipSync',
  br: 'brotliDecompressSync',
  zstd: 'zstdDecompressSync',
};

export class Passage {
  readonly kind: EngineKind;
  /** How long the output seems to be; 0 where nobody knows, and after the first write. */
  expected: number;
  readonly #pool: Pool;
  readonly #flush: number;
  readonly #limits: Required<Limits>;
  /** The most that may come out, by all limits. */
  readonly #most: number;
  readonly #members: Members | undefined;
  readonly #input: Buffer;
  #offset = 0;
  /** Of what is left, the input of the write under way. */
  #span = 0;
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
    const { kind, finishFlush } = streamSettings(format);
    this.#pool = pool;
    this.#flush = finishFlush;
    this.#limits = options === undefined ? pool.settings : limits(options, pool.settings);
    this.#most = outputLimit(this.#limits, input.length);
    this.#members = membersOf(kind, this.#limits.maxMembers);
    this.kind = (this.#members === undefined ? kindFor : memberKindFor)(kind, input);
    this.#input = input;
    const hint = this.#members === undefined ? sizeHint(this.kind, input) : 0;
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

  /** @throws `ERR_TOO_MANY_MEMBERS` */
  writeSync(engine: Engine, output: Buffer, room: number): void {
    const flush = this.#nextFlush();
    engine.writeSync(flush, this.#input, this.#offset, this.#span, output, room);
  }

  /** @throws `ERR_TOO_MANY_MEMBERS` */
  write(engine: Engine, output: Buffer, room: number, done: () => void): void {
    const flush = this.#nextFlush();
    engine.write(flush, this.#input, this.#offset, this.#span, output, room, done);
  }

  /** Makes out the input of the next write. The flush is for the end of the message. */
  #nextFlush(): number {
    const { left } = this;
    if (this.#members === undefined) this.#span = left;
    else if (this.#span === 0 && this.#drained) this.#span = this.#members.span(this.#input, this.#offset, left);
    return this.#span === left ? this.#flush : zlib.constants.Z_NO_FLUSH;
  }

  /**
   * Takes in what a write has given.
   * @returns how much that was, for `add`
   * @throws what is wrong with the message
   */
  absorb(engine: Engine, output: Buffer, room: number): number {
    if (engine.failure !== undefined) throw engine.failure;
    const used = this.#span - engine.availIn;
    const made = room - engine.availOut;
    this.#pool.count(used, made);
    this.#members?.used(this.#input, this.#offset, used);
    this.#members?.made(output.subarray(0, made));
    this.#offset += used;
    this.#span -= used;
    this.#length += made;
    const filled = this.#length % zlib.constants.Z_DEFAULT_CHUNK;
    this.#drained = engine.availOut > 0 && !(this.#span > 0 && endsWithChunk(engine, made, filled));
    this.expected = 0;
    const excess = overLimit(this.#limits, this.#offset, this.#length);
    if (excess !== undefined) throw excess;
    return made;
  }

  /** Whether what `absorb` took in was not all. */
  goesOn(): boolean {
    return !this.#drained || (this.#span === 0 && this.left > 0);
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
        maxOutputLength: Math.min(this.#most, bufferConstants.MAX_LENGTH),
      });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      throw code === 'ERR_BUFFER_TOO_LARGE' ? overLimit(this.#limits, this.#input.length, this.#most + 1) : error;
    }
    if (this.#members !== undefined) countMembers(this.#input, this.#limits.maxMembers);
    this.#pool.count(this.#input.length, output.length);
    return output;
  }

  /** All of the output. */
  take(): Buffer {
    const [first] = this.#pieces;
    return first !== undefined && this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces, this.#length);
  }
}

/**
 * Whole messages: bytes in, bytes out, without a stream. As with streams, small steps run on the main thread within the budget
 * of the turn, and what is longer goes on in the threadpool on the same engine. The lease ends when the last byte is out and
 * no native write is in flight.
 */
import { AsyncResource } from 'node:async_hooks';
import { constants } from 'node:buffer';
import zlib from 'node:zlib';
import type { Engine } from './engine.ts';
import { abortError, codedError } from './errors.ts';
import { type EngineKind, type Format, isGzip, kindFor } from './formats.ts';
import { engineOf, type Lease } from './lease.ts';
import type { Pool } from './pool.ts';
import { outputLimit } from './pool-options.ts';
import { copyOf, Slab, scratchOf } from './slab.ts';
import { streamSettings } from './stream-settings.ts';
import { turn, WAITING_LENGTH } from './turn.ts';

export interface SyncMessageOptions {
  /** The most bytes that may come out; one more is `ERR_BUFFER_TOO_LARGE`. Default: the pool's. */
  maxOutputLength?: number;
}

export interface MessageOptions extends SyncMessageOptions {
  /** Gives up: the promise is rejected at once, with an `AbortError`. */
  signal?: AbortSignal | undefined;
}

/** Room for output as long as nothing says how much there will be. Bytes. */
const FIRST_ROOM = 65_536;

/** Deflate expands by no more than this: a gzip trailer that says otherwise is not to be believed. */
const MAX_RATIO = 1_032;

const syncNames: Readonly<Record<Format, string>> = {
  gzip: 'gunzipSync',
  deflate: 'inflateSync',
  'deflate-raw': 'inflateRawSync',
  unzip: 'unzipSync',
  br: 'brotliDecompressSync',
  zstd: 'zstdDecompressSync',
};

/** One message on its way through an engine. */
class Passage {
  readonly kind: EngineKind;
  /** Memory for all of the output, where its length seems to be known; until it is written to. */
  whole: Buffer | undefined;
  readonly #pool: Pool;
  readonly #flush: number;
  readonly #limit: number;
  readonly #input: Buffer;
  #offset = 0;
  #length = 0;
  readonly #pieces: Buffer[] = [];

  constructor(pool: Pool, message: Uint8Array, format: Format, options: SyncMessageOptions) {
    if (!(message instanceof Uint8Array)) {
      throw codedError('ERR_INVALID_ARG_TYPE', `message must be a Uint8Array. Received ${String(message)}`);
    }
    const input = Buffer.from(message.buffer, message.byteOffset, message.byteLength);
    const { kind, finishFlush } = streamSettings(format);
    this.kind = kindFor(kind, input);
    this.#pool = pool;
    this.#flush = finishFlush;
    this.#limit = outputLimit(options.maxOutputLength, 'options.maxOutputLength', pool.settings.maxOutputLength);
    this.#input = input;
    const hint = isGzip(this.kind) && input.length > 4 ? input.readUInt32LE(input.length - 4) : 0;
    if (hint > FIRST_ROOM && hint <= input.length * MAX_RATIO && hint <= this.#limit) {
      this.whole = Buffer.allocUnsafeSlow(hint);
    }
  }

  /** Bytes of input that are left. */
  get left(): number {
    return this.#input.length - this.#offset;
  }

  /** Never more than one byte over the limit, so that a bomb is stopped before it is inflated. */
  limited(room: number): number {
    return Math.min(room, this.#limit - this.#length + 1);
  }

  writeSync(engine: Engine, output: Buffer, room: number): void {
    engine.writeSync(this.#flush, this.#input, this.#offset, this.left, output, room);
  }

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
    this.whole = undefined;
    if (this.#length > this.#limit) {
      throw codedError('ERR_BUFFER_TOO_LARGE', `Cannot create a Buffer larger than ${this.#limit} bytes`);
    }
    return made;
  }

  add(piece: Buffer): void {
    if (piece.length > 0) this.#pieces.push(piece);
  }

  /** On the main thread, where the engine has none: node:zlib's own one-shot functions. */
  stockSync(format: Format): Buffer {
    const decompress = (zlib as never as Record<string, typeof zlib.gunzipSync>)[syncNames[format]];
    const output = (decompress as typeof zlib.gunzipSync)(this.#input, {
      maxOutputLength: Math.min(this.#limit, constants.MAX_LENGTH),
    });
    this.#pool.count(this.#input.length, output.length);
    return output;
  }

  /** All of the output. */
  take(): Buffer {
    const [first] = this.#pieces;
    return first !== undefined && this.#pieces.length === 1 ? first : Buffer.concat(this.#pieces, this.#length);
  }
}

/** See `ZlibPool.decompressSync`. */
export function decompressSync(
  pool: Pool,
  message: Uint8Array,
  format: Format,
  options: SyncMessageOptions = {},
): Buffer {
  const passage = new Passage(pool, message, format, options);
  const lease = pool.leaseKind(passage.kind);
  const engine = engineOf(lease);
  try {
    if (!engine.inline) return passage.stockSync(format);
    do {
      const { whole } = passage;
      const room = passage.limited(whole?.length ?? FIRST_ROOM);
      const output = whole ?? scratchOf(room);
      passage.writeSync(engine, output, room);
      const made = passage.absorb(engine, room);
      passage.add(made === whole?.length ? whole : copyOf(output, made));
    } while (engine.availOut === 0);
  } catch (error) {
    lease.discard();
    throw error;
  } finally {
    if (!lease.released) lease.release();
  }
  return passage.take();
}

/** See `ZlibPool.decompress`. */
export function decompress(
  pool: Pool,
  message: Uint8Array,
  format: Format,
  options: MessageOptions = {},
): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const { signal } = options;
    if (signal?.aborted) throw abortError(signal);
    const task = new Decompression(pool, message, format, options, (error, output) => {
      signal?.removeEventListener('abort', onAbort);
      if (error === null) resolve(output as Buffer);
      else reject(error);
    });
    const onAbort = (): void => task.destroy(abortError(signal as AbortSignal));
    signal?.addEventListener('abort', onAbort, { once: true });
    task.start();
  });
}

/** One message under way. Not exported from the package. */
export class Decompression {
  readonly #pool: Pool;
  readonly #passage: Passage;
  readonly #done: (error: Error | null, output?: Buffer) => void;
  readonly #slab = new Slab();
  /** Of whoever asked: what an engine or a turn calls back is called in nobody's. */
  readonly #context = new AsyncResource('ZLEASE');
  readonly #lease: Lease;
  readonly #engine: Engine;
  /** What the main thread has made of it. Bytes. */
  #inlineLength = 0;
  #settled = false;

  /**
   * @param done called once, during `start()` or later, unless the constructor throws
   * @throws what is wrong with the arguments; `ERR_POOL_CLOSED`
   */
  constructor(
    pool: Pool,
    message: Uint8Array,
    format: Format,
    options: SyncMessageOptions,
    done: (error: Error | null, output?: Buffer) => void,
  ) {
    this.#pool = pool;
    this.#passage = new Passage(pool, message, format, options);
    this.#done = done;
    this.#lease = pool.leaseKind(this.#passage.kind, this);
    this.#engine = engineOf(this.#lease);
  }

  start(): void {
    this.#run();
  }

  /** Gives up now. The engine and its memory go when no native write is in flight. */
  destroy(error: Error): void {
    if (this.#settled) return;
    this.#settled = true;
    if (!this.#engine.busy) this.#giveUp();
    this.#done(error);
  }

  #run(): void {
    if (this.#settled) return;
    let over = false;
    try {
      over = this.#drive();
    } catch (error) {
      this.destroy(error as Error);
    }
    if (over) this.#succeed();
  }

  /** Writes until the message is out, or the threadpool or a later turn has it. @returns whether it is out */
  #drive(): boolean {
    const { inputLength, outputLength, turnLength } = this.#pool.settings.inline;
    do {
      const inlineRoom = outputLength - this.#inlineLength;
      const { whole, left } = this.#passage;
      const small = this.#engine.inline && whole === undefined && left <= inputLength && inputLength > 0;
      if (!small || inlineRoom <= 0 || turnLength === 0) return this.#send();
      if (turn.inflatedLength >= turnLength) {
        if (left > WAITING_LENGTH) return this.#send();
        turn.whenFree(turnLength, () => this.#context.runInAsyncScope(this.#run, this));
        return false;
      }
      const room = this.#passage.limited(Math.min(inlineRoom, FIRST_ROOM));
      const scratch = scratchOf(room);
      this.#passage.writeSync(this.#engine, scratch, room);
      const made = this.#passage.absorb(this.#engine, room);
      this.#passage.add(copyOf(scratch, made));
      this.#inlineLength += made;
      turn.spend(Math.max(left - this.#passage.left, made));
    } while (this.#engine.availOut === 0);
    return true;
  }

  #send(): false {
    const { whole } = this.#passage;
    const room = this.#passage.limited(whole?.length ?? this.#slab.nextLength);
    this.#passage.write(this.#engine, whole ?? this.#slab.withRoom(room), room, () =>
      this.#context.runInAsyncScope(this.#landed, this, whole, room),
    );
    return false;
  }

  #landed(whole: Buffer | undefined, room: number): void {
    if (this.#settled) {
      this.#giveUp();
      return;
    }
    try {
      const made = this.#passage.absorb(this.#engine, room);
      if (whole === undefined) this.#passage.add(this.#slab.take(made));
      else this.#passage.add(made === whole.length ? whole : copyOf(whole, made));
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    if (this.#engine.availOut === 0) this.#run();
    else this.#succeed();
  }

  #succeed(): void {
    this.#settled = true;
    this.#slab.drop();
    this.#lease.release();
    this.#done(null, this.#passage.take());
  }

  #giveUp(): void {
    this.#slab.drop();
    this.#lease.discard();
  }
}

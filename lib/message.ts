/**
 * Whole messages: bytes in, bytes out, without a stream. As with streams, small steps run on the main thread within the budget
 * of the turn, and what is longer goes on in the threadpool on the same engine. The lease ends when the last byte is out and
 * no native write is in flight.
 */
import { AsyncResource } from 'node:async_hooks';
import { constants as bufferConstants } from 'node:buffer';
import zlib from 'node:zlib';
import type { Engine } from './engine.ts';
import { abortError, codedError } from './errors.ts';
import { type EngineKind, type Format, kindFor, sizeHint } from './formats.ts';
import { engineOf, type Lease } from './lease.ts';
import { countMembers, type Members, memberKindFor, membersOf } from './members.ts';
import { originOf } from './origin.ts';
import type { Pool } from './pool.ts';
import { type Limits, limits, outputLimit, overLimit } from './pool-options.ts';
import { handOut, memoryFor, Slab } from './slab.ts';
import { streamSettings } from './stream-settings.ts';
import { threadpool } from './threadpool.ts';
import { enqueueTick } from './tick-queue.ts';
import { turn } from './turn.ts';

/** Limits of one message. Default: the pool's. */
export interface SyncMessageOptions extends Limits {}

/** Of `pool.decompress()`. */
export interface MessageOptions extends SyncMessageOptions {
  /** Gives up: the promise is rejected at once, with an `AbortError`. Default: none. */
  signal?: AbortSignal | undefined;
}

/** Room for output as long as nothing says how much there will be: 64 KB, and a byte, since an engine that has room left needs not be asked again. */
const FIRST_ROOM = 65_537;

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

  constructor(pool: Pool, message: Uint8Array, format: Format, options: SyncMessageOptions | undefined) {
    if (!(message instanceof Uint8Array)) {
      throw codedError('ERR_INVALID_ARG_TYPE', `message must be a Uint8Array. Received ${String(message)}`);
    }
    const input = Buffer.isBuffer(message)
      ? message
      : Buffer.from(message.buffer, message.byteOffset, message.byteLength);
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
    this.#drained = engine.availOut > 0;
    this.#length += made;
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

/** See `ZlibPool.decompressSync`. */
export function decompressSync(pool: Pool, message: Uint8Array, format: Format, options?: SyncMessageOptions): Buffer {
  const passage = new Passage(pool, message, format, options);
  // It can't wait, and is done before anybody else notices: it may be one more than maxLeased.
  const lease = pool.lend(passage.kind);
  const engine = engineOf(lease);
  try {
    if (!engine.inline) return passage.stockSync();
    do {
      const { expected } = passage;
      const room = passage.limited(expected > 0 ? expected + 1 : FIRST_ROOM);
      const output = memoryFor(room, expected);
      passage.writeSync(engine, output, room);
      const made = passage.absorb(engine, output, room);
      passage.add(handOut(output, made, passage.isFirst));
    } while (passage.goesOn());
  } catch (error) {
    lease.discard(error as Error);
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
  /** Of whoever asked: what an engine, a turn or the pool calls back is called in nobody's. */
  readonly #context = new AsyncResource('ZLEASE');
  #lease: Lease | undefined;
  #leaveQueue: (() => void) | undefined;
  /** Where it was asked for, if leases are looked after. */
  #stack: string | undefined;
  /** What the main thread has made of it. Bytes. */
  #inlineLength = 0;
  #settled = false;

  /**
   * @param done called once, during `start()` or later, unless the constructor throws
   * @throws what is wrong with the arguments
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
  }

  start(): void {
    this.#stack = originOf(this.#pool.settings.leakDetection, this.start);
    this.#stepForward();
  }

  /** No engine is held while there is nothing to be done with it. */
  #stepForward(): void {
    if (this.#settled) return;
    const { kind, left } = this.#passage;
    const wait = this.#pool.whereToWait(kind.format, this.#isLong ? Number.POSITIVE_INFINITY : left);
    if (wait === undefined) {
      this.#lend();
    } else if (wait === 'turn') {
      const { turnLength } = this.#pool.settings.inline;
      turn.whenFree(turnLength, () => this.#context.runInAsyncScope(this.#stepForward, this));
    } else {
      threadpool.whenFree(this.#context, this.#admitted, this);
    }
  }

  /** What is known to be too much for the main thread goes to the threadpool at once. */
  get #isLong(): boolean {
    return this.#passage.expected > Math.min(this.#pool.settings.inline.outputLength, FIRST_ROOM - 1);
  }

  #admitted(): void {
    if (!this.#settled) this.#lend();
    threadpool.landed();
  }

  #lend(): void {
    const { kind } = this.#passage;
    try {
      this.#lease = this.#pool.tryLeaseKind(kind, this, this.#stack);
      this.#leaveQueue =
        this.#lease === undefined ? this.#pool.waitForLease(kind, this, this.#stack, this.#lent) : undefined;
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    if (this.#lease !== undefined) this.#run();
  }

  /** Gives up now. The engine and its memory go when no native write is in flight. */
  destroy(error: Error): void {
    if (this.#settled) return;
    this.#settled = true;
    this.#leaveQueue?.();
    if (this.#lease !== undefined && !engineOf(this.#lease).busy) this.#giveUp(this.#lease, error);
    this.#done(error);
  }

  readonly #lent = (error: Error | null, lease?: Lease): void => {
    this.#lease = lease;
    this.#leaveQueue = undefined;
    // In a tick of its own: whoever gave the engine back is on the stack, and it might have been one like this.
    if (error === null) enqueueTick(this.#context, this.#run, this);
    else this.#context.runInAsyncScope(this.destroy, this, error);
  };

  #run(): void {
    if (this.#settled) return;
    const lease = this.#lease as Lease;
    let over = false;
    try {
      over = this.#drive(engineOf(lease));
    } catch (error) {
      this.destroy(error as Error);
    }
    if (over) this.#succeed(lease);
  }

  /** Writes until the message is out, or the threadpool or a later turn has it. @returns whether it is out */
  #drive(engine: Engine): boolean {
    const { inputLength, outputLength, turnLength } = this.#pool.settings.inline;
    do {
      const inlineRoom = outputLength - this.#inlineLength;
      const { expected, left } = this.#passage;
      const small = engine.inline && !this.#isLong && left <= inputLength && inputLength > 0;
      if (!small || inlineRoom <= 0 || turnLength === 0) return this.#send(engine);
      if (turn.inflatedLength >= turnLength) {
        if (!turn.isWorthWaitingFor(left)) return this.#send(engine);
        turn.whenFree(turnLength, () => this.#context.runInAsyncScope(this.#run, this));
        return false;
      }
      const room = this.#passage.limited(Math.min(expected > 0 ? expected + 1 : inlineRoom, FIRST_ROOM));
      const output = memoryFor(room, expected);
      this.#passage.writeSync(engine, output, room);
      const made = this.#passage.absorb(engine, output, room);
      this.#passage.add(handOut(output, made, this.#passage.isFirst));
      this.#inlineLength += made;
      turn.spend(Math.max(left - this.#passage.left, made));
    } while (this.#passage.goesOn());
    return true;
  }

  #send(engine: Engine): false {
    const { expected } = this.#passage;
    const most = this.#passage.limited(Number.POSITIVE_INFINITY);
    // A whole message is handed out in one piece: the fewer there are, the better.
    const output = expected >= FIRST_ROOM ? this.#slab.exactly(expected + 1) : this.#slab.forOutput(expected, most, 0);
    const { room } = this.#slab;
    this.#passage.write(engine, output, room, () =>
      this.#context.runInAsyncScope(this.#landed, this, engine, output, room),
    );
    threadpool.sent();
    return false;
  }

  #landed(engine: Engine, output: Buffer, room: number): void {
    threadpool.landed();
    const lease = this.#lease as Lease;
    if (this.#settled) {
      this.#giveUp(lease);
      return;
    }
    try {
      const made = this.#passage.absorb(engine, output, room);
      this.#passage.add(this.#slab.take(made, this.#passage.isFirst));
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    if (this.#passage.goesOn()) this.#run();
    else this.#succeed(lease);
  }

  #succeed(lease: Lease): void {
    this.#settled = true;
    this.#slab.drop();
    lease.release();
    this.#done(null, this.#passage.take());
  }

  #giveUp(lease: Lease, cause?: Error): void {
    this.#slab.drop();
    lease.discard(cause);
  }
}

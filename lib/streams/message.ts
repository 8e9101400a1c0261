/**
 * Whole messages: bytes in, bytes out, without a stream. As with streams, small steps run on the main thread within the budget
 * of the turn, and what is longer goes on in the threadpool on the same engine. The lease ends when the last byte is out and
 * no native write is in flight.
 */
import { AsyncResource } from 'node:async_hooks';
import { Passage } from '../driver/passage.ts';
import { Slab } from '../driver/slab.ts';
import type { Format } from '../engine/codec.ts';
import type { Engine } from '../engine/contract.ts';
import { handOut, memoryFor } from '../engine/memory.ts';
import { abortError } from '../errors.ts';
import { originOf } from '../observe/origin.ts';
import { engineOf, type Lease } from '../pool/lease.ts';
import type { Limits } from '../pool/options.ts';
import type { Pool } from '../pool/pool.ts';
import { runIn } from '../schedule/context.ts';
import { threadpool } from '../schedule/threadpool.ts';
import { enqueueTick } from '../schedule/tick.ts';
import { turn } from '../schedule/turn.ts';
import type { Bytes } from '../validate.ts';

/** Limits of one message. Default: the pool's. */
export interface SyncMessageOptions extends Limits {}

/** Of `pool.decompress()`. */
export interface MessageOptions extends SyncMessageOptions {
  /** Gives up: the promise is rejected at once, with an `AbortError`. Default: none. */
  signal?: AbortSignal | undefined;
}

/** Room for output as long as nothing says how much there will be: 64 KB, and a byte, since an engine that has room left needs not be asked again. */
const FIRST_ROOM = 65_537;

/** Most data expands by less than this. */
const USUAL_RATIO = 16;

/** See `ZlibPool.decompressSync`. */
export function decompressSync(pool: Pool, message: Bytes, format: Format, options?: SyncMessageOptions): Buffer {
  const passage = new Passage(pool, message, format, options);
  // It can't wait, and is done before anybody else notices: it may be one more than maxLeased.
  const lease = pool.lend(passage.kind);
  const engine = engineOf(lease);
  pool.announce(lease);
  try {
    if (!engine.inline) return passage.stockSync();
    do {
      const hasHint = passage.expected > 0;
      const room = hasHint ? passage.expectedRoom : passage.limited(passage.aligned(FIRST_ROOM));
      const output = memoryFor(room, hasHint ? room - 1 : 0);
      passage.writeSync(engine, output, room);
      const made = passage.absorb(engine, room);
      passage.add(handOut(output, made, passage.isFirst));
    } while (passage.goesOn());
  } catch (error) {
    giveUp(lease, error as Error);
    throw error;
  } finally {
    if (!lease.released) lease.release();
  }
  return passage.take();
}

/** See `ZlibPool.decompress`. */
export function decompress(pool: Pool, message: Bytes, format: Format, options: MessageOptions = {}): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const { signal } = options;
    if (signal?.aborted) throw abortError(signal);
    const task = new Decompression(pool, message, format, options, (error, output) => {
      if (error === null) resolve(output as Buffer);
      else reject(error);
      signal?.removeEventListener('abort', onAbort);
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
  readonly #slab = new Slab(true);
  /** Of whoever asked: what an engine, a turn or the pool calls back is called in nobody's. */
  readonly #context = new AsyncResource('ZLIB');
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
    message: Bytes,
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
    const { kind, left, expected } = this.#passage;
    const wait = this.#pool.whereToWait(kind.format, this.#isLong ? Number.POSITIVE_INFINITY : left, expected);
    if (wait === undefined) {
      this.#lend();
    } else if (wait === 'turn') {
      const { turnLength } = this.#pool.settings.inline;
      turn.whenFree(turnLength, this.#context, this.#stepForward, this);
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
    if (this.#lease === undefined) {
      this.#pool.announceWait(kind);
      return;
    }
    this.#pool.announce(this.#lease);
    // Does nothing if a subscriber has destroyed the message.
    this.#run();
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
    else runIn(this.#context, () => this.destroy(error), undefined);
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
      const wanted = this.#passage.aligned(Math.min(expected > 0 ? expected + 1 : inlineRoom, FIRST_ROOM));
      if (!small || inlineRoom <= 0 || wanted === 0 || turnLength === 0) return this.#send(engine);
      if (turn.inflatedLength >= turnLength) {
        if (!turn.isWorthWaitingFor(left, expected)) return this.#send(engine);
        turn.whenFree(turnLength, this.#context, this.#run, this);
        return false;
      }
      const room = this.#passage.limited(wanted);
      const output = memoryFor(room, expected);
      this.#passage.writeSync(engine, output, room);
      const made = this.#absorbInline(engine, room);
      this.#passage.add(handOut(output, made, this.#passage.isFirst));
      this.#inlineLength += made;
      turn.spend(Math.max(left - this.#passage.left, made, 1));
    } while (this.#passage.goesOn());
    return true;
  }

  /** A message that fails is counted too. Otherwise a loop of such messages would starve timers and I/O. */
  #absorbInline(engine: Engine, room: number): number {
    const { left } = this.#passage;
    try {
      return this.#passage.absorb(engine, room);
    } catch (error) {
      // The engine does not tell how much it made. Of little input it is most often little.
      turn.spend(Math.max(1, Math.min(room, USUAL_RATIO * left)));
      throw error;
    }
  }

  #send(engine: Engine): false {
    const { expected } = this.#passage;
    const most = this.#passage.limited(Number.POSITIVE_INFINITY);
    // A whole message is handed out in one piece: the fewer there are, the better.
    const output =
      expected >= FIRST_ROOM ? this.#slab.exactly(this.#passage.expectedRoom) : this.#slab.forOutput(expected, most, 0);
    // Room for all that is wanted at all needs no end of a chunk.
    const room = this.#slab.room < most ? this.#passage.aligned(this.#slab.room) || this.#slab.room : most;
    this.#passage.write(engine, output, room, () => runIn(this.#context, () => this.#landed(engine, room), undefined));
    threadpool.sent();
    return false;
  }

  #landed(engine: Engine, room: number): void {
    threadpool.landed();
    const lease = this.#lease as Lease;
    if (this.#settled) {
      this.#giveUp(lease);
      return;
    }
    try {
      const made = this.#passage.absorb(engine, room);
      this.#passage.add(this.#slab.take(made, this.#passage.isFirst));
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    if (this.#passage.goesOn()) this.#run();
    else this.#succeed(lease);
  }

  #succeed(lease: Lease): void {
    let output: Buffer;
    try {
      output = this.#passage.take();
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    this.#settled = true;
    this.#slab.drop();
    lease.release();
    this.#done(null, output);
  }

  #giveUp(lease: Lease, cause?: Error): void {
    this.#slab.drop();
    giveUp(lease, cause);
  }
}

/** Where the data is bad and nothing else went wrong, the pool knows whether a reset makes the engine as new. */
function giveUp(lease: Lease, cause: Error | undefined): void {
  if (cause !== undefined && engineOf(lease).failure === cause) lease.release();
  else lease.discard(cause);
}

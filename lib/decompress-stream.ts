/**
 * The stream: a Transform that behaves as node:zlib's do and drives a leased engine. It leases at the first
 * byte and gives back right after its own 'close', which it holds back while a native write is in flight.
 * Small steps run on the main thread, one tick after the write and in the order that node:zlib's
 * events have; long ones go on in the threadpool, on the same engine.
 */
import { AsyncResource } from 'node:async_hooks';
import { finished, type Readable, Transform, type TransformCallback } from 'node:stream';
import { constants } from 'node:zlib';
import { type Engine, inputFault, type WholeWrite } from './engine.ts';
import { codedError } from './errors.ts';
import { flushMark, markedFlush, strongerFlush } from './flush-marks.ts';
import { type Format, kindFor, sizeHint, stockStream } from './formats.ts';
import { engineOf, type Lease } from './lease.ts';
import { originOf } from './origin.ts';
import type { Pool } from './pool.ts';
import { type Limits, limits, overLimit } from './pool-options.ts';
import { FIRST_LENGTH, handOut, memoryFor, Slab } from './slab.ts';
import { type DecompressOptions, type StreamSettings, streamSettings, transformOptions } from './stream-settings.ts';
import { threadpool } from './threadpool.ts';
import { enqueueTick } from './tick-queue.ts';
import { turn } from './turn.ts';

/**
 * Where a stream is with the chunk it was given. idle: has none. queued: waits for its tick. waiting: for an engine. running: on the stack.
 * inFlight: in the threadpool. paused: waits for its reader. sealed: closed, for good.
 */
type Phase = 'idle' | 'queued' | 'waiting' | 'running' | 'inFlight' | 'paused' | 'sealed';

const { Z_NO_FLUSH, Z_FINISH, Z_DEFAULT_CHUNK, Z_DEFAULT_WINDOWBITS } = constants;
const NOTHING = Buffer.alloc(0);

/** A message that comes in one chunk is made in one piece on the main thread, up to this length. Bytes. */
const WHOLE_LENGTH = 65_536;

/** Most data expands by less than this. */
const USUAL_RATIO = 16;

/**
 * A pooled decompression stream, made by a pool's `create*` methods. Its options, methods, events and errors
 * are those of node:zlib's decompressing streams.
 */
export class DecompressStream extends Transform {
  /** Compressed bytes used up so far (`bytesWritten` of node:zlib's streams). */
  bytesWritten = 0;

  /** @internal The stream that hands the output on, if there is one: its reader may stop. */
  relay: Readable | undefined;

  readonly #pool: Pool;
  readonly #settings: StreamSettings;
  readonly #limits: Readonly<Required<Limits>>;
  /** Where it was made, if leases are looked after. */
  readonly #origin: string | undefined;
  /** The async context of the stream's creation, in which its events happen, as those of a native handle do. */
  readonly #context = new AsyncResource('ZLEASE');
  #lease: Lease | undefined;
  #leaveQueue: (() => void) | undefined;
  #phase: Phase = 'idle';

  // The chunk that is being inflated.
  #chunk: Buffer = NOTHING;
  #offset = 0;
  #left = 0;
  #flag = Z_NO_FLUSH;
  #done: TransformCallback | undefined;
  /** What the main thread has made of it. */
  #inlineLength = 0;

  /** Used up, and made of it, since the start or the last reset(). */
  #inputLength = 0;
  #outputLength = 0;
  /** The same at the last flush(), from which on the limits count. */
  #flushedInput = 0;
  #flushedOutput = 0;
  /** What came of giving the engine a whole message at once, if that was tried. */
  #wholeWrite: WholeWrite | undefined;
  /** Output memory for the threadpool, made when it is first needed. */
  #slab: Slab | undefined;
  /** Whether a chunk is out. */
  #hasPushed = false;
  /** How full node:zlib's output chunk would be: on the main thread, and with a chunkSize, output is cut where it cuts it. */
  #chunkFilled = 0;
  #heldDestroy: [error: Error | null, callback: (error?: Error | null) => void] | undefined;

  /**
   * @param pool - leases the engine
   * @param format - of the data
   * @param options - those of node:zlib
   * @throws what the constructor of node:zlib's stream throws for these options
   */
  constructor(pool: Pool, format: Format, options?: DecompressOptions) {
    const settings = streamSettings(format, options);
    super(transformOptions(options));
    this.#pool = pool;
    this.#settings = settings;
    this.#limits = settings.limits === undefined ? pool.settings : limits(settings.limits, pool.settings);
    this.#origin = originOf(pool.settings.leakDetection, new.target as never);
  }

  /**
   * Has what is pending inflated and pushed, then calls back, as node:zlib's `flush()`.
   * @param kind - one of the format's flush constants, default `Z_FULL_FLUSH` or what comes nearest to it
   * @param callback - called without arguments when it is done
   * @throws what node:zlib's throws for a bad `kind`, from Node 22 on
   */
  flush(kind?: number | (() => void), callback?: () => void): void {
    if (typeof kind === 'function' || (kind === undefined && callback === undefined)) {
      callback = kind as (() => void) | undefined;
      kind = this.#settings.fullFlush;
    }
    const mark = flushMark(this.#settings.kind.format, kind, this.writableEnded);
    if (this.writableFinished) {
      if (callback !== undefined) process.nextTick(callback);
    } else if (this.writableEnded) {
      if (callback !== undefined) this.once('end', callback);
    } else {
      this.write(mark, callback);
    }
  }

  /**
   * Makes the engine as new, for another message on the same stream, as node:zlib's `reset()`; also inside 'data'.
   * @throws `ERR_LEASE_SEALED` when the stream is destroyed; an error while a write is in progress, as node:zlib from Node 22 on.
   */
  reset(): void {
    if (this.destroyed) throw codedError('ERR_LEASE_SEALED');
    if (this.#phase === 'queued' || this.#phase === 'waiting' || this.#phase === 'inFlight') {
      throw new Error('Cannot reset zlib stream while a write is in progress');
    }
    if (this.#lease !== undefined) engineOf(this.#lease).reset();
    this.#inputLength = 0;
    this.#outputLength = 0;
    this.#flushedInput = 0;
    this.#flushedOutput = 0;
    this.#wholeWrite = undefined;
  }

  /**
   * Destroys the stream, as node:zlib's `close()`.
   * @param callback - called once it is closed
   */
  close(callback?: (error?: NodeJS.ErrnoException | null) => void): void {
    if (callback !== undefined) finished(this, callback);
    this.destroy();
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    let flag = markedFlush(chunk) ?? this.#settings.flush;
    if (this.writableEnded && this.writableLength === chunk.byteLength) {
      flag = strongerFlush(flag, this.#settings.finishFlush);
    }
    this._processChunk(chunk, flag, callback);
  }

  /**
   * @internal The way in that node:zlib keeps for old code. Without a callback it inflates the chunk on its own, as node:zlib
   * does for a new stream.
   * @throws an error while a write is in progress, where node:zlib ends the process
   */
  _processChunk(chunk: Buffer, flag: number, callback?: TransformCallback): Buffer | undefined {
    if (callback === undefined) {
      const stock = stockStream(this.#settings.kind.format, this.#settings.kind.options);
      return (stock as unknown as DecompressStream)._processChunk(chunk, flag);
    }
    if (this.#phase === 'sealed') {
      process.nextTick(callback);
      return undefined;
    }
    if (this.#phase !== 'idle') throw new Error('A write is in progress');
    this.#chunk = chunk;
    this.#offset = 0;
    this.#left = chunk.byteLength;
    this.#flag = flag;
    this.#inlineLength = 0;
    this.#done = callback;
    this.#enqueue();
    return undefined;
  }

  override _flush(callback: TransformCallback): void {
    this.#phase = 'queued';
    this.#done = callback;
    enqueueTick(this.#context, this.#flushLast, this);
  }

  /** As node:zlib: the last flush comes after 'prefinish', not before 'finish'. */
  override _final(callback: (error?: Error | null) => void): void {
    callback();
  }

  override _read(size: number): void {
    if (this.#phase === 'paused') {
      this.#slab?.readerIsBack();
      this.#enqueue();
    }
    super._read(size);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#phase === 'inFlight') this.#heldDestroy = [error, callback];
    else this.#seal(error, callback);
  }

  /** A tick after 'prefinish', to be a tick after 'finish' with what it pushes. */
  #flushLast(): void {
    if (this.#phase !== 'queued') return;
    this.#phase = 'idle';
    this._transform(NOTHING, 'binary', this.#done as TransformCallback);
  }

  #enqueue(): void {
    this.#phase = 'queued';
    enqueueTick(this.#context, this.#run, this);
  }

  #run(): void {
    if (this.#phase !== 'queued') return;
    if (this.#lease === undefined && this.#standsBack()) return;
    this.#start();
  }

  #start(): void {
    // After a whole message the last flush has nothing to do.
    if (this.#wholeWrite === 'whole' && this.#chunk.length === 0) this.#settle();
    else if (this.#lease !== undefined || this.#takeLease()) this.#drive(engineOf(this.#lease as Lease));
  }

  /** No engine is held while there is nothing to be done with it. @returns whether the chunk waits for a later turn, or for the threadpool */
  #standsBack(): boolean {
    const { kind } = this.#settings;
    const hint = sizeHint(kind, this.#chunk);
    const isLong = hint > this.#pool.settings.inline.outputLength;
    const wait = this.#pool.whereToWait(kind.format, isLong ? Number.POSITIVE_INFINITY : this.#chunk.length, hint);
    if (wait === 'turn') this.#wait(this.#pool.settings.inline.turnLength);
    else if (wait === 'threadpool') threadpool.whenFree(this.#context, this.#admitted, this);
    return wait !== undefined;
  }

  #admitted(): void {
    if (this.#phase === 'queued') this.#start();
    threadpool.landed();
  }

  /** @returns whether there was one; if not it comes later */
  #takeLease(): boolean {
    const kind = kindFor(this.#settings.kind, this.#chunk);
    try {
      this.#lease = this.#pool.tryLeaseKind(kind, this, this.#origin);
      if (this.#lease !== undefined) return true;
      this.#leaveQueue = this.#pool.waitForLease(kind, this, this.#origin, (error, lease) => {
        this.#leaveQueue = undefined;
        this.#lease = lease;
        if (error === null) this.#enqueue();
        else this.#failLater(error);
      });
      this.#phase = 'waiting';
    } catch (error) {
      this.#failLater(error as Error);
    }
    return false;
  }

  /** Writes until the chunk is used up, the reader is full, or the threadpool has it. A loop: bombs would overflow a stack. */
  #drive(engine: Engine): void {
    for (;;) {
      this.#phase = 'running';
      const fault = inputFault(this.#chunk, this.#offset + this.#left);
      if (fault !== undefined) {
        this.#failLater(fault);
        return;
      }
      const mayBeWhole = this.#mayBeWhole(engine);
      const expected = this.#expected(engine);
      const room = this.#inlineRoom(engine, expected, mayBeWhole);
      const { turnLength } = this.#pool.settings.inline;
      // An empty chunk, as the last flush is, costs next to nothing, and waiting with it would keep an engine from others.
      const isUsedUp = turn.inflatedLength >= turnLength && (this.#chunk.length > 0 || turnLength === 0);
      if (room > 0 && isUsedUp && turnLength > 0 && turn.isWorthWaitingFor(this.#chunk.length, expected ?? 0)) {
        this.#wait(turnLength);
        return;
      }
      if (room === 0 || isUsedUp) {
        this.#send(engine, expected ?? 0);
        return;
      }
      const memory = memoryFor(room, mayBeWhole ? (expected ?? 0) : 0);
      if (mayBeWhole) {
        this.#wholeWrite = engine.writeWhole(this.#chunk, memory, room);
        if (this.#wholeWrite === 'undone') {
          // Nobody knows how much it made. Of little input most often little.
          turn.spend(Math.min(room, USUAL_RATIO * this.#chunk.length));
          continue;
        }
      } else {
        engine.writeSync(this.#flag, this.#chunk, this.#offset, this.#left, memory, room);
      }
      if (!this.#absorb(engine, memory, room)) return;
    }
  }

  /** Whether all of the stream has come in this chunk, and nothing was made of it yet. */
  #mayBeWhole(engine: Engine): boolean {
    return (
      this.writableEnded &&
      this.#wholeWrite === undefined &&
      this.#inputLength === 0 &&
      this.#offset === 0 &&
      this.#chunk.length > 0 &&
      this.#chunk.length === this.writableLength &&
      this.#flag === Z_NO_FLUSH &&
      this.#settings.finishFlush === Z_FINISH &&
      engine.kind.reusable
    );
  }

  /** Room for output that the main thread may make of the rest of the chunk; 0 where it is the threadpool's. */
  #inlineRoom(engine: Engine, expected: number | undefined, mayBeWhole: boolean): number {
    const { inputLength, outputLength } = this.#pool.settings.inline;
    if (!engine.inline || this.#left > inputLength || inputLength === 0) return 0;
    const budget = outputLength - this.#inlineLength;
    if (expected !== undefined && expected > budget) return 0;
    // A byte more than there seems to be: an engine without room does not get to the trailer.
    const room = expected === undefined ? Math.max(0, budget) : budget + 1;
    const chunkRoom = this.#chunkRoom();
    // A chunkSize is kept to the byte: what does not fit goes on in the threadpool.
    if (room < chunkRoom && this.#settings.chunkLength !== 0) return 0;
    const inOnePiece = mayBeWhole && this.#settings.chunkLength === 0 && hasFullWindow(engine);
    return this.#limited(Math.min(room, inOnePiece ? Math.min(expected ?? WHOLE_LENGTH, WHOLE_LENGTH) + 1 : chunkRoom));
  }

  /** Only the turn is used up, and the input is so short that the way to the threadpool costs more than inflating it. */
  #wait(turnLength: number): void {
    this.#phase = 'queued';
    turn.whenFree(turnLength, () => this.#context.runInAsyncScope(this.#run, this));
  }

  /** What node:zlib would have left of its current output chunk. */
  #chunkRoom(): number {
    return (this.#settings.chunkLength || Z_DEFAULT_CHUNK) - this.#chunkFilled;
  }

  /** Never more than one byte over the limit, so that a bomb is stopped before it is inflated. */
  #limited(room: number): number {
    return Math.min(room, this.#limits.maxOutputLength - (this.#outputLength - this.#flushedOutput) + 1);
  }

  #send(engine: Engine, expected: number): void {
    const { chunkLength } = this.#settings;
    this.#slab ??= new Slab(readsAll(this.relay ?? this));
    const slab = this.#slab;
    this.#phase = 'inFlight';
    try {
      const output =
        chunkLength === 0
          ? slab.forOutput(expected, this.#limited(Number.POSITIVE_INFINITY), this.#chunk.length)
          : slab.ofLength(this.#limited(this.#chunkRoom()));
      engine.write(this.#flag, this.#chunk, this.#offset, this.#left, output, slab.room, () => {
        this.#context.runInAsyncScope(this.#landed, this);
      });
    } catch (error) {
      // There is no memory for a chunk of the chunkSize.
      this.#failLater(error as Error);
      return;
    }
    threadpool.sent();
  }

  /** Where a message came in one chunk, its last bytes may tell how much of it is still to come; undefined where they don't. */
  #expected(engine: Engine): number | undefined {
    if (this.#inputLength !== this.#offset) return undefined;
    const hint = sizeHint(engine.kind, this.#chunk);
    return hint === 0 ? undefined : Math.max(0, hint - this.#outputLength);
  }

  #landed(): void {
    threadpool.landed();
    if (this.#heldDestroy !== undefined) {
      this.#seal(...this.#heldDestroy);
      return;
    }
    this.#phase = 'running';
    const engine = engineOf(this.#lease as Lease);
    if (this.#absorb(engine, undefined, (this.#slab as Slab).room)) this.#drive(engine);
  }

  /**
   * Takes in what a write has given: pushes the output, and ends the chunk where that was all.
   * @param memory - what it was written to on the main thread; in the threadpool it was the slab
   * @returns whether to write again at once
   */
  #absorb(engine: Engine, memory: Buffer | undefined, room: number): boolean {
    if (engine.failure !== undefined) {
      this.#failLater(engine.failure);
      return false;
    }
    // Read before anything is pushed: whoever listens to 'data' may reset the engine.
    const { availIn, availOut } = engine;
    const used = this.#left - availIn;
    const made = room - availOut;
    this.#offset += used;
    this.#left = availIn;
    this.bytesWritten += used;
    this.#inputLength += used;
    this.#outputLength += made;
    this.#pool.count(used, made);
    const excess = overLimit(
      this.#limits,
      this.#inputLength - this.#flushedInput,
      this.#outputLength - this.#flushedOutput,
    );
    if (excess !== undefined) {
      this.#failLater(excess);
      return false;
    }
    if (memory !== undefined) {
      this.#inlineLength += made;
      turn.spend(Math.max(used, made));
    }
    let wanted = true;
    if (made > 0) {
      this.#chunkFilled = (this.#chunkFilled + made) % (this.#settings.chunkLength || Z_DEFAULT_CHUNK);
      const isFirst = !this.#hasPushed;
      this.#hasPushed = true;
      wanted = this.push(
        memory === undefined ? (this.#slab as Slab).take(made, isFirst) : handOut(memory, made, isFirst),
      );
      if (this.destroyed) {
        this.#settle();
        return false;
      }
    }
    if (availOut === 0) {
      if (wanted) {
        // Not of a reader that was paused by what it was given. null: a subclass hands the output on itself.
        if (this.readableFlowing !== false && this.readableLength === 0) this.#slab?.readerKeepsUp();
        return true;
      }
      this.#phase = 'paused';
      this.#slab?.readerIsFull();
      return false;
    }
    if (availIn > 0) {
      if (this.#settings.rejectGarbageAfterEnd) {
        const error = codedError('ERR_TRAILING_JUNK_AFTER_STREAM_END');
        this.#failLater(error, () => this.#settle(error));
        return false;
      }
      this.push(null);
    }
    this.#settle();
    return false;
  }

  /** Ends the chunk. */
  #settle(error?: Error): void {
    const done = this.#done as TransformCallback;
    this.#done = undefined;
    if (this.#chunk.length === 0 && markedFlush(this.#chunk) !== undefined) {
      this.#flushedInput = this.#inputLength;
      this.#flushedOutput = this.#outputLength;
    }
    this.#chunk = NOTHING;
    // A long chunk that was asked for is filled by many writes: as node:zlib's, such a stream keeps one.
    if (this.#settings.chunkLength <= FIRST_LENGTH) this.#slab?.drop();
    if (this.#phase !== 'sealed') this.#phase = 'idle';
    done(error);
  }

  /**
   * Never in the turn of the write, as no error from the threadpool would come: undici's fetch waits for ever where one does.
   * A write that failed does not call back, the error is the answer; but for one of which node:zlib's native part knows nothing.
   */
  #failLater(error: Error, then?: () => void): void {
    this.#phase = 'queued';
    setImmediate(() => {
      if (this.#phase !== 'queued') return;
      this.#phase = 'idle';
      this.#context.runInAsyncScope(() => {
        if (then === undefined) this.#done = undefined;
        this.destroy(error);
        then?.();
      });
    });
  }

  /** From here on the stream has no engine. The lease ends right after 'close', and the write it cut short calls back then. */
  #seal(error: Error | null, callback: (error?: Error | null) => void): void {
    const lease = this.#lease;
    const midway = this.#phase === 'queued' || this.#phase === 'waiting' || this.#phase === 'inFlight';
    const cutShort = midway ? this.#done : undefined;
    const clean = error === null && this.#heldDestroy === undefined;
    this.#lease = undefined;
    this.#leaveQueue?.();
    this.#phase = 'sealed';
    this.#slab?.drop();
    // Schedules 'close', where 'close' is emitted at all: what is scheduled next comes right after it.
    callback(error);
    if (lease !== undefined) process.nextTick(afterClose, lease, clean, error);
    // Not before the next turn, as one that comes back from the threadpool.
    if (cutShort !== undefined) setImmediate(() => this.#context.runInAsyncScope(cutShort));
  }
}

/**
 * Whether a stream's reader takes all it is given. A 'data' listener does. A pipe stops when its destination is full,
 * and a 'readable' listener or an iterator may never read.
 */
function readsAll(stream: Readable): boolean {
  const { pipes } = (stream as unknown as { _readableState: { pipes?: unknown[] } })._readableState;
  return stream.readableFlowing === true && pipes?.length === 0;
}

/** With a smaller one, zlib finds that data reaches back too far, or not, by where the output is cut. */
function hasFullWindow({ kind }: Engine): boolean {
  return kind.options.windowBits === Z_DEFAULT_WINDOWBITS;
}

function afterClose(lease: Lease, clean: boolean, error: Error | null): void {
  if (clean) lease.release();
  else lease.discard(error ?? undefined);
}

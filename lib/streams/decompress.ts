/**
 * The stream: a Transform that behaves as node:zlib's do and drives a leased engine. It leases at the first
 * byte and gives back right after its own 'close', which it holds back while a native write is in flight.
 * Small steps run on the main thread, one tick after the write and in the order that node:zlib's
 * events have; long ones go on in the threadpool, on the same engine.
 */
import { AsyncResource } from 'node:async_hooks';
import { constants as bufferConstants } from 'node:buffer';
import { EventEmitter } from 'node:events';
import { finished, type Readable, Transform, type TransformCallback } from 'node:stream';
import { FIRST_LENGTH, Slab } from '../driver/slab.ts';
import { constants } from '../engine/builtin-zlib.ts';
import { type Format, formatTraits, kindFor, sizeHint } from '../engine/codec.ts';
import { type Engine, endsWithChunk, inputFault, type WholeWrite } from '../engine/contract.ts';
import { handOut, memoryFor } from '../engine/memory.ts';
import { codedError, tooLarge } from '../errors.ts';
import { originOf } from '../observe/origin.ts';
import { engineOf, type Lease } from '../pool/lease.ts';
import { type Limits, limits, outputLimit, overLimit } from '../pool/options.ts';
import type { Pool } from '../pool/pool.ts';
import { nextTick, setImmediate } from '../schedule/clock.ts';
import { runIn, throwLater } from '../schedule/context.ts';
import { threadpool } from '../schedule/threadpool.ts';
import { enqueueNextRun, enqueueTick } from '../schedule/tick.ts';
import { turn } from '../schedule/turn.ts';
import { bufferOf, shownType } from '../validate.ts';
import { flushMark, markedFlush, strongerFlush } from './flush-marks.ts';
import { type LegacyHandle, legacyHandle } from './legacy.ts';
import { type DecompressOptions, type StreamSettings, streamSettings, transformOptions } from './options.ts';

/**
 * Where a stream is with the chunk it was given. idle: has none. queued: waits for its tick. waiting: for an engine. running: on the stack.
 * inFlight: in the threadpool. paused: waits for its reader. sealed: closed, for good.
 */
type Phase = 'idle' | 'queued' | 'waiting' | 'running' | 'inFlight' | 'paused' | 'sealed';

const { Z_NO_FLUSH, Z_FINISH, Z_DEFAULT_CHUNK, Z_DEFAULT_WINDOWBITS } = constants;
const NOTHING = Buffer.alloc(0);

/** Events after which node:stream has work to do, which is lost when a listener throws: the stream would never close. */
const followedByWork: ReadonlySet<string | symbol> = new Set(['drain', 'end', 'finish', 'prefinish', 'resume']);
/** Events after whose listeners have thrown no stream of node:zlib goes on. */
const givingOutput: ReadonlySet<string | symbol> = new Set(['data', 'readable']);

/** A message that comes in one chunk is made in one piece on the main thread, up to this length. Bytes. */
const WHOLE_LENGTH = 65_536;

/** Most data expands by less than this. */
const USUAL_RATIO = 16;

let settingsOf: (stream: DecompressStream) => StreamSettings;

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
  readonly #context = new AsyncResource('ZLIB');
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
  /** Whether a listener that rejects destroys the stream. node:zlib gives it the time for that between two chunks of output. */
  readonly #capturesRejections: boolean;
  /** Whether old code has read or assigned `_handle`. */
  #hasHandle = false;
  /** Whether the handle that was shown is closed: the stream gets no engine any more. */
  #isHandleClosed = false;

  static {
    settingsOf = (stream) => stream.#settings;
  }

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
    const { captureRejections } = (options ?? {}) as { captureRejections?: boolean };
    this.#capturesRejections = captureRejections === true || EventEmitter.captureRejections;
    this.#limits = settings.limits === undefined ? pool.settings : limits(settings.limits, pool.settings);
    this.#origin = originOf(pool.settings.leakDetection, new.target as never);
    // By its signal: see _destroy().
    if (this.destroyed) this.#phase = 'sealed';
  }

  /**
   * @internal A handle of the class that node:zlib's streams have, which is not the engine: some code takes its constructor, `params()`
   * calls it, and old code disables its `close` to keep the window over `_processChunk()`. null once the stream is destroyed.
   */
  get _handle(): LegacyHandle | null | undefined {
    if (this.destroyed) return null;
    // Deleted: node:zlib's streams have it as their own.
    if (this.#hasHandle) return undefined;
    const handle = legacyHandle(
      this,
      this.#settings,
      () => this.#closeHandle(),
      () => this.reset(),
    );
    this.#showHandle(handle);
    return handle;
  }

  /** @internal */
  set _handle(value: unknown) {
    this.#showHandle(value);
  }

  /** As the stream's own property, which can be deleted as with node:zlib. */
  #showHandle(value: unknown): void {
    this.#hasHandle = true;
    Reflect.defineProperty(this, '_handle', { configurable: true, enumerable: true, writable: true, value });
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
      if (callback !== undefined) nextTick(callback);
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
    if (this.destroyed || this.#isHandleGone) throw codedError('ERR_LEASE_SEALED');
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

  /**
   * @internal A listener that throws must not cost an engine. After 'data' the stream is destroyed: node:zlib's would hang, and going on would
   * hide that the listener has missed data. After 'end' and the like the exception is thrown in a tick, so that the stream can close.
   */
  override emit(event: string | symbol, ...args: unknown[]): boolean {
    try {
      return super.emit(event, ...args);
    } catch (error) {
      if (givingOutput.has(event)) this.destroy();
      if (!followedByWork.has(event)) throw error;
      throwLater(error);
      return true;
    }
  }

  override _transform(chunk: Buffer, _encoding: BufferEncoding, callback: TransformCallback): void {
    // write() takes a Proxy of a Buffer for a Buffer. It would end the process in native code.
    if (!ArrayBuffer.isView(chunk)) {
      nextTick(callback, notBytes(chunk));
      return;
    }
    let flag = markedFlush(chunk) ?? this.#settings.flush;
    if (this.writableEnded && this.writableLength === chunk.byteLength) {
      flag = strongerFlush(flag, this.#settings.finishFlush);
    }
    this.#begin(chunk, flag, callback);
  }

  /**
   * @internal The way in that node:zlib keeps for old code. Without a callback it inflates the chunk on the calling thread, returns all output,
   * and closes the handle, as node:zlib does. Code that disables the handle's `close()` meanwhile and assigns `_handle` again keeps the window.
   * @throws `ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE` or an error while a write is in progress, where node:zlib ends the process. Without a callback
   * the error of the data, which destroys the stream; an error of the pool; `ERR_LEASE_SEALED` once the handle is closed
   */
  _processChunk(chunk: Buffer, flag: number, callback?: TransformCallback): Buffer | undefined {
    const input = bufferOf(chunk);
    if (input === undefined) throw notBytes(chunk);
    if (!(Number.isInteger(flag) && flag >= 0 && flag <= formatTraits(this.#settings.kind.format).lastFlush)) {
      throw codedError('ERR_OUT_OF_RANGE', 'The flush flag must be a flush constant of the format');
    }
    if (typeof callback !== 'function') return this.#processSync(input, flag);
    this.#begin(input, flag, callback);
    return undefined;
  }

  #processSync(input: Buffer, flag: number): Buffer {
    this.#checkIdle();
    const fault = inputFault(input, input.length);
    if (fault !== undefined) throw fault;
    if (this.#lease === undefined) {
      // It can't wait: it may be one more than maxLeased, as for decompressSync().
      this.#lease = this.#pool.lend(kindFor(this.#settings.kind, input), this, this.#origin);
      this.#pool.announce(this.#lease);
      // A subscriber of the channel may have destroyed the stream, or written to it.
      this.#checkIdle();
    }
    const engine = engineOf(this.#lease as unknown as Lease);
    const most = Math.min(outputLimit(this.#limits, input.length), bufferConstants.MAX_LENGTH);
    let output: Buffer;
    try {
      output = engine.processChunk(flag, input, this.#settings.chunkLength || Z_DEFAULT_CHUNK, most);
    } catch (error) {
      // As node:zlib's own: the error is thrown and emitted, and has a listener.
      this.on('error', () => {});
      const isOver = !engine.inline && (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
      const failure = isOver ? (overLimit(this.#limits, input.length, most + 1) ?? tooLarge(most)) : (error as Error);
      this.destroy(failure);
      throw failure;
    }
    const used = input.length - engine.availIn;
    this.bytesWritten = used;
    this.#inputLength += used;
    this.#outputLength += output.length;
    this.#pool.count(used, output.length);
    const hasGarbage = engine.availIn > 0 && this.#settings.rejectGarbageAfterEnd;
    const handle = this.#hasHandle ? this._handle : undefined;
    this.#showHandle(null);
    if (handle) handle.close();
    else this.#closeHandle();
    if (output.length > most) throw overLimit(this.#limits, used, output.length) ?? tooLarge(most);
    if (hasGarbage) throw codedError('ERR_TRAILING_JUNK_AFTER_STREAM_END');
    return output;
  }

  /** @throws unless a write could begin now */
  #checkIdle(): void {
    if (this.#phase === 'sealed' || this.#isHandleGone) throw codedError('ERR_LEASE_SEALED');
    if (this.#phase !== 'idle') throw new Error('A write is in progress');
  }

  /** Whether old code has closed, deleted or nulled the handle. */
  get #isHandleGone(): boolean {
    return this.#hasHandle && (this.#isHandleClosed || !this._handle);
  }

  /** The stream has no engine any more, as node:zlib's: it has ended at its `_processChunk()`. */
  #closeHandle(): void {
    this.#isHandleClosed = true;
    const lease = this.#lease;
    if (this.#phase !== 'idle' || lease === undefined) return;
    this.#lease = undefined;
    lease.release();
  }

  #begin(chunk: Buffer, flag: number, callback: TransformCallback): void {
    if (this.#phase === 'sealed' || this.#isHandleGone) {
      nextTick(callback);
      return;
    }
    if (this.#phase !== 'idle') throw new Error('A write is in progress');
    this.#chunk = chunk;
    this.#offset = 0;
    this.#left = chunk.byteLength;
    this.#flag = flag;
    this.#inlineLength = 0;
    this.#done = callback;
    this.#enqueue();
  }

  override _flush(callback: TransformCallback): void {
    this.#phase = 'queued';
    this.#done = callback;
    enqueueNextRun(this.#context, this.#flushLast, this);
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
    // An aborted signal destroys the stream inside of super(), when it has no fields yet.
    if (!(#phase in this)) callback(error);
    else if (this.#phase === 'inFlight') this.#heldDestroy = [error, callback];
    else this.#seal(error, callback);
  }

  /** A run of ticks after 'finish', with what it pushes and with 'end': each can be awaited after the one before. */
  #flushLast(): void {
    if (this.#phase !== 'queued') return;
    this.#phase = 'idle';
    this._transform(NOTHING, 'binary', this.#done as TransformCallback);
  }

  #enqueue(): void {
    this.#phase = 'queued';
    if (this.#capturesRejections) enqueueNextRun(this.#context, this.#enqueueRun, this);
    else this.#enqueueRun();
  }

  #enqueueRun(): void {
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
  }

  /** @returns whether the stream has one now; if not it comes later, or the stream is destroyed */
  #takeLease(): boolean {
    const kind = kindFor(this.#settings.kind, this.#chunk);
    try {
      this.#lease = this.#pool.tryLeaseKind(kind, this, this.#origin);
      if (this.#lease !== undefined) {
        this.#pool.announce(this.#lease);
        // Undefined again if a subscriber has destroyed the stream.
        return this.#lease !== undefined;
      }
      this.#leaveQueue = this.#pool.waitForLease(kind, this, this.#origin, (error, lease) => {
        this.#leaveQueue = undefined;
        this.#lease = lease;
        if (error === null) this.#enqueue();
        else this.#failLater(error);
      });
      this.#phase = 'waiting';
      this.#pool.announceWait(kind);
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
      if (room > 0 && this.#chunk.length === 0 && turn.isFullOfEmptySteps) {
        this.#phase = 'queued';
        turn.whenFreeOfEmptySteps(this.#context, this.#run, this);
        return;
      }
      if (room === 0 || isUsedUp) {
        this.#send(engine, expected ?? 0);
        return;
      }
      const memory = memoryFor(room, mayBeWhole ? (expected ?? 0) : 0);
      if (mayBeWhole) {
        this.#wholeWrite = engine.writeWhole(this.#chunk, memory, room, this.#chunkRoom());
        if (this.#wholeWrite === 'undone' || this.#wholeWrite === 'failed') {
          // Nobody knows how much it made. Of little input most often little.
          turn.spend(Math.min(room, USUAL_RATIO * this.#chunk.length));
          if (this.#wholeWrite === 'undone') continue;
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
    // A chunkSize is kept to the byte: what does not fit goes on in the threadpool. So are the chunks of Zstandard: see endsWithChunk().
    if (room < chunkRoom && (this.#settings.chunkLength !== 0 || engine.kind.format === 'zstd')) return 0;
    const inOnePiece = mayBeWhole && this.#settings.chunkLength === 0 && hasFullWindow(engine);
    const wholeRoom = expected === undefined || expected >= WHOLE_LENGTH ? WHOLE_LENGTH : expected + 1;
    return this.#limited(Math.min(room, inOnePiece ? wholeRoom : chunkRoom));
  }

  /** Only the turn is used up, and the input is so short that the way to the threadpool costs more than inflating it. */
  #wait(turnLength: number): void {
    this.#phase = 'queued';
    turn.whenFree(turnLength, this.#context, this.#run, this);
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
    try {
      const output =
        chunkLength === 0
          ? slab.forOutput(expected, this.#limited(Number.POSITIVE_INFINITY), this.#chunk.length)
          : slab.ofLength(this.#limited(this.#chunkRoom()));
      // As far as node:zlib's chunk would end: see endsWithChunk().
      if (chunkLength === 0 && engine.kind.format === 'zstd' && slab.room % Z_DEFAULT_CHUNK === 0) {
        slab.room -= this.#chunkFilled;
      }
      engine.write(this.#flag, this.#chunk, this.#offset, this.#left, output, slab.room, () => {
        runIn(this.#context, this.#landed, this);
      });
    } catch (error) {
      // There is no memory for a chunk of the chunkSize.
      this.#failLater(error as Error);
      return;
    }
    this.#phase = 'inFlight';
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
    if (engine.failed) {
      this.#failLater(undefined);
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
    if (memory !== undefined) {
      this.#inlineLength += made;
      // Data behind the end is counted too, though none of it is used.
      turn.spend(Math.max(used, made, this.#chunk.length > 0 ? 1 : 0));
    }
    const excess = overLimit(
      this.#limits,
      this.#inputLength - this.#flushedInput,
      this.#outputLength - this.#flushedOutput,
    );
    if (excess !== undefined) {
      this.#failLater(excess);
      return false;
    }
    let wanted = true;
    if (made > 0) {
      this.#chunkFilled = (this.#chunkFilled + made) % (this.#settings.chunkLength || Z_DEFAULT_CHUNK);
      const isFirst = !this.#hasPushed;
      this.#hasPushed = true;
      wanted = this.#give(
        memory === undefined ? (this.#slab as Slab).take(made, isFirst) : handOut(memory, made, isFirst),
      );
      if (this.destroyed) {
        this.#settle();
        return false;
      }
    }
    if (availOut === 0 || (availIn > 0 && endsWithChunk(engine, made, this.#chunkFilled))) {
      if (wanted) {
        // Not of a reader that was paused by what it was given. null: a subclass hands the output on itself.
        if (this.readableFlowing !== false && this.readableLength === 0) this.#slab?.readerKeepsUp();
        if (!this.#capturesRejections) return true;
        this.#enqueue();
        return false;
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
      this.#give(null);
    }
    this.#settle();
    return false;
  }

  /** As `push()`. A stream whose listener or own `push()` throws is destroyed. */
  #give(chunk: Buffer | null): boolean {
    try {
      return this.push(chunk);
    } catch (error) {
      throwLater(error);
      this.destroy();
      return false;
    }
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
    try {
      done(error);
    } catch (thrown) {
      // A write callback. If the write was the last, node:stream has not gone on to 'finish', and never will.
      if (this.writableEnded && this.#phase === 'idle') this.destroy();
      throw thrown;
    }
  }

  /**
   * Never in the turn of the write, as no error from the threadpool would come: undici's fetch waits for ever where one does.
   * A write that failed does not call back, the error is the answer; but for one of which node:zlib's native part knows nothing.
   * @param error - undefined for the failure of the engine: its stack trace is taken here, where the stack is short
   */
  #failLater(error: Error | undefined, then?: () => void): void {
    this.#phase = 'queued';
    this.#context.runInAsyncScope(setImmediate, undefined, () => {
      if (this.#phase !== 'queued') return;
      this.#phase = 'idle';
      const failure = error ?? engineOf(this.#lease as Lease).failure;
      if (then === undefined) this.#done = undefined;
      this.destroy(failure);
      then?.();
    });
  }

  /** From here on the stream has no engine. The lease ends right after 'close', and the write it cut short calls back then. */
  #seal(error: Error | null, callback: (error?: Error | null) => void): void {
    const lease = this.#lease;
    const midway = this.#phase === 'queued' || this.#phase === 'waiting' || this.#phase === 'inFlight';
    const cutShort = midway ? this.#done : undefined;
    const clean = this.#heldDestroy === undefined && (error === null || isFailureOf(lease, error));
    this.#lease = undefined;
    this.#leaveQueue?.();
    this.#phase = 'sealed';
    this.#slab?.drop();
    if (this.#hasHandle) this.#showHandle(null);
    // Schedules 'close', where 'close' is emitted at all: what is scheduled next comes right after it.
    callback(error);
    if (lease !== undefined) nextTick(afterClose, lease, clean, error);
    // Not before the next turn, as one that comes back from the threadpool.
    if (cutShort !== undefined) this.#context.runInAsyncScope(setImmediate, undefined, cutShort);
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

/** Whether the data is bad, and nothing else went wrong: the pool reuses only engines that a reset cleans after that. */
function isFailureOf(lease: Lease | undefined, error: Error): boolean {
  return lease !== undefined && engineOf(lease).failure === error;
}

function notBytes(chunk: unknown): Error {
  return codedError(
    'ERR_INVALID_ARG_TYPE',
    `A chunk must be a Buffer, TypedArray, DataView or ArrayBuffer. Received ${shownType(chunk)}`,
  );
}

/** Not exported from the package. */
export { settingsOf };

function afterClose(lease: Lease, clean: boolean, error: Error | null): void {
  if (clean) lease.release();
  else lease.discard(error ?? undefined);
}

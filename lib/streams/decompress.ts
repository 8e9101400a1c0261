/**
 * The stream: a Transform that behaves as node:zlib's do, and the owner of a driver. It leases an engine at the first byte and
 * ends the lease right after its own 'close', which waits for a native write in flight. It is longer than 250 lines, since all of
 * its members, with those that node:zlib keeps for old code, have to be on one prototype: see `node-zlib/stock-shape.ts`.
 */
import { AsyncResource } from 'node:async_hooks';
import { constants as bufferConstants } from 'node:buffer';
import { EventEmitter } from 'node:events';
import { finished, type Readable, Transform, type TransformCallback } from 'node:stream';
import { Driver } from '../driver/driver.ts';
import { constants } from '../engine/builtin-zlib.ts';
import { type Format, formatTraits } from '../engine/codec.ts';
import { type Engine, inputFault } from '../engine/contract.ts';
import { codedError, tooLarge } from '../errors.ts';
import { originOf } from '../observe/origin.ts';
import type { Lease } from '../pool/lease.ts';
import { type Limits, limits, outputLimit, overLimit } from '../pool/options.ts';
import type { Pool } from '../pool/pool.ts';
import { nextTick, setImmediate } from '../schedule/clock.ts';
import { throwLater } from '../schedule/context.ts';
import { enqueueNextRun } from '../schedule/tick.ts';
import { bufferOf, shownType } from '../validate.ts';
import { flushMark, markedFlush, strongerFlush } from './flush-marks.ts';
import { type LegacyHandle, legacyHandle } from './legacy.ts';
import { type DecompressOptions, type StreamSettings, streamSettings, transformOptions } from './options.ts';

const { Z_NO_FLUSH, Z_FINISH, Z_DEFAULT_CHUNK } = constants;
const NOTHING = Buffer.alloc(0);

/** Events after which node:stream has work to do, which is lost when a listener throws: the stream would never close. */
const followedByWork: ReadonlySet<string | symbol> = new Set(['drain', 'end', 'finish', 'prefinish', 'resume']);
/** Events after whose listeners have thrown no stream of node:zlib goes on. */
const givingOutput: ReadonlySet<string | symbol> = new Set(['data', 'readable']);

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

  /** @internal For the driver: a listener that rejects destroys the stream, and node:zlib gives it the time for that. */
  readonly isSpaced: boolean;
  readonly #settings: StreamSettings;
  readonly #limits: Readonly<Required<Limits>>;
  readonly #driver: Driver;
  #chunk: Buffer = NOTHING;
  #flag = Z_NO_FLUSH;
  #done: TransformCallback | undefined;
  #heldDestroy: [error: Error | null, callback: (error?: Error | null) => void] | undefined;
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
    this.#settings = settings;
    this.#limits = settings.limits === undefined ? pool.settings : limits(settings.limits, pool.settings);
    const { captureRejections } = (options ?? {}) as { captureRejections?: boolean };
    this.isSpaced = captureRejections === true || EventEmitter.captureRejections;
    const origin = originOf(pool.settings.leakDetection, new.target as never);
    this.#driver = new Driver(this, pool, new AsyncResource('ZLIB'), settings, this.#limits, origin);
    // By its signal: see _destroy().
    if (this.destroyed) this.#driver.stop();
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
    if (this.#driver.isMidway) throw new Error('Cannot reset zlib stream while a write is in progress');
    this.#driver.reset();
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
    const engine = this.#driver.engineNow(input) as Engine;
    // A subscriber of the channel may have destroyed the stream, or written to it.
    this.#checkIdle();
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
    this.#driver.countNow(used, output.length);
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
    if (this.destroyed || this.#isHandleGone) throw codedError('ERR_LEASE_SEALED');
    if (!this.#driver.isIdle) throw new Error('A write is in progress');
  }

  /** Whether old code has closed, deleted or nulled the handle. */
  get #isHandleGone(): boolean {
    return this.#hasHandle && (this.#isHandleClosed || !this._handle);
  }

  /** The stream has no engine any more, as node:zlib's: it has ended at its `_processChunk()`. */
  #closeHandle(): void {
    this.#isHandleClosed = true;
    if (this.#driver.isIdle) this.#driver.takeLease()?.release();
  }

  #begin(chunk: Buffer, flag: number, callback: TransformCallback): void {
    if (this.destroyed || this.#isHandleGone) {
      nextTick(callback);
      return;
    }
    if (!this.#driver.isIdle) throw new Error('A write is in progress');
    this.#chunk = chunk;
    this.#flag = flag;
    this.#done = callback;
    this.#driver.begin(chunk, flag);
  }

  override _flush(callback: TransformCallback): void {
    this.#driver.hold();
    this.#done = callback;
    enqueueNextRun(this.#driver.context, this.#flushLast, this);
  }

  /** As node:zlib: the last flush comes after 'prefinish', not before 'finish'. */
  override _final(callback: (error?: Error | null) => void): void {
    callback();
  }

  override _read(size: number): void {
    this.#driver.resume();
    super._read(size);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // An aborted signal destroys the stream inside of super(), when it has no fields yet.
    if (!(#driver in this)) {
      callback(error);
      return;
    }
    const { isMidway } = this.#driver;
    if (this.#driver.stop()) this.#seal(isMidway, error, callback);
    else this.#heldDestroy = [error, callback];
  }

  /** A run of ticks after 'finish', with what it pushes and with 'end': each can be awaited after the one before. */
  #flushLast(): void {
    if (!this.#driver.isHeld) return;
    this.#driver.free();
    this._transform(NOTHING, 'binary', this.#done as TransformCallback);
  }

  /** @internal For the driver. */
  get keepsAll(): boolean {
    return false;
  }

  /** @internal For the driver. */
  isWhole(): boolean {
    const { length } = this.#chunk;
    return (
      this.writableEnded &&
      length > 0 &&
      length === this.writableLength &&
      this.#flag === Z_NO_FLUSH &&
      this.#settings.finishFlush === Z_FINISH
    );
  }

  /** @internal For the driver. A stream that is read by nobody, or by a pipe, may be given much that is not taken. */
  keepsUp(hasTaken: boolean): boolean {
    // null: a subclass hands the output on itself.
    return hasTaken ? this.readableFlowing !== false && this.readableLength === 0 : readsAll(this.relay ?? this);
  }

  /** @internal For the driver. */
  onOutput(chunk: Buffer): boolean {
    try {
      return this.push(chunk);
    } catch (error) {
      return this.#thrown(error);
    }
  }

  /** @internal For the driver. */
  onConsumed(trailing: number): void {
    if (trailing > 0) {
      if (this.#settings.rejectGarbageAfterEnd) {
        const error = codedError('ERR_TRAILING_JUNK_AFTER_STREAM_END');
        this.#driver.hold();
        this.#failLater(error, () => this.#settle(error));
        return;
      }
      try {
        this.push(null);
      } catch (error) {
        this.#thrown(error);
      }
    }
    this.#settle();
  }

  /** @internal For the driver. */
  onError(error: Error | undefined): void {
    this.#failLater(error);
  }

  /** @internal For the driver. */
  onStopped(): void {
    if (this.#heldDestroy === undefined) this.#settle();
    else this.#seal(true, ...this.#heldDestroy);
  }

  /** A stream whose listener or own `push()` throws is destroyed. */
  #thrown(error: unknown): false {
    throwLater(error);
    this.destroy();
    return false;
  }

  /** Ends the chunk. */
  #settle(error?: Error): void {
    const done = this.#done as TransformCallback;
    this.#done = undefined;
    if (this.#chunk.length === 0 && markedFlush(this.#chunk) !== undefined) this.#driver.flushed();
    this.#chunk = NOTHING;
    try {
      done(error);
    } catch (thrown) {
      // A write callback. If the write was the last, node:stream has not gone on to 'finish', and never will.
      if (this.writableEnded && this.#driver.isIdle) this.destroy();
      throw thrown;
    }
  }

  /**
   * Never in the turn of the write, as no error from the threadpool would come: undici's fetch waits for ever where one does.
   * A write that failed does not call back, the error is the answer; but for one of which node:zlib's native part knows nothing.
   * @param error - undefined for the failure of the engine: its stack trace is taken here, where the stack is short
   */
  #failLater(error: Error | undefined, then?: () => void): void {
    this.#driver.context.runInAsyncScope(setImmediate, undefined, () => {
      if (!this.#driver.isHeld) return;
      this.#driver.free();
      const failure = error ?? this.#driver.failure;
      if (then === undefined) this.#done = undefined;
      this.destroy(failure);
      then?.();
    });
  }

  /** From here on the stream has no engine. The lease ends right after 'close', and the write it cut short calls back then. */
  #seal(isMidway: boolean, error: Error | null, callback: (error?: Error | null) => void): void {
    const cutShort = isMidway ? this.#done : undefined;
    const clean = this.#heldDestroy === undefined && (error === null || error === this.#driver.failure);
    const lease = this.#driver.takeLease();
    if (this.#hasHandle) this.#showHandle(null);
    // Schedules 'close', where 'close' is emitted at all: what is scheduled next comes right after it.
    callback(error);
    if (lease !== undefined) nextTick(afterClose, lease, clean, error);
    // Not before the next turn, as one that comes back from the threadpool.
    if (cutShort !== undefined) this.#driver.context.runInAsyncScope(setImmediate, undefined, cutShort);
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

/**
 * The stream of both directions: a Transform that behaves as node:zlib's do, and the owner of a
 * driver. It leases an engine at the first chunk or flush. The lease ends right after 'close', which
 * waits for a native write in flight. The file is longer than 250 lines, since all members have to be on
 * one prototype.
 */
import { AsyncResource } from 'node:async_hooks';
import { EventEmitter } from 'node:events';
import { finished, type Readable, Transform, type TransformCallback } from 'node:stream';
import { Driver } from '../driver/driver.ts';
import { constants } from '../engine/builtin-zlib.ts';
import type { Codec } from '../engine/codec.ts';
import { codedError, withShortStack } from '../errors.ts';
import { originOf } from '../observe/origin.ts';
import type { Lease } from '../pool/lease.ts';
import type { Limits } from '../pool/options.ts';
import type { Pool } from '../pool/pool.ts';
import { nextTick, setImmediate } from '../schedule/clock.ts';
import { throwLater } from '../schedule/context.ts';
import { enqueueNextRun } from '../schedule/tick.ts';
import { bufferOf, shownType } from '../validate.ts';
import { flushMark, markedFlush, strongerFlush } from './flush-marks.ts';
import { Legacy, type StockHandle } from './legacy.ts';
import { type StreamOptions, transformOptions } from './options.ts';
import { limitsOf, type StreamSettings, streamSettings } from './settings.ts';

const { Z_NO_FLUSH, Z_DEFAULT_CHUNK } = constants;
const NOTHING = Buffer.alloc(0);

/**
 * Events after which node:stream has more work to do. An exception of a listener prevents that
 * work, and the stream would never close.
 */
const followedByWork: ReadonlySet<string | symbol> = new Set(['drain', 'end', 'finish', 'prefinish', 'resume']);
/** Events after which a stream of node:zlib does not go on if a listener throws. */
const givingOutput: ReadonlySet<string | symbol> = new Set(['data', 'readable']);

let settingsOf: (stream: ZlibStream) => StreamSettings;

/** A pooled stream. Its options, methods, events and errors are those of node:zlib's streams. */
export abstract class ZlibStream extends Transform {
  /** Bytes consumed so far, as `bytesWritten` of node:zlib's streams. */
  bytesWritten = 0;

  /** @internal Stream that passes the output on, if there is one. Its reader may stop reading. */
  relay: Readable | undefined;

  /**
   * @internal Part of `Owner`. A listener that rejects destroys the stream, and node:zlib leaves
   * time for that between two pieces of output.
   */
  readonly isSpaced: boolean;
  readonly #settings: StreamSettings;
  readonly #limits: Readonly<Required<Limits>>;
  readonly #driver: Driver;
  /** Whether a flush was queued that the last one does not include. */
  #isParted = false;
  #chunk: Buffer = NOTHING;
  #flag = Z_NO_FLUSH;
  #done: TransformCallback | undefined;
  #heldDestroy: [error: Error | null, callback: (error?: Error | null) => void] | undefined;
  /** Undocumented members that old code uses, created at their first use. */
  #legacy: Legacy | undefined;

  static {
    settingsOf = (stream) => stream.#settings;
  }

  /**
   * @param pool - pool that leases the engine
   * @param options - options of node:zlib, and limits. Default none
   * @throws the errors of the constructor of node:zlib's stream for these options
   */
  constructor(pool: Pool, codec: Codec, options?: StreamOptions) {
    const settings = streamSettings(codec, options);
    super(transformOptions(options));
    this.#settings = settings;
    this.#limits = limitsOf(pool, settings);
    const { captureRejections } = (options ?? {}) as { captureRejections?: boolean };
    this.isSpaced = captureRejections === true || EventEmitter.captureRejections;
    const origin = originOf(pool.settings.leakDetection, new.target as never);
    this.#driver = new Driver(this, pool, new AsyncResource('ZLIB'), settings, this.#limits, origin);
    // An aborted signal has destroyed the stream already: see `_destroy()`.
    if (this.destroyed) this.#driver.stop();
  }

  /**
   * @internal Handle of the class that node:zlib's streams have. The handle is not the engine. Some
   * code reads its constructor or calls its `params()`. Old code disables its `close()` to keep the
   * window over `_processChunk()`. The property is null once the stream is destroyed.
   */
  get _handle(): StockHandle | null | undefined {
    return this.destroyed ? null : this.#old.handle();
  }

  /** @internal */
  set _handle(value: unknown) {
    this.#old.show(value);
  }

  get #old(): Legacy {
    this.#legacy ??= new Legacy(this, this.#driver, this.#settings, this.#limits);
    return this.#legacy;
  }

  /**
   * Converts pending data, pushes the output and calls back, as node:zlib's `flush()`.
   * @param kind - a flush constant of the format; default `Z_FULL_FLUSH`, `BROTLI_OPERATION_FLUSH`
   * or `ZSTD_e_flush`
   * @param callback - called after the flush
   * @throws what node:zlib's `flush()` throws for a bad `kind`, from Node 22 on
   */
  flush(kind?: number | (() => void), callback?: () => void): void {
    // node:zlib ignores any callback that is falsy, and write() any that is no function.
    if (typeof kind === 'function' || (kind === undefined && !callback)) {
      callback = kind as (() => void) | undefined;
      kind = this.#settings.fullFlush;
    }
    const mark = flushMark(this.#settings.kind.codec, kind, this.writableEnded);
    const { finishFlush } = this.#settings;
    // Metadata of Brotli is not a part of the last write.
    if (strongerFlush(markedFlush(mark) as number, finishFlush) !== finishFlush) this.#isParted = true;
    if (this.writableFinished) {
      if (callback) nextTick(callback);
    } else if (this.writableEnded) {
      if (callback) this.once('end', callback);
    } else {
      this.write(mark, 'binary', callback);
    }
  }

  /**
   * Resets the engine for another message on the same stream, as node:zlib's `reset()`. It may be
   * called inside 'data'.
   * @throws `ERR_LEASE_SEALED` once the stream is destroyed; an error while a write is in progress,
   * as node:zlib from Node 22 on
   */
  reset(): void {
    if (this.destroyed || this.#legacy?.isHandleGone) throw codedError('ERR_LEASE_SEALED');
    if (this.#driver.isMidway) throw new Error('Cannot reset zlib stream while a write is in progress');
    this.#driver.reset();
    const { failure } = this.#driver;
    if (failure !== undefined) this.destroy(failure);
  }

  /**
   * Destroys the stream, as node:zlib's `close()`.
   * @param callback - called once the stream is closed
   */
  close(callback?: (error?: NodeJS.ErrnoException | null) => void): void {
    if (callback) finished(this, callback);
    this.destroy();
  }

  /**
   * @internal Keeps an engine from being lost if a listener throws. After 'data' and 'readable' the
   * stream is destroyed. node:zlib's stream would hang. Going on would hide that the listener has
   * missed data. After 'end' and similar events the exception is thrown in a tick, so that the
   * stream can close.
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
    // write() accepts a Proxy of a Buffer, which would end the process in native code.
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
   * @internal Converts a chunk for old code, as node:zlib's method of this name. Without a callback
   * it works on the calling thread, returns all output and closes the handle. Code that disables
   * `close()` of the handle meanwhile, and assigns `_handle` again, keeps the window.
   * @throws `ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE` or an error while a write is in progress.
   * node:zlib ends the process for these. Without a callback it also throws the error of the data,
   * which destroys the stream, or an error of the pool. It throws `ERR_LEASE_SEALED` once the
   * handle is closed
   */
  _processChunk(chunk: Buffer, flag: number, callback?: TransformCallback): Buffer | undefined {
    const input = bufferOf(chunk);
    if (input === undefined) throw notBytes(chunk);
    if (!(Number.isInteger(flag) && flag >= 0 && flag <= this.#settings.kind.codec.lastFlush)) {
      throw codedError('ERR_OUT_OF_RANGE', 'The flush flag must be a flush constant of the format');
    }
    if (typeof callback !== 'function') return this.#old.processSync(input, flag);
    this.#begin(input, flag, callback);
    return undefined;
  }

  #begin(chunk: Buffer, flag: number, callback: TransformCallback): void {
    if (this.destroyed || this.#legacy?.isHandleGone) {
      nextTick(callback);
      return;
    }
    if (!this.#driver.isIdle) throw new Error('A write is in progress');
    this.#chunk = chunk;
    this.#flag = flag;
    this.#done = callback;
    // The last flush has waited for its tick already.
    this.#driver.begin(chunk, flag, chunk === NOTHING);
  }

  override _flush(callback: TransformCallback): void {
    this.#driver.hold();
    this.#done = callback;
    enqueueNextRun(this.#driver.context, this.#flushLast, this);
  }

  /**
   * Calls back at once, as node:zlib's: the last flush comes after 'prefinish' and does not delay
   * 'finish'.
   */
  override _final(callback: (error?: Error | null) => void): void {
    callback();
  }

  override _read(size: number): void {
    this.#driver.resume();
    super._read(size);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // An aborted signal destroys the stream inside super(), before its fields exist.
    if (!(#driver in this)) {
      callback(error);
      return;
    }
    const { isMidway } = this.#driver;
    if (this.#driver.stop()) this.#seal(isMidway, error, callback);
    else this.#heldDestroy = [error, callback];
  }

  /**
   * Flushes for the last time, a run of ticks after 'finish'. Code that awaits 'finish' is in time
   * for the output and for 'end'.
   */
  #flushLast(): void {
    if (!this.#driver.isHeld) return;
    this.#driver.free();
    this._transform(NOTHING, 'binary', this.#done as TransformCallback);
  }

  /** @internal Name of the factory, for the pool. */
  get entry(): string {
    return this.#settings.kind.codec.names.create;
  }

  /** @internal Part of `Owner`. */
  get keepsAll(): boolean {
    return false;
  }

  /** @internal Part of `Owner`. */
  isWhole(): boolean {
    const { length } = this.#chunk;
    const { compresses, finishFlush } = this.#settings.kind.codec;
    return (
      this.writableEnded &&
      length > 0 &&
      length === this.writableLength &&
      this.#flag === Z_NO_FLUSH &&
      !this.#isParted &&
      // An encoder keeps a `chunkSize` to the byte.
      (!compresses || this.#settings.chunkLength === Z_DEFAULT_CHUNK) &&
      this.#settings.finishFlush === finishFlush
    );
  }

  /**
   * @internal Part of `Owner`. A stream without a reader, or with a pipe, may get much output that
   * is not taken.
   */
  keepsUp(hasTaken: boolean): boolean {
    // `readableFlowing` is null if a subclass passes the output on itself.
    return hasTaken ? this.readableFlowing !== false && this.readableLength === 0 : readsAll(this.relay ?? this);
  }

  /** @internal Part of `Owner`. */
  onOutput(chunk: Buffer): boolean {
    try {
      return this.push(chunk);
    } catch (error) {
      return this.#thrown(error);
    }
  }

  /** @internal Part of `Owner`. */
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

  /** @internal Part of `Owner`. */
  onError(error: Error | undefined): void {
    this.#failLater(error);
  }

  /** @internal Part of `Owner`. */
  onStopped(): void {
    if (this.#heldDestroy === undefined) this.#settle();
    else this.#seal(true, ...this.#heldDestroy);
  }

  /** Destroys a stream whose listener or own `push()` has thrown. */
  #thrown(error: unknown): false {
    throwLater(error);
    this.destroy();
    return false;
  }

  /** Ends the chunk and calls back. */
  #settle(error?: Error): void {
    const done = this.#done as TransformCallback;
    this.#done = undefined;
    if (this.#chunk.length === 0 && markedFlush(this.#chunk) !== undefined) this.#driver.flushed();
    this.#chunk = NOTHING;
    try {
      done(error);
    } catch (thrown) {
      // A write callback has thrown. If the write was the last, node:stream never emits 'finish'.
      if (this.writableEnded && this.#driver.isIdle) this.destroy();
      throw thrown;
    }
  }

  /**
   * Fails in a later turn than the write, as errors of the threadpool do. undici's fetch waits
   * forever for an error in the turn of the write. The callback of a write that failed is not
   * called. `then` calls it for an error that node:zlib's native part does not know.
   * @param error - undefined for the failure of the engine
   */
  #failLater(error: Error | undefined, then?: () => void): void {
    this.#driver.context.runInAsyncScope(setImmediate, undefined, () => {
      if (!this.#driver.isHeld) return;
      this.#driver.free();
      const failure = error ?? withShortStack(() => this.#driver.failure);
      if (then === undefined) this.#done = undefined;
      this.destroy(failure);
      then?.();
    });
  }

  /**
   * Takes the engine from the stream for good. The lease ends right after 'close'. A write that was
   * cut short calls back in a later turn.
   */
  #seal(isMidway: boolean, error: Error | null, callback: (error?: Error | null) => void): void {
    const cutShort = isMidway ? this.#done : undefined;
    const clean = this.#heldDestroy === undefined && (error === null || error === this.#driver.failure);
    const lease = this.#driver.takeLease();
    this.#legacy?.hide();
    // Schedules 'close', if the stream emits it at all. The tick scheduled next comes right after
    // it.
    callback(error);
    if (lease !== undefined) nextTick(afterClose, lease, clean, error);
    // In a later turn, as after a write in the threadpool.
    if (cutShort !== undefined) this.#driver.context.runInAsyncScope(setImmediate, undefined, cutShort);
  }
}

/**
 * Returns whether a stream's reader takes all output. A 'data' listener does. A pipe stops when its
 * destination is full. A 'readable' listener or an iterator may never read.
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

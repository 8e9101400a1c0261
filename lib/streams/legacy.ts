/**
 * The old ways into a stream: `_processChunk()` without a callback, and the undocumented properties
 * that old code reads from node:zlib's streams, such as `_handle`. The properties belong to a stock
 * stream with the same options, which is made when one of them is first read. It is not the engine
 * of the pooled stream. Only a lease gives access to the engine.
 */
import { constants as bufferConstants } from 'node:buffer';
import type { Driver } from '../driver/driver.ts';
import { constants } from '../engine/builtin-zlib.ts';
import { type Codec, type StockStream, stockStream } from '../engine/codec.ts';
import { type Engine, inputFault } from '../engine/contract.ts';
import { codedError, tooLarge } from '../errors.ts';
import { type Limits, outputLimit, overLimit } from '../pool/options.ts';
import type { StreamSettings } from './settings.ts';
import type { ZlibStream } from './zlib-stream.ts';

/** The native handle of a stock stream, as far as old code uses it. */
export interface StockHandle {
  close(): void;
  reset(): void;
  params(level: number, strategy: number): void;
}

type Donor = StockStream & { _handle: StockHandle } & Record<string, unknown>;

const donors = new WeakMap<ZlibStream, Donor>();

/** Returns the stock stream whose properties `stream` shows. */
export function donorOf(stream: ZlibStream, settings: StreamSettings): Donor {
  let donor = donors.get(stream);
  if (donor === undefined) {
    const { kind, chunkLength, limits, flush, finishFlush, info } = settings;
    donor = stockStream(kind.codec, {
      ...kind.options,
      ...(chunkLength === 0 ? {} : { chunkSize: chunkLength }),
      ...(limits?.maxOutputLength === undefined ? {} : { maxOutputLength: limits.maxOutputLength }),
      flush,
      finishFlush,
      info,
    }) as Donor;
    donors.set(stream, donor);
  }
  return donor;
}

/** The old ways into one stream. It is made at their first use. */
export class Legacy {
  readonly #stream: ZlibStream;
  readonly #driver: Driver;
  readonly #settings: StreamSettings;
  readonly #limits: Readonly<Required<Limits>>;
  /** Whether `_handle` was read or assigned. */
  #hasHandle = false;
  /** Whether the handle is closed. The stream gets no engine any more. */
  #isClosed = false;

  constructor(stream: ZlibStream, driver: Driver, settings: StreamSettings, limits: Readonly<Required<Limits>>) {
    this.#stream = stream;
    this.#driver = driver;
    this.#settings = settings;
    this.#limits = limits;
  }

  /**
   * Returns the handle to show as `_handle`. Undefined: old code has deleted it. Old code replaces
   * `close` during `_processChunk()`, to keep the window. So `close` is an own property that can be
   * replaced and put back.
   */
  handle(): StockHandle | undefined {
    if (this.#hasHandle) return undefined;
    const handle = donorOf(this.#stream, this.#settings)._handle;
    const { close, reset, params } = handle;
    Object.assign(handle, {
      close: () => {
        close.call(handle);
        this.#close();
      },
      reset: () => {
        reset.call(handle);
        this.#stream.reset();
      },
      params: (level: number, strategy: number) => {
        params.call(handle, level, strategy);
        const failure = this.#driver.setParams(level, strategy);
        if (failure !== undefined) this.#stream.destroy(failure);
      },
    });
    this.show(handle);
    return handle;
  }

  /** Makes the handle an own property, which can be deleted as with node:zlib. */
  show(value: unknown): void {
    this.#hasHandle = true;
    Reflect.defineProperty(this.#stream, '_handle', { configurable: true, enumerable: true, writable: true, value });
  }

  /** Sets a handle that was read or assigned to null, as node:zlib does for a destroyed stream. */
  hide(): void {
    if (this.#hasHandle) this.show(null);
  }

  /** Whether old code has closed or deleted the handle, or set it to null. */
  get isHandleGone(): boolean {
    return this.#hasHandle && (this.#isClosed || !this.#stream._handle);
  }

  /** Does the work of `_processChunk()` on the calling thread. */
  processSync(input: Buffer, flag: number): Buffer {
    this.#checkIdle();
    const fault = inputFault(input, input.length);
    if (fault !== undefined) throw fault;
    const engine = this.#driver.engineNow(input) as Engine;
    // A subscriber of the channel may have destroyed the stream, or written to it.
    this.#checkIdle();
    const most = Math.min(outputLimit(this.#limits, input.length), bufferConstants.MAX_LENGTH);
    let output: Buffer;
    try {
      output = engine.processChunk(flag, input, this.#settings.chunkLength || constants.Z_DEFAULT_CHUNK, most);
    } catch (error) {
      // The error is both thrown and emitted, as by node:zlib. An 'error' without a listener would
      // end the process.
      this.#stream.on('error', () => {});
      const isOver = !engine.inline && (error as NodeJS.ErrnoException).code === 'ERR_BUFFER_TOO_LARGE';
      const failure = isOver ? (overLimit(this.#limits, input.length, most + 1) ?? tooLarge(most)) : (error as Error);
      this.#stream.destroy(failure);
      throw failure;
    }
    const used = input.length - engine.availIn;
    this.#stream.bytesWritten = used;
    this.#driver.countNow(used, output.length);
    const hasGarbage = engine.availIn > 0 && this.#settings.rejectGarbageAfterEnd;
    const handle = this.#hasHandle ? this.#stream._handle : undefined;
    this.show(null);
    if (handle) handle.close();
    else this.#close();
    if (output.length > most) throw overLimit(this.#limits, used, output.length) ?? tooLarge(most);
    if (hasGarbage) throw codedError('ERR_TRAILING_JUNK_AFTER_STREAM_END');
    return output;
  }

  /**
   * Checks that a write could begin now.
   * @throws `ERR_LEASE_SEALED`, or an error while a write is in progress
   */
  #checkIdle(): void {
    if (this.#stream.destroyed || this.isHandleGone) throw codedError('ERR_LEASE_SEALED');
    if (!this.#driver.isIdle) throw new Error('A write is in progress');
  }

  /** Releases the engine for good. A stream of node:zlib ends at its `_processChunk()`, too. */
  #close(): void {
    this.#isClosed = true;
    if (this.#driver.isIdle) this.#driver.takeLease()?.release();
  }
}

/** Properties that zlease itself defines, or that mean nothing on a decompressing stream. */
const OWN = /^_(handle|level|strategy|events|eventsCount|maxListeners|readableState|writableState)$/;

/** Returns the names of the other undocumented properties of node:zlib's streams on this Node. */
export function legacyNames(codec: Codec): string[] {
  const stock = stockStream(codec);
  const names = Object.keys(stock).filter((name) => name.startsWith('_') && !OWN.test(name));
  stock.close();
  return names;
}

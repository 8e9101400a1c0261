/**
 * Public engine: it drives a node:zlib stream through documented API, for majors of Node whose
 * internals were not tested. Only `processChunk()`, `params()` and the writes of an encoder that
 * flush use undocumented API. All work but that of `processChunk()` runs in the threadpool. The
 * engine copies its output once more than the native engine, so it is slower. It may not end the
 * inner stream: the last write is a flush with Z_FINISH, and `reset()` cleans the stream after
 * that. The file is longer than 250 lines, since one inner stream stands behind all methods.
 */
import { constants as bufferConstants } from 'node:buffer';
import type { Deflate } from 'node:zlib';
import { codedError } from '../errors.ts';
import { nextTick } from '../schedule/clock.ts';
import { outsideOfContexts } from '../schedule/context.ts';
import { constants } from './builtin-zlib.ts';
import { type StockStream, stockStream } from './codec.ts';
import { checkBuffers, type Engine, type EngineFailure } from './contract.ts';
import type { EngineKind } from './kind.ts';

interface OldStream {
  _handle: { close: () => void; params?: (level: number, strategy: number) => void } | null | undefined;
  _maxOutputLength: number;
  _processChunk(chunk: Buffer, flush: number): Uint8Array | Uint8Array[];
  _processChunk(chunk: Buffer, flush: number, callback: () => void): void;
}

/**
 * Original function. Some code replaces `Buffer.concat()` while it calls `_processChunk()`.
 * node:zlib returns the pieces then.
 */
const { concat } = Buffer;

export class PublicEngine implements Engine {
  readonly kind: EngineKind;
  readonly inline = false;
  /** An encoder would have to be made anew for its next owner. The pool does that later. */
  readonly reusable: boolean;
  busy = false;
  availIn = 0;
  availOut = 0;
  failure: EngineFailure | undefined;
  /** Always false: a stream of node:zlib destroys itself when it fails. */
  readonly recoverable = false;
  oversized = false;
  /** Bytes of the data in its decompressed form since the last reset. */
  #plainLength = 0;
  #inner: StockStream;
  #closed = false;
  /** True until the inner stream has used its last input, and all of the output was read. */
  #feeding = false;
  /** True once the inner stream has called back for its last input. */
  #fed = false;
  #taking = false;
  /** True if the inner stream has left input unused: its data has ended. */
  #ended = false;
  /** `bytesWritten` of the inner stream before its last input. */
  #writtenBefore = 0;
  #inputLength = 0;
  #output: Buffer | undefined;
  #outputLength = 0;
  #done: (() => void) | undefined;
  /** Level and strategy of `params()`. */
  #params: [level: number, strategy: number] | undefined;

  constructor(kind: EngineKind) {
    this.kind = kind;
    this.reusable = kind.reusable && !kind.codec.compresses;
    this.#inner = this.#open();
  }

  get failed(): boolean {
    return this.failure !== undefined;
  }

  writeSync(): never {
    throw new Error('This engine runs in the threadpool only');
  }

  writeWhole(): never {
    return this.writeSync();
  }

  settleWhole(): never {
    return this.writeSync();
  }

  write(
    flush: number,
    input: Buffer,
    inputOffset: number,
    inputLength: number,
    output: Buffer,
    outputLength: number,
    done: () => void,
  ): void {
    if (this.busy) throw new Error('A write is in progress');
    if (this.#closed) throw codedError('ERR_LEASE_SEALED');
    checkBuffers(input, inputOffset, inputLength, output, outputLength);
    const isNew = !this.#feeding && this.failure === undefined;
    // A copy: the inner stream reads its input several times, and Node aborts if that has shrunk.
    // The allocation may fail, so it comes first.
    const copy = isNew ? Buffer.from(input.subarray(inputOffset, inputOffset + inputLength)) : input;
    this.busy = true;
    this.#done = done;
    this.#output = output;
    this.#outputLength = outputLength;
    this.availOut = outputLength;
    if (this.failure !== undefined || this.#feeding) {
      // The inner stream has failed after its callback, and this write is the first to report it.
      // Or the stream has this input already, and only its output needs room.
      nextTick(() => (this.failure === undefined ? this.#take() : this.#finish()));
      return;
    }
    this.#feeding = true;
    this.#fed = false;
    this.#writtenBefore = this.#inner.bytesWritten;
    this.#inputLength = inputLength;
    const inner = this.#inner;
    const fed = () => {
      if (inner !== this.#inner) return;
      this.#fed = true;
      this.#take();
    };
    const flushes = inputLength === 0 || flush !== constants.Z_NO_FLUSH;
    const old = inner as StockStream & Partial<OldStream>;
    // An encoder may make other output of one write that flushes than of a write and a flush.
    if (this.kind.codec.compresses && inputLength > 0 && flushes && old._processChunk) {
      old._processChunk(copy, flush, fed);
      return;
    }
    if (inputLength > 0) inner.write(copy, flushes ? undefined : fed);
    if (flushes) inner.flush(flush, fed);
  }

  /**
   * Inflates with the undocumented `_processChunk()` of the inner stream, the only synchronous way.
   * The window is kept for the next call, unless the inner stream has no `_handle`.
   */
  processChunk(flush: number, input: Buffer, _room: number, most: number): Buffer {
    if (this.busy || this.#feeding) throw new Error('A write is in progress');
    if (this.#closed || this.failure !== undefined) throw codedError('ERR_LEASE_SEALED');
    const inner = this.#inner as StockStream & OldStream;
    const { _handle: handle } = inner;
    const close = handle?.close;
    const listeners = inner.listeners('error');
    inner._maxOutputLength = Math.min(most, bufferConstants.MAX_LENGTH);
    // `_processChunk()` closes the handle at its end. The handle has the window.
    if (handle) handle.close = () => {};
    try {
      // A copy of the output: the inner stream reuses its memory.
      const given = inner._processChunk(Buffer.from(input), flush);
      const output = Array.isArray(given) ? concat(given) : Buffer.from(given);
      this.availIn = input.length - inner.bytesWritten;
      this.#plainLength += output.length;
      return output;
    } catch (error) {
      this.failure = error as EngineFailure;
      throw error;
    } finally {
      if (handle) {
        inner._handle = handle;
        handle.close = close as () => void;
      }
      for (const listener of inner.listeners('error')) {
        if (!listeners.includes(listener)) inner.removeListener('error', listener as () => void);
      }
    }
  }

  reset(): void {
    if (this.busy) throw new Error('Cannot reset zlib stream while a write is in progress');
    if (this.#closed) throw codedError('ERR_LEASE_SEALED');
    this.#plainLength = 0;
    if (!this.#feeding && !this.#ended && this.failure === undefined) {
      this.#inner.reset();
      this.#noteFailure();
      return;
    }
    // The inner stream may have a write in flight, or its data has ended. Only a new stream is
    // clean then.
    this.#inner.close();
    this.#feeding = false;
    this.#ended = false;
    this.failure = undefined;
    this.oversized = false;
    this.#inner = this.#open();
    // A reset of node:zlib's stream keeps them.
    if (this.#params !== undefined) this.params(...this.#params);
  }

  /**
   * A stream that has compressed may keep data over a reset. The inner stream also continues its
   * chunk of output, and where a chunk ends decides what a Zstandard decoder reads after the data.
   * Only a new stream is clean then.
   */
  clean(): void {
    const { compresses, isCutSensitive } = this.kind.codec;
    if (compresses || isCutSensitive) this.#ended = true;
    this.#params = undefined;
    this.reset();
  }

  params(level: number, strategy: number): void {
    if (this.busy) throw new Error('A write is in progress');
    this.#params = [level, strategy];
    const inner = this.#inner as StockStream & OldStream;
    // The documented method sets both in a callback, when the next write may be in flight.
    if (inner._handle?.params) inner._handle.params(level, strategy);
    else (inner as unknown as Deflate).params(level, strategy, () => {});
    this.#noteFailure();
  }

  /** Takes an error of the inner stream now, which emits it in a tick. */
  #noteFailure(): void {
    if (this.#inner.errored !== null) this.failure = this.#inner.errored as EngineFailure;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inner.close();
    if (this.busy) nextTick(() => this.#finish());
  }

  #open(): StockStream {
    const inner = outsideOfContexts(() => stockStream(this.kind.codec, this.kind.options));
    inner.on('readable', () => {
      if (inner === this.#inner) this.#take();
    });
    inner.on('error', (error) => {
      if (inner !== this.#inner || this.#closed) return;
      this.failure = error;
      this.#finish();
    });
    return inner;
  }

  /**
   * Copies output of the inner stream. Ends the write once the room is full or the input is used.
   */
  #take(): void {
    if (!this.busy || this.#taking || this.#closed) return;
    const inner = this.#inner;
    const output = this.#output as Buffer;
    // `read()` makes room in the inner stream, whose callback may call this method again.
    this.#taking = true;
    while (this.availOut > 0 && inner.readableLength > 0) {
      const piece = inner.read(Math.min(inner.readableLength, this.availOut)) as Buffer;
      this.availOut -= piece.copy(output, this.#outputLength - this.availOut);
    }
    this.#taking = false;
    if (this.availOut > 0 && !this.#fed) return;
    this.availIn = this.#inputLength - (inner.bytesWritten - this.#writtenBefore);
    this.#feeding = this.availOut === 0;
    if (!this.#feeding && this.availIn > 0) this.#ended = true;
    this.#finish();
  }

  #finish(): void {
    const done = this.#done;
    if (done === undefined) return;
    this.#done = undefined;
    this.#output = undefined;
    this.busy = false;
    const { compresses, keptLength } = this.kind.codec;
    this.#plainLength += compresses ? this.#inputLength - this.availIn : this.#outputLength - this.availOut;
    if (this.#plainLength > keptLength) this.oversized = true;
    done();
  }
}

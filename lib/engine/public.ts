/**
 * The public twin: a node:zlib stream driven through documented API alone, for Nodes whose internals
 * were never tested. It runs on the threadpool only and copies its output once more, so it is slower than
 * its twin, but no Node can break it. The inner stream is never ended: a last write is a flush with
 * Z_FINISH, after which reset() makes it as new.
 */
import { constants as bufferConstants } from 'node:buffer';
import { codedError } from '../errors.ts';
import { nextTick } from '../schedule/clock.ts';
import { outsideOfContexts } from '../schedule/context.ts';
import { constants } from './builtin-zlib.ts';
import { type EngineKind, type StockStream, stockStream } from './codec.ts';
import { checkBuffers, type Engine, type EngineFailure, growsOversized } from './contract.ts';

interface OldStream {
  _handle: { close: () => void } | null | undefined;
  _maxOutputLength: number;
  _processChunk(chunk: Buffer, flush: number): Uint8Array | Uint8Array[];
}

/** Some code that calls _processChunk() replaces it for that moment: node:zlib returns the pieces then. */
const { concat } = Buffer;

export class PublicEngine implements Engine {
  readonly kind: EngineKind;
  readonly inline = false;
  busy = false;
  availIn = 0;
  availOut = 0;
  failure: EngineFailure | undefined;
  /** node:zlib's stream destroys itself when it fails. */
  readonly recoverable = false;
  oversized = false;
  /** Bytes made since the last reset. */
  #madeLength = 0;
  #inner: StockStream;
  #closed = false;
  /** The input the inner stream was last given is not known to be used up, or its output not taken. */
  #feeding = false;
  /** The inner stream has called back for the input it was last given. */
  #fed = false;
  #taking = false;
  /** The inner stream left input alone: it has ended, as far as it is concerned. */
  #ended = false;
  /** `bytesWritten` of the inner stream before the input it was last given. */
  #writtenBefore = 0;
  #inputLength = 0;
  #output: Buffer | undefined;
  #outputLength = 0;
  #done: (() => void) | undefined;

  constructor(kind: EngineKind) {
    this.kind = kind;
    this.#inner = this.#open();
  }

  get failed(): boolean {
    return this.failure !== undefined;
  }

  writeSync(): never {
    throw new Error('This engine runs on the threadpool only');
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
    // A copy: the inner stream goes back to its input as often as it needs to, and Node aborts where that has shrunk.
    // Before anything else, as there may be no memory for it.
    const copy = isNew ? Buffer.from(input.subarray(inputOffset, inputOffset + inputLength)) : input;
    this.busy = true;
    this.#done = done;
    this.#output = output;
    this.#outputLength = outputLength;
    this.availOut = outputLength;
    if (this.failure !== undefined) {
      // The inner stream failed after it had called back: its next write is the first that can tell.
      nextTick(() => this.#finish());
      return;
    }
    if (this.#feeding) {
      // The same input goes on: it is with the inner stream already, only its output wants room.
      nextTick(() => this.#take());
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
    if (inputLength > 0) {
      inner.write(copy, flush === constants.Z_NO_FLUSH ? fed : undefined);
    }
    if (inputLength === 0 || flush !== constants.Z_NO_FLUSH) inner.flush(flush, fed);
  }

  /** By the same undocumented method of the inner stream: no other way is synchronous. Its window goes on where its handle allows it. */
  processChunk(flush: number, input: Buffer, _room: number, most: number): Buffer {
    if (this.busy || this.#feeding) throw new Error('A write is in progress');
    if (this.#closed || this.failure !== undefined) throw codedError('ERR_LEASE_SEALED');
    const inner = this.#inner as StockStream & OldStream;
    const { _handle: handle } = inner;
    const close = handle?.close;
    const listeners = inner.listeners('error');
    inner._maxOutputLength = Math.min(most, bufferConstants.MAX_LENGTH);
    // The method closes the handle when it has all.
    if (handle) handle.close = () => {};
    try {
      // A copy of either: the inner stream uses its output memory again.
      const given = inner._processChunk(Buffer.from(input), flush);
      const output = Array.isArray(given) ? concat(given) : Buffer.from(given);
      this.availIn = input.length - inner.bytesWritten;
      this.#madeLength += output.length;
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
    this.#madeLength = 0;
    if (!this.#feeding && !this.#ended && this.failure === undefined) {
      this.#inner.reset();
      return;
    }
    // The inner stream may be writing ahead of us, or is past its end: it can't be reset, only replaced.
    this.#inner.close();
    this.#feeding = false;
    this.#ended = false;
    this.failure = undefined;
    this.oversized = false;
    this.#inner = this.#open();
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#inner.close();
    if (this.busy) nextTick(() => this.#finish());
  }

  #open(): StockStream {
    const inner = outsideOfContexts(() => stockStream(this.kind.format, this.kind.options));
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

  /** Moves what the inner stream has into the output; answers the write once that is full or all is said. */
  #take(): void {
    if (!this.busy || this.#taking || this.#closed) return;
    const inner = this.#inner;
    const output = this.#output as Buffer;
    // Reading makes room in the inner stream, which may call back, and so come here again, before read() returns.
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
    this.#madeLength += this.#outputLength - this.availOut;
    if (growsOversized(this.kind, this.#madeLength)) this.oversized = true;
    done();
  }
}

/**
 * Native engine: it drives the handle of a node:zlib stream directly. This class decodes, and the
 * encoders inherit from it. Node aborts the process when a handle is misused, and no try/catch
 * stops that. So the engine checks each rule before the call: no write during a write or after
 * `close()`, no reset during a write, no offset outside of a buffer. It holds the buffers of a
 * write until the write is over. `probe.ts` decides whether this engine may be used.
 */
import { codedError, isDataError } from '../errors.ts';
import { setImmediate } from '../schedule/clock.ts';
import { constants } from './builtin-zlib.ts';
import type { Codec } from './codec.ts';
import { checkBuffers, type Engine, type EngineFailure, type WholeWrite } from './contract.ts';
import { createDonor, type Handle, type SetUp } from './donor.ts';
import type { EngineKind } from './kind.ts';
import { handOut, inOnePiece, memoryFor } from './memory.ts';

/** Ends a write that failed in the threadpool. */
let finishLate: (engine: NativeEngine) => void;

export class NativeEngine implements Engine {
  readonly kind: EngineKind;
  readonly inline = true;
  readonly reusable: boolean;
  busy = false;
  oversized = false;
  failed = false;
  protected readonly handle: Handle;
  /** Bytes left of the output room, and of the input, after a write. */
  protected readonly writeState: Uint32Array;
  #closed = false;
  /** Set-up of a handle with parameters. Undefined: `clean()` only resets the handle. */
  readonly #setUp: SetUp | undefined;
  // Arguments of the last call of `onerror`. The error is created from them when it is first read.
  // Most failures of `writeWhole()` are not reported, and a stack trace costs more than a small
  // message.
  #message = '';
  #errno = 0;
  #code = '';
  #failure: EngineFailure | undefined;
  /** Bytes of the data in its decompressed form since the last reset. */
  #plainLength = 0;
  /** Write in flight. It holds the buffers: zlib would write to a collected buffer all the same. */
  #writing: { done: () => void; input: Buffer; inputLength: number; output: Buffer; outputLength: number } | undefined;

  /** @param codec - codec of the donor, if the engine does a part of the work itself */
  constructor(kind: EngineKind, codec: Codec = kind.codec) {
    this.kind = kind;
    const [donor, setUp] = createDonor(codec, kind);
    this.#setUp = setUp;
    this.reusable = kind.reusable && (kind.options.params === undefined || setUp !== undefined);
    // For a destroyed stream, the write callback of node:zlib only calls `handle.cb`.
    Object.defineProperty(donor, 'destroyed', { value: true });
    this.handle = donor._handle;
    this.writeState = donor._writeState;
    this.handle.cb = () => this.#finish();
    this.handle.onerror = (message, errno, code) => {
      this.failed = true;
      this.#message = message;
      this.#errno = errno;
      this.#code = code;
      // In the next turn: the handle ends the write only after this function and the ticks that
      // follow this function have returned. Another write before the end of this write aborts the
      // process. The owner may release the lease at once, and the pool may lease the engine again.
      if (this.busy) setImmediate(finishLate, this);
    };
  }

  static {
    finishLate = (engine) => engine.#finish();
  }

  get failure(): EngineFailure | undefined {
    if (!this.failed) return undefined;
    this.#failure ??= zlibError(this.#message, this.#errno, this.#code);
    return this.#failure;
  }

  /**
   * True for zlib's formats after an error of the data. zlib's inflate keeps nothing over a reset.
   */
  get recoverable(): boolean {
    const { codec, reusable } = this.kind;
    return reusable && codec.byZlib && (isDataError(this.#code) || this.#code === JUNK);
  }

  get availOut(): number {
    return this.writeState[0] as number;
  }

  get availIn(): number {
    return this.writeState[1] as number;
  }

  writeSync(
    flush: number,
    input: Buffer,
    inputOffset: number,
    inputLength: number,
    output: Buffer,
    outputLength: number,
    outputOffset = 0,
  ): void {
    this.#check(input, inputOffset, inputLength, output, outputOffset + outputLength);
    this.handle.writeSync(flush, input, inputOffset, inputLength, output, outputOffset, outputLength);
    this.count(inputLength, outputLength);
  }

  writeWhole(input: Buffer, output: Buffer, outputLength: number, firstLength: number): WholeWrite {
    this.writeSync(this.kind.codec.finishFlush, input, 0, input.length, output, outputLength);
    return this.settleWhole(outputLength, firstLength);
  }

  settleWhole(outputLength: number, firstLength: number): WholeWrite {
    if (!this.failed && this.availOut > 0) return 'whole';
    if (!this.failed && (outputLength - firstLength) % constants.Z_DEFAULT_CHUNK === 0) return 'part';
    // The first of the smaller writes finds the same bad data, if its room reaches that far. Only
    // an unexpected end of file is found later.
    const failsAlike = outputLength <= firstLength && this.#code !== 'Z_BUF_ERROR';
    if (this.failed && (!this.recoverable || failsAlike)) return 'failed';
    // The write state does not have the output length of a failed write. A wrong length hint may
    // also have cut the output at another place than node:zlib. node:zlib emits none of the output
    // of a write that fails.
    this.restart();
    return 'undone';
  }

  processChunk(flush: number, input: Buffer, room: number, most: number): Buffer {
    const pieces: Buffer[] = [];
    let offset = 0;
    let length = 0;
    do {
      const outputLength = this.kind.isCutSensitive ? room : Math.min(room, most - length + 1);
      const output = memoryFor(outputLength, 0);
      this.writeSync(flush, input, offset, input.length - offset, output, outputLength);
      if (this.failed) throw this.failure;
      const made = outputLength - this.availOut;
      offset = input.length - this.availIn;
      length += made;
      if (made > 0) pieces.push(handOut(output, made, pieces.length === 0));
    } while (this.availOut === 0 && length <= most);
    return pieces.length === 1 ? (pieces[0] as Buffer) : inOnePiece(pieces, length);
  }

  write(
    flush: number,
    input: Buffer,
    inputOffset: number,
    inputLength: number,
    output: Buffer,
    outputLength: number,
    done: () => void,
    outputOffset = 0,
  ): void {
    this.#check(input, inputOffset, inputLength, output, outputOffset + outputLength);
    this.busy = true;
    this.#writing = { done, input, inputLength, output, outputLength };
    this.handle.write(flush, input, inputOffset, inputLength, output, outputOffset, outputLength);
  }

  reset(): void {
    this.restart();
  }

  clean(): void {
    this.restart(true);
  }

  /**
   * Resets the handle.
   * @param isForNext - whether the next message is that of another owner. The handle then gets the
   * parameters of the kind again, which a reset may lose
   */
  protected restart(isForNext = false): void {
    if (this.busy) throw new Error('Cannot reset zlib stream while a write is in progress');
    if (this.#closed || (this.failed && !this.recoverable)) throw codedError('ERR_LEASE_SEALED');
    this.failed = false;
    this.#failure = undefined;
    this.#plainLength = 0;
    // May fail: see `Engine.reset()`.
    if (!isForNext || this.#setUp === undefined) this.handle.reset();
    else if (this.handle.init(...this.#setUp) === false) throw codedError('ERR_LEASE_SEALED');
  }

  params(_level: number, _strategy: number): void {
    // Does nothing, as on a decoding handle of node:zlib.
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.handle.close();
  }

  #check(input: Buffer, inputOffset: number, inputLength: number, output: Buffer, outputEnd: number): void {
    if (this.busy) throw new Error('A write is in progress');
    if (this.#closed || this.failed) throw codedError('ERR_LEASE_SEALED');
    checkBuffers(input, inputOffset, inputLength, output, outputEnd);
  }

  /** Marks the engine as failed. For an engine that does a part of the work itself. */
  protected fail(error: EngineFailure): void {
    this.failed = true;
    this.#failure = error;
  }

  /** Counts a write that has ended. */
  protected count(inputLength: number, outputLength: number): void {
    const { compresses, keptLength } = this.kind.codec;
    this.#plainLength += compresses ? inputLength - this.availIn : outputLength - this.availOut;
    if (this.#plainLength > keptLength) this.oversized = true;
  }

  #finish(): void {
    const writing = this.#writing;
    // An idle engine must not reference its last stream, which could never be collected then.
    this.#writing = undefined;
    this.busy = false;
    if (writing === undefined) return;
    this.count(writing.inputLength, writing.outputLength);
    writing.done();
  }
}

/** Node's code for bytes after the end of the data, with `rejectGarbageAfterEnd`. */
const JUNK = 'ERR_TRAILING_JUNK_AFTER_STREAM_END';

/** Returns the error that node:zlib creates from the arguments of `onerror`. */
export function zlibError(message: string, errno: number, code: string): EngineFailure {
  if (code === JUNK) return codedError(code);
  return Object.assign(new Error(message), { errno, code });
}

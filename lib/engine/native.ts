/**
 * The native twin: a node:zlib stream is built only for its handle (the donor), and the handle is driven
 * directly. Node aborts the process when a handle is misused, and no try/catch stops that. So each rule
 * below is checked here before the call, whoever asks: no write during a write, none after close, no
 * reset during a write, no offset outside of a buffer; and the buffers of a write are held until it is over.
 * `probe.ts` says where this engine may be used at all.
 */
import { codedError, isDataError } from '../errors.ts';
import { setImmediate } from '../schedule/clock.ts';
import { outsideOfContexts } from '../schedule/context.ts';
import { constants } from './builtin-zlib.ts';
import { type EngineKind, formatTraits, type StockStream, stockStream } from './codec.ts';
import { checkBuffers, type Engine, type EngineFailure, growsOversized, type WholeWrite } from './contract.ts';
import { handOut, inOnePiece, memoryFor } from './memory.ts';

/** What a donor holds, on every tested major: seven arguments a write, results in `_writeState`. */
interface Handle {
  onerror: (message: string, errno: number, code: string) => void;
  cb: () => void;
  write(flush: number, input: Buffer, inOff: number, inLen: number, out: Buffer, outOff: number, outLen: number): void;
  writeSync: Handle['write'];
  reset(): void;
  close(): void;
}
export type Donor = StockStream & { _handle: Handle; _writeState: Uint32Array };

/** The smallest that node:zlib takes: the donor's own output buffer is never used. */
export const DONOR_CHUNK_LENGTH = 64;

/** Ends a write that failed in the threadpool. */
let finishLate: (engine: NativeEngine) => void;

export class NativeEngine implements Engine {
  readonly kind: EngineKind;
  readonly inline = true;
  busy = false;
  oversized = false;
  failed = false;
  readonly #handle: Handle;
  readonly #writeState: Uint32Array;
  #closed = false;
  // Arguments of the handle's last onerror. The error is made of them when it is asked for: most failures of
  // `writeWhole` are never told to anybody, and a stack trace costs more than inflating a small message.
  #message = '';
  #errno = 0;
  #code = '';
  #failure: EngineFailure | undefined;
  /** Bytes made since the last reset. */
  #madeLength = 0;
  /** The write under way. It holds its buffers: a collected one would be written to all the same. */
  #writing: { done: () => void; input: Buffer; output: Buffer; outputLength: number } | undefined;

  constructor(kind: EngineKind) {
    this.kind = kind;
    const donor = outsideOfContexts(() =>
      stockStream(kind.format, { ...kind.options, chunkSize: DONOR_CHUNK_LENGTH }),
    ) as Donor;
    // Node's own write callback does nothing for a destroyed stream but call handle.cb.
    Object.defineProperty(donor, 'destroyed', { value: true });
    this.#handle = donor._handle;
    this.#writeState = donor._writeState;
    this.#handle.cb = () => this.#finish();
    this.#handle.onerror = (message, errno, code) => {
      this.failed = true;
      this.#message = message;
      this.#errno = errno;
      this.#code = code;
      // Not before the next turn: until this function and the ticks after it have returned, the handle has not ended
      // the write, and another write aborts the process. The owner may give the engine to another owner at once.
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

  /** True for zlib's own formats after an error that the data has caused: zlib's inflate keeps nothing over a reset. */
  get recoverable(): boolean {
    const { format, reusable } = this.kind;
    return reusable && formatTraits(format).byZlib && (isDataError(this.#code) || this.#code === JUNK);
  }

  get availOut(): number {
    return this.#writeState[0] as number;
  }

  get availIn(): number {
    return this.#writeState[1] as number;
  }

  writeSync(
    flush: number,
    input: Buffer,
    inputOffset: number,
    inputLength: number,
    output: Buffer,
    outputLength: number,
  ): void {
    this.#check(input, inputOffset, inputLength, output, outputLength);
    this.#handle.writeSync(flush, input, inputOffset, inputLength, output, 0, outputLength);
    this.#made(outputLength);
  }

  writeWhole(input: Buffer, output: Buffer, outputLength: number, firstLength: number): WholeWrite {
    this.writeSync(constants.Z_FINISH, input, 0, input.length, output, outputLength);
    return this.settleWhole(outputLength, firstLength);
  }

  settleWhole(outputLength: number, firstLength: number): WholeWrite {
    if (!this.failed && this.availOut > 0) return 'whole';
    if (!this.failed && (outputLength - firstLength) % constants.Z_DEFAULT_CHUNK === 0) return 'part';
    // Bad data is found by the first write alike, if it comes that far. Only the end of the data is found later.
    const failsAlike = outputLength <= firstLength && this.#code !== 'Z_BUF_ERROR';
    if (this.failed && (!this.recoverable || failsAlike)) return 'failed';
    // The write state does not tell how much a failed write made. And an error may follow output that a wrong length hint
    // has cut where node:zlib does not: node:zlib gives none of that output.
    this.reset();
    return 'undone';
  }

  processChunk(flush: number, input: Buffer, room: number, most: number): Buffer {
    const pieces: Buffer[] = [];
    let offset = 0;
    let length = 0;
    do {
      const outputLength = Math.min(room, most - length + 1);
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
  ): void {
    this.#check(input, inputOffset, inputLength, output, outputLength);
    this.busy = true;
    this.#writing = { done, input, output, outputLength };
    this.#handle.write(flush, input, inputOffset, inputLength, output, 0, outputLength);
  }

  reset(): void {
    if (this.busy) throw new Error('Cannot reset zlib stream while a write is in progress');
    if (this.#closed || (this.failed && !this.recoverable)) throw codedError('ERR_LEASE_SEALED');
    this.#handle.reset();
    this.failed = false;
    this.#failure = undefined;
    this.#madeLength = 0;
  }

  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#handle.close();
  }

  #check(input: Buffer, inputOffset: number, inputLength: number, output: Buffer, outputLength: number): void {
    if (this.busy) throw new Error('A write is in progress');
    if (this.#closed || this.failed) throw codedError('ERR_LEASE_SEALED');
    checkBuffers(input, inputOffset, inputLength, output, outputLength);
  }

  #made(room: number): void {
    this.#madeLength += room - this.availOut;
    if (growsOversized(this.kind, this.#madeLength)) this.oversized = true;
  }

  #finish(): void {
    const writing = this.#writing;
    // An idle engine must not lead back to the stream it served: a dropped stream could never be collected.
    this.#writing = undefined;
    this.busy = false;
    if (writing === undefined) return;
    this.#made(writing.outputLength);
    writing.done();
  }
}

/** Node's own code for what follows the end of the data, where it was told to refuse that. */
const JUNK = 'ERR_TRAILING_JUNK_AFTER_STREAM_END';

/** The error that node:zlib makes of what its engine reports. */
function zlibError(message: string, errno: number, code: string): EngineFailure {
  if (code === JUNK) return codedError(code);
  return Object.assign(new Error(message), { errno, code });
}

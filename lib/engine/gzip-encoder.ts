/**
 * Encoder of gzip: a deflate-raw engine, with the header and the trailer of RFC 1952 around its
 * output. Node's handle of gzip does not take a strategy, so its window could only be overwritten
 * at three times the cost. See `Deflater`.
 */
import { types } from 'node:util';
import { codedError } from '../errors.ts';
import { outsideOfContexts } from '../schedule/context.ts';
import { constants, crc32 } from './builtin-zlib.ts';
import { stockStream } from './codec.ts';
import { encoder } from './codecs.ts';
import type { Donor } from './donor.ts';
import { Deflater } from './encoder.ts';
import type { EngineKind } from './kind.ts';
import { zlibError } from './native.ts';

const { Z_FINISH, Z_NO_FLUSH } = constants;

const HEADER_LENGTH = 10;
const TRAILER_LENGTH = 8;
const NOTHING = Buffer.alloc(0);

/** Headers that node:zlib writes, which depend on level, strategy and platform. */
const headers = new WeakMap<EngineKind, Buffer>();

function headerOf(kind: EngineKind): Buffer {
  let header = headers.get(kind);
  if (header === undefined) {
    header = kind.codec.sync(NOTHING, kind.options).subarray(0, HEADER_LENGTH);
    headers.set(kind, header);
  }
  return header;
}

type Refusal = Parameters<typeof zlibError>;
/** Null: there is none. Undefined: not known yet. */
let resetRefusal: Refusal | null | undefined;

/**
 * Returns the error of node:zlib's engine of gzip for a reset in the middle of a member. From Node
 * 26.12 on there is one.
 */
function refusalOfReset(): Refusal | undefined {
  if (resetRefusal === undefined) {
    resetRefusal = null;
    const donor = outsideOfContexts(() => stockStream(encoder('gzip'))) as Donor;
    const { _handle: handle } = donor;
    handle.onerror = (...refusal) => {
      resetRefusal = refusal;
    };
    handle.writeSync(Z_NO_FLUSH, NOTHING, 0, 0, Buffer.alloc(HEADER_LENGTH), 0, HEADER_LENGTH);
    handle.reset();
    donor.close();
  }
  return resetRefusal ?? undefined;
}

export class GzipEncoder extends Deflater {
  readonly #header: Buffer;
  /** Framing that waits for room. */
  #pending: Buffer;
  #crc = 0;
  #length = 0;
  #isFinished = false;
  /** Copy of an input in shared memory. */
  #copy: Buffer | undefined;

  constructor(kind: EngineKind) {
    super(kind, encoder('deflate-raw'));
    this.#header = headerOf(kind);
    this.#pending = this.#header;
  }

  override writeSync(
    flush: number,
    input: Buffer,
    inputOffset: number,
    inputLength: number,
    output: Buffer,
    outputLength: number,
  ): void {
    const offset = this.#put(output, 0, outputLength);
    const own = this.#ownInput(input, inputOffset);
    super.writeSync(flush, own, inputOffset, inputLength, output, outputLength - offset, offset);
    this.#absorb(flush, own, inputOffset, inputLength, output, outputLength);
  }

  override write(
    flush: number,
    input: Buffer,
    inputOffset: number,
    inputLength: number,
    output: Buffer,
    outputLength: number,
    done: () => void,
  ): void {
    const offset = this.#put(output, 0, outputLength);
    const own = this.#ownInput(input, inputOffset);
    const completed = () => {
      this.#absorb(flush, own, inputOffset, inputLength, output, outputLength);
      done();
    };
    super.write(flush, own, inputOffset, inputLength, output, outputLength - offset, completed, offset);
  }

  /**
   * Returns a copy of shared memory. Another thread may change the memory between the write and its
   * checksum. All writes of an input read the copy of its first write.
   */
  #ownInput(input: Buffer, inputOffset: number): Buffer {
    if (!types.isSharedArrayBuffer(input.buffer)) return input;
    if (inputOffset === 0 || this.#copy?.length !== input.length) this.#copy = Buffer.from(input);
    return this.#copy;
  }

  /** Fails in the middle of a member if node:zlib's own engine of gzip does. */
  override reset(): void {
    const hasBegun = this.#pending.length < HEADER_LENGTH;
    const hasEnded = this.#isFinished && this.#pending.length === 0;
    const isSound = !this.busy && (!this.failed || this.recoverable);
    const refusal = isSound && hasBegun && !hasEnded ? refusalOfReset() : undefined;
    if (refusal === undefined) this.restart();
    else this.fail(zlibError(...refusal));
  }

  protected override restart(): void {
    super.restart();
    this.#copy = undefined;
    this.#pending = this.#header;
    this.#crc = 0;
    this.#length = 0;
    this.#isFinished = false;
  }

  /** Does nothing, as on node:zlib's handle of gzip. */
  override params(): void {}

  /** Counts the input of a write, and puts the trailer behind the end of the data. */
  #absorb(
    flush: number,
    input: Buffer,
    inputOffset: number,
    inputLength: number,
    output: Buffer,
    outputLength: number,
  ): void {
    if (this.failed) return;
    const used = inputLength - this.availIn;
    if (inputOffset + used > input.byteLength) {
      // Its memory was detached or shrunk during the write. The checksum can't be made any more.
      this.fail(codedError('ERR_BUFFER_DETACHED'));
      return;
    }
    if (used > 0) {
      this.#crc = crc32(input.subarray(inputOffset, inputOffset + used), this.#crc);
      this.#length = (this.#length + used) % 2 ** 32;
    }
    // With room left, the last flush has put out everything.
    if (flush === Z_FINISH && !this.#isFinished && this.availOut > 0) {
      this.#isFinished = true;
      this.#pending = Buffer.allocUnsafe(TRAILER_LENGTH);
      this.#pending.writeUInt32LE(this.#crc, 0);
      this.#pending.writeUInt32LE(this.#length, 4);
    }
    if (this.#isFinished && this.#pending.length > 0) {
      const { availOut } = this;
      this.writeState[0] = availOut - this.#put(output, outputLength - availOut, availOut);
    }
  }

  /** Puts as much of the waiting framing as fits into `output`. Returns the number of its bytes. */
  #put(output: Buffer, offset: number, room: number): number {
    const { length } = this.#pending;
    if (length === 0) return 0;
    const put = this.#pending.copy(output, offset, 0, Math.min(length, room));
    this.#pending = put < length ? this.#pending.subarray(put) : NOTHING;
    return put;
  }
}

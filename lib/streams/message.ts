/**
 * One whole message, converted without a stream. The lease ends when all output is made and no
 * native write is in flight.
 */
import { AsyncResource } from 'node:async_hooks';
import { constants as bufferConstants } from 'node:buffer';
import { Driver } from '../driver/driver.ts';
import type { Owner } from '../driver/owner.ts';
import { MAX_WRITE_LENGTH } from '../engine/contract.ts';
import { inOnePiece } from '../engine/memory.ts';
import { codedError, tooLarge, withShortStack } from '../errors.ts';
import { originOf } from '../observe/origin.ts';
import { engineOf } from '../pool/lease.ts';
import { type Limits, outputLimit, overLimit } from '../pool/options.ts';
import type { Pool } from '../pool/pool.ts';
import type { StreamSettings } from './settings.ts';

const NO_FLUSH = 0;
const NOTHING = Buffer.alloc(0);

/** One message in progress. Not exported from the package. */
export class Message implements Owner {
  bytesWritten = 0;
  readonly entry: string;
  readonly #pool: Pool;
  readonly #driver: Driver;
  readonly #input: Buffer;
  readonly #settings: StreamSettings;
  readonly #limits: Required<Limits>;
  /** Most output by all limits, in bytes. */
  readonly #most: number;
  readonly #done: (error: Error | null, output?: Buffer) => void;
  #pieces: Buffer[] = [];
  #length = 0;
  #isSettled = false;
  /** Whether the message is converted on the stack of its caller. */
  #isNow = false;
  #hasFailedNow = false;
  /** Whether a last flush follows the input. */
  #isInTwoSteps = false;

  /**
   * @param entry - name of the function that the caller has called, see `LeaseOwner`
   * @param done - called once, during `start()` or later, unless the constructor throws
   * @throws `ERR_BUFFER_TOO_LARGE` for an input that node:zlib can't take
   */
  constructor(
    pool: Pool,
    entry: string,
    input: Buffer,
    settings: StreamSettings,
    ofMessage: Required<Limits>,
    done: (error: Error | null, output?: Buffer) => void,
    context: AsyncResource = new AsyncResource('ZLIB'),
  ) {
    if (input.length > MAX_WRITE_LENGTH) throw tooLarge(MAX_WRITE_LENGTH);
    this.#pool = pool;
    this.entry = entry;
    this.#input = input;
    this.#settings = settings;
    this.#most = Math.min(outputLimit(ofMessage, input.length), bufferConstants.MAX_LENGTH);
    this.#done = done;
    this.#limits = ofMessage;
    const origin = originOf(pool.settings.leakDetection, new.target as never);
    this.#driver = new Driver(this, pool, context, settings, ofMessage, origin);
  }

  get keepsAll(): boolean {
    return true;
  }

  get isSpaced(): boolean {
    return false;
  }

  start(): void {
    const { finishFlush, kind } = this.#settings;
    const { codec, wholeLength, options } = kind;
    // node:zlib's function makes two writes. Some encoders make other output of one, and so may all
    // for a flush that does not finish. See `settingsFor()` for the exception.
    const seesLength = codec.statesInputLength() && options.pledgedSrcSize === undefined;
    const mayDiffer = this.#input.length > wholeLength && !seesLength;
    this.#isInTwoSteps = codec.compresses && (mayDiffer || finishFlush !== codec.finishFlush);
    this.#driver.begin(this.#input, this.#isInTwoSteps ? NO_FLUSH : finishFlush, true);
  }

  /** Converts on the calling thread. The lease may be one more than `maxLeased`. */
  startNow(): void {
    this.#isNow = true;
    try {
      if (!this.#driver.runNow(this.#input, this.#settings.finishFlush)) this.#runStock();
    } catch (error) {
      this.destroy(error as Error);
    }
  }

  /**
   * Ends the message with an error now. The engine and its memory are given up once no native write
   * is in flight.
   */
  destroy(error: Error): void {
    if (this.#isSettled) return;
    this.#isSettled = true;
    if (this.#driver.stop()) this.#giveUp(error);
    this.#done(error);
  }

  isWhole(): boolean {
    return true;
  }

  keepsUp(): boolean {
    return true;
  }

  onOutput(chunk: Buffer): boolean {
    // Most messages have one piece. An array that was pushed to has room for 16 more.
    if (this.#length === 0) this.#pieces = [chunk];
    else this.#pieces.push(chunk);
    this.#length += chunk.length;
    if (this.#length > bufferConstants.MAX_LENGTH) this.destroy(tooLarge(bufferConstants.MAX_LENGTH));
    return true;
  }

  onConsumed(trailing: number): void {
    if (this.#isInTwoSteps) {
      this.#isInTwoSteps = false;
      this.#driver.begin(NOTHING, this.#settings.finishFlush);
      return;
    }
    if (trailing > 0 && this.#settings.rejectGarbageAfterEnd) {
      this.destroy(codedError('ERR_TRAILING_JUNK_AFTER_STREAM_END'));
      return;
    }
    const [first] = this.#pieces;
    let output: Buffer;
    try {
      output = first !== undefined && this.#pieces.length === 1 ? first : inOnePiece(this.#pieces, this.#length);
    } catch (error) {
      this.destroy(error as Error);
      return;
    }
    this.#isSettled = true;
    this.#driver.stop();
    this.#driver.takeLease()?.release();
    this.#done(null, output);
  }

  onError(error: Error | undefined): void {
    if (error !== undefined) this.destroy(error);
    else if (this.#isNow) this.#hasFailedNow = true;
    else this.destroy(withShortStack(() => this.#driver.failure) as Error);
  }

  /** Failure of the engine in `startNow()`. The caller destroys the message with it. */
  get failureNow(): Error | undefined {
    return this.#hasFailedNow ? this.#driver.failure : undefined;
  }

  onStopped(): void {
    this.#giveUp(undefined);
  }

  /**
   * Releases the lease if the engine's own failure is the cause, and discards it otherwise. The
   * pool keeps a released engine only if a reset cleans it.
   */
  #giveUp(cause: Error | undefined): void {
    const lease = this.#driver.takeLease();
    if (lease === undefined) return;
    if (cause !== undefined && engineOf(lease).failure === cause) lease.release();
    else lease.discard(cause);
  }

  /**
   * Converts by node:zlib's one-shot function, for an engine that can't run on the main thread.
   */
  #runStock(): void {
    const { kind, flush, finishFlush, chunkLength } = this.#settings;
    const { codec, options } = kind;
    const chunkSize = chunkLength || undefined;
    let output: Buffer;
    try {
      output = codec.sync(this.#input, { ...options, flush, finishFlush, chunkSize, maxOutputLength: this.#most });
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      const excess = overLimit(this.#limits, this.#input.length, this.#most + 1);
      if (code === 'ERR_BUFFER_TOO_LARGE' && excess !== undefined) throw excess;
      // The other case is that memory for all output in one piece is missing. On Node 20 and 22
      // that error has no code.
      const hasNoMemory =
        code === 'ERR_MEMORY_ALLOCATION_FAILED' || (code === undefined && error instanceof RangeError);
      throw hasNoMemory || code === 'ERR_BUFFER_TOO_LARGE' ? tooLarge(this.#most, { cause: error }) : error;
    }
    this.#pool.count(this.#input.length, output.length);
    this.onOutput(output);
    this.onConsumed(0);
  }
}

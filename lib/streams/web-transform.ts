/**
 * The two sides of a `CompressionStream` or `DecompressionStream`, and the errors of the standard.
 * Its `WebOwner` holds the lease.
 */
import { types } from 'node:util';
import type { Codec } from '../engine/codec.ts';
import { codedError, isDataError } from '../errors.ts';
import { endError, type Framing } from '../framing/framing.ts';
import type { Pool } from '../pool/pool.ts';
import { shownType } from '../validate.ts';
import { WebOwner } from './web-owner.ts';

/** High water mark of the readable side, in bytes. */
const HIGH_WATER_MARK = 65_536;

const NO_FLUSH = 0;
const NOTHING = Buffer.alloc(0);

export class WebTransform {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<ArrayBuffer | ArrayBufferView>;
  readonly #owner: WebOwner;
  readonly #finishFlush: number;
  readonly #compresses: boolean;
  readonly #framing: Framing | undefined;
  #source!: ReadableStreamDefaultController<Uint8Array>;
  #sink!: WritableStreamDefaultController;
  /** Whether the stream is closed, cancelled, aborted or failed. It has no engine then. */
  #over = false;
  /** Reason of the failure or abort that has ended the stream. */
  #failure: { reason: unknown } | undefined;
  /** Rejects the write in progress. */
  #giveUp: ((reason: unknown) => void) | undefined;
  /** Resolves the write that waits for the reader. */
  #whenWanted: (() => void) | undefined;

  /**
   * @param entry - name of the class that the caller has used, see `LeaseOwner`
   * @param codec - codec of the engine
   * @param framing - parser of the fields around compressed input, if the engine does not read them
   * @throws the errors of the constructor of node:zlib's stream for this limit
   */
  constructor(pool: Pool, entry: string, codec: Codec, framing?: Framing, maxOutputLength?: number) {
    this.#finishFlush = codec.finishFlush;
    this.#compresses = codec.compresses;
    this.#framing = framing;
    this.#owner = new WebOwner(
      pool,
      entry,
      codec,
      maxOutputLength,
      (chunk) => this.#enqueue(chunk),
      (error) => this.#fail(asTypeError(error)),
      new.target as never,
    );
    this.readable = new ReadableStream<Uint8Array<ArrayBuffer>>(
      {
        start: (controller) => {
          this.#source = controller;
        },
        pull: () => this.#pull(),
        cancel: (reason) => {
          this.#end(reason);
          this.#sink.error(reason);
        },
      },
      new ByteLengthQueuingStrategy({ highWaterMark: HIGH_WATER_MARK }),
    );
    this.writable = new WritableStream<ArrayBuffer | ArrayBufferView>({
      start: (controller) => {
        this.#sink = controller;
        // The stream calls abort() below only after the write in progress, which may wait for a
        // reader.
        const { signal } = controller as unknown as { signal: AbortSignal };
        signal.addEventListener('abort', () => this.#end(signal.reason), { once: true });
      },
      write: (chunk) => this.#guarded(() => this.#write(bytesOf(chunk))),
      close: () => this.#guarded(() => this.#close()),
      abort: (reason) => this.#source.error(reason),
    });
  }

  /** Runs a step of the writable side. Its failure fails both sides. */
  async #guarded(step: () => Promise<void>): Promise<void> {
    try {
      await step();
    } catch (error) {
      const reason = asTypeError(error);
      this.#fail(reason);
      throw reason;
    }
  }

  async #write(bytes: Buffer): Promise<void> {
    let rest = bytes;
    if (!this.#hasEnded) {
      const [from, to] = this.#framing?.data(bytes) ?? [0, bytes.length];
      // Zstandard writes another header if its first write is empty.
      const used = from < to || this.#compresses ? await this.#convert(bytes.subarray(from, to), NO_FLUSH) : 0;
      rest = bytes.subarray(from + used);
    }
    if (this.#hasEnded) {
      // The engine takes no more bytes from here on.
      this.#owner.end();
      if (rest.length > (this.#framing?.trailer(rest) ?? 0)) throw codedError('ERR_TRAILING_JUNK_AFTER_STREAM_END');
    }
    if (!this.#over && (this.#source.desiredSize as number) <= 0) {
      await this.#underWay((resolve) => {
        this.#whenWanted = resolve;
      });
    }
  }

  async #close(): Promise<void> {
    if (this.#framing?.ended === false) throw endError();
    if (!this.#hasEnded) await this.#convert(NOTHING, this.#finishFlush);
    this.#end(undefined);
    this.#source.close();
  }

  /** Whether the engine needs no more bytes. */
  get #hasEnded(): boolean {
    return this.#owner.ended || this.#framing?.ended === true;
  }

  /**
   * Converts some bytes.
   * @returns the number of bytes consumed
   */
  async #convert(bytes: Buffer, flush: number): Promise<number> {
    const before = this.#owner.bytesWritten;
    await this.#underWay((resolve) => this.#owner.convert(bytes, flush, resolve));
    return this.#owner.bytesWritten - before;
  }

  #underWay(start: (resolve: () => void) => void): Promise<void> {
    return new Promise((resolve, reject) => {
      this.#giveUp = reject;
      start(resolve);
    });
  }

  #enqueue(chunk: Buffer): boolean {
    this.#framing?.made(chunk);
    this.#source.enqueue(ownMemory(chunk));
    return (this.#source.desiredSize as number) > 0;
  }

  #pull(): void {
    if (this.#failure !== undefined) {
      this.#failReadable(this.#failure.reason);
    } else {
      this.#whenWanted?.();
      this.#owner.resume();
    }
  }

  #fail(reason: unknown): void {
    if (this.#over) return;
    this.#end(reason);
    this.#sink.error(reason);
    this.#failure = { reason };
    this.#failReadable(reason);
  }

  /** Fails the readable side once its queue is read: an error drops the chunks in it. */
  #failReadable(reason: unknown): void {
    if (this.#source.desiredSize === HIGH_WATER_MARK) this.#source.error(reason);
  }

  /** Returns the engine to the pool for good. */
  #end(reason: unknown): void {
    this.#over = true;
    this.#owner.end();
    this.#giveUp?.(reason);
  }
}

/**
 * Returns a copy of a chunk, since the caller may transfer its memory before all of it is
 * converted.
 * @throws `ERR_INVALID_ARG_TYPE` if it is no BufferSource of Web IDL, `ERR_STREAM_NULL_VALUES` for
 * null
 */
function bytesOf(chunk: unknown): Buffer {
  if (chunk === null) throw codedError('ERR_STREAM_NULL_VALUES');
  const memory = ArrayBuffer.isView(chunk) ? chunk.buffer : chunk;
  if (!types.isArrayBuffer(memory)) {
    throw codedError(
      'ERR_INVALID_ARG_TYPE',
      `A chunk must be an ArrayBuffer or a view of one, and not shared. Received ${shownType(chunk)}`,
    );
  }
  // A DataView throws on reading its length once its memory is detached.
  if (memory.byteLength === 0) return NOTHING;
  const { byteOffset = 0, byteLength } = chunk as ArrayBufferView;
  return Buffer.from(Buffer.from(memory, byteOffset, byteLength));
}

/**
 * Returns the output as the standard wants it: no Buffer, and in memory that can be transferred.
 */
function ownMemory(chunk: Buffer): Uint8Array<ArrayBuffer> {
  const { buffer } = chunk as Buffer<ArrayBuffer>;
  return chunk.length === buffer.byteLength ? new Uint8Array(buffer) : new Uint8Array(chunk);
}

/**
 * Returns the TypeError of the standard for an error of the data. It has zlib's code, and zlib's
 * error as the `cause`.
 */
function asTypeError(error: unknown): unknown {
  // A reason to cancel can be any value.
  if (!types.isNativeError(error) || error instanceof TypeError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (!isDataError(code)) return error;
  return Object.assign(new TypeError(message, { cause: error }), { code });
}

import { types } from 'node:util';
import { type Format, formatTraits } from '../engine/codec.ts';
import { codedError, isDataError } from '../errors.ts';
import { endError, type Framing } from '../framing/framing.ts';
import type { Pool } from '../pool/pool.ts';
import { shownType } from '../validate.ts';
import { WebInflater } from './web-inflater.ts';

/** How much output is made before anybody reads. Bytes. */
const HIGH_WATER_MARK = 65_536;

const NO_FLUSH = 0;
const NOTHING = Buffer.alloc(0);

export class WebTransform {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<ArrayBuffer | ArrayBufferView>;
  readonly #inflater: WebInflater;
  readonly #finishFlush: number;
  readonly #framing: Framing | undefined;
  #source!: ReadableStreamDefaultController<Uint8Array>;
  #sink!: WritableStreamDefaultController;
  /** Closed, cancelled, aborted or failed: there is no engine any more. */
  #over = false;
  /** What the readable side will fail with, once all that was made before is read. */
  #failure: { reason: unknown } | undefined;
  /** Gives up the write under way. */
  #giveUp: ((reason: unknown) => void) | undefined;
  /** Goes on with the write that waits for the reader. */
  #whenWanted: (() => void) | undefined;

  /**
   * @param format of the engine
   * @param framing what is around its data
   * @throws what the constructor of node:zlib's stream throws for this limit
   */
  constructor(pool: Pool, format: Format, framing: Framing | undefined, maxOutputLength: number | undefined) {
    this.#finishFlush = formatTraits(format).finishFlush;
    this.#framing = framing;
    this.#inflater = new WebInflater(
      pool,
      format,
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
        // abort() below is not called before the write under way is over, and that may wait for a reader.
        const { signal } = controller as unknown as { signal: AbortSignal };
        signal.addEventListener('abort', () => this.#end(signal.reason), { once: true });
      },
      write: (chunk) => this.#guarded(() => this.#write(bytesOf(chunk))),
      close: () => this.#guarded(() => this.#close()),
      abort: (reason) => this.#source.error(reason),
    });
  }

  /** Whatever goes wrong goes wrong on both sides. */
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
      const used = from < to ? await this.#inflate(bytes.subarray(from, to), NO_FLUSH) : 0;
      rest = bytes.subarray(from + used);
    }
    if (this.#hasEnded) {
      // Nothing that comes now reaches the engine.
      this.#inflater.end();
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
    if (!this.#hasEnded) await this.#inflate(NOTHING, this.#finishFlush);
    this.#end(undefined);
    this.#source.close();
  }

  /** The engine needs no more. */
  get #hasEnded(): boolean {
    return this.#inflater.ended || this.#framing?.ended === true;
  }

  /** @returns how many of the bytes were used up */
  async #inflate(bytes: Buffer, flush: number): Promise<number> {
    const before = this.#inflater.bytesWritten;
    await this.#underWay((resolve) => this.#inflater.inflate(bytes, flush, resolve));
    return this.#inflater.bytesWritten - before;
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
      this.#inflater.resume();
    }
  }

  #fail(reason: unknown): void {
    if (this.#over) return;
    this.#end(reason);
    this.#sink.error(reason);
    this.#failure = { reason };
    this.#failReadable(reason);
  }

  /** An error drops what is in the queue: it waits until that is read. */
  #failReadable(reason: unknown): void {
    if (this.#source.desiredSize === HIGH_WATER_MARK) this.#source.error(reason);
  }

  /** Gives the engine back, for good. */
  #end(reason: unknown): void {
    this.#over = true;
    this.#inflater.end();
    this.#giveUp?.(reason);
  }
}

/**
 * A copy: whoever wrote the chunk may transfer it before all of it is inflated.
 * @throws `ERR_INVALID_ARG_TYPE` for what is no BufferSource of Web IDL, `ERR_STREAM_NULL_VALUES` for null
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
  // A DataView of memory that is gone tells no length.
  if (memory.byteLength === 0) return NOTHING;
  const { byteOffset = 0, byteLength } = chunk as ArrayBufferView;
  return Buffer.from(Buffer.from(memory, byteOffset, byteLength));
}

/** As the standard hands it out: no Buffer, and in memory that can be transferred. */
function ownMemory(chunk: Buffer): Uint8Array<ArrayBuffer> {
  const { buffer } = chunk as Buffer<ArrayBuffer>;
  return chunk.length === buffer.byteLength ? new Uint8Array(buffer) : new Uint8Array(chunk);
}

/** What the standard calls an error of the data, with zlib's code, and its error as the `cause`. */
function asTypeError(error: unknown): unknown {
  // Anything can be a reason to cancel, and come this way.
  if (!types.isNativeError(error) || error instanceof TypeError) return error;
  const { code, message } = error as NodeJS.ErrnoException;
  if (!isDataError(code)) return error;
  return Object.assign(new TypeError(message, { cause: error }), { code });
}

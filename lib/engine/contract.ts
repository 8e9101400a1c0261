/**
 * The contract of an engine: one decompressor that is driven write by write. `native-engine` and
 * `public-engine` are its twins, and one spec suite runs over both. Whoever drives an engine holds the
 * lease on it; an engine knows nothing of streams, leases or pools.
 */
import { codedError, tooLarge } from '../errors.ts';
import type { EngineKind } from './codec.ts';

/** What node:zlib reports: `errno` and `code` are zlib's (`Z_DATA_ERROR`, -3). */
export type EngineFailure = NodeJS.ErrnoException;

/**
 * The result of a try. whole: a last flush would find nothing. part: it was a write as any other. undone: it failed, and was as if it had
 * not been. failed: it failed as any other write.
 */
export type WholeWrite = 'whole' | 'part' | 'undone' | 'failed';

export interface Engine {
  readonly kind: EngineKind;

  /** True where `writeSync` exists in fact: the engine can run on the main thread. */
  readonly inline: boolean;

  /** A write is under way; only `close` may be called meanwhile. */
  readonly busy: boolean;

  /** After a write: bytes of its input that are left. More than none with output room left: the data ended early. */
  readonly availIn: number;

  /** After a write: bytes of its output room that are left. None: there may be more to come, write again. */
  readonly availOut: number;

  /** It has grown memory that a reset keeps and that an idle engine should not hold. */
  readonly oversized: boolean;

  /** A write has failed: `availIn` and `availOut` mean nothing then, and no write is allowed before a reset. */
  readonly failed: boolean;

  /** The error of the write that failed. It may be made when it is first read, with the stack of that moment. */
  readonly failure: EngineFailure | undefined;

  /** After a write that failed: `reset` is proven to clean the engine. Otherwise the engine is to be closed. */
  readonly recoverable: boolean;

  /** Inflates on the calling thread into `output`. */
  writeSync(
    flush: number,
    input: Buffer,
    inputOffset: number,
    inputLength: number,
    output: Buffer,
    outputLength: number,
  ): void;

  /**
   * Inflates on the calling thread what may be a whole message, on an engine that is as new and of a reusable zlib kind. It costs less
   * than a write and a last flush. Where it fails, or fills a room that does not end with a chunk of node:zlib's output, the engine is
   * clean again, and the work is left to the writes that follow, unless the first of them is known to fail alike.
   * @param firstLength - room that the first of those writes would have. Bytes
   */
  writeWhole(input: Buffer, output: Buffer, outputLength: number, firstLength: number): WholeWrite;

  /** As `writeWhole`, after a `write` of a whole message with Z_FINISH. */
  settleWhole(outputLength: number, firstLength: number): WholeWrite;

  /** Inflates off the main thread; `done` is called once, later, also after a failure or `close`. */
  write(
    flush: number,
    input: Buffer,
    inputOffset: number,
    inputLength: number,
    output: Buffer,
    outputLength: number,
    done: () => void,
  ): void;

  /**
   * Inflates all of `input` on the calling thread, as `_processChunk()` of node:zlib's streams does without a callback.
   * `availIn` is that of its last write.
   * @param room - bytes of output that a write makes at most
   * @param most - bytes of output after which it stops: one more may be returned
   * @throws the failure; what `writeSync` throws
   */
  processChunk(flush: number, input: Buffer, room: number, most: number): Buffer;

  /** Resets the engine, also after a write that failed if the engine is `recoverable`. */
  reset(): void;

  /** Gives its memory back, once; during a write, right after it. */
  close(): void;
}

/** Bytes. An idle engine holds no window larger than this: it is about what 256 messages of 1 KB come to. */
const LARGEST_KEPT_WINDOW = 262_144;

/**
 * Whether an engine that made `length` bytes of a message has grown a window to be rid of. zlib's are of 32 KB at most
 * and a reset frees Brotli's; Zstandard's grow with the message, up to 128 MB, and stay.
 */
export function growsOversized(kind: EngineKind, length: number): boolean {
  return kind.format === 'zstd' && length > LARGEST_KEPT_WINDOW;
}

/**
 * Whether a write that left input alone has ended a frame of Zstandard together with a chunk of node:zlib's output. node:zlib
 * writes on there and so begins the next frame. Anywhere else it ignores what follows the first frame. For this to be seen, a
 * write without room left has to end with such a chunk too.
 * @param filled - bytes of the chunk that are filled after the write, 0 for a full one
 */
export function endsWithChunk({ kind, inline }: Engine, made: number, filled: number): boolean {
  return filled === 0 && made > 0 && inline && kind.format === 'zstd';
}

/** node:zlib's native part takes lengths and offsets as 32-bit numbers, and cuts off what is above. Bytes. */
export const MAX_WRITE_LENGTH = 2 ** 32 - 1;

/** Why a chunk that ends at `inputEnd` can't be written; undefined if it can. */
export function inputFault(input: Buffer, inputEnd: number): Error | undefined {
  if (inputEnd > input.byteLength) return codedError('ERR_BUFFER_DETACHED');
  if (inputEnd > MAX_WRITE_LENGTH) return tooLarge(MAX_WRITE_LENGTH);
  return undefined;
}

/**
 * Both twins check this before a write. Memory that was transferred or has shrunk must not reach zlib, nor a length
 * that its native part would cut off.
 */
export function checkBuffers(
  input: Buffer,
  inputOffset: number,
  inputLength: number,
  output: Buffer,
  outputLength: number,
): void {
  // Not equal to its unsigned self: negative, a fraction, NaN, or too large.
  if (
    inputOffset >>> 0 !== inputOffset ||
    inputLength >>> 0 !== inputLength ||
    outputLength >>> 0 !== outputLength ||
    inputOffset + inputLength > MAX_WRITE_LENGTH
  ) {
    throw codedError('ERR_OUT_OF_RANGE', `A write takes whole numbers of bytes up to ${MAX_WRITE_LENGTH}`);
  }
  if (inputOffset + inputLength > input.byteLength || outputLength > output.byteLength) {
    throw codedError('ERR_BUFFER_DETACHED');
  }
}

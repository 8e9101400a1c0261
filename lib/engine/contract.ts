/**
 * Contract of an engine: one decoder or encoder that is driven write by write. `NativeEngine`, its
 * subclasses and `PublicEngine` implement it, and one spec suite covers all. The holder of the
 * lease drives the engine. An engine may not know streams, leases or pools.
 */
import { codedError, tooLarge } from '../errors.ts';
import type { EngineKind } from './kind.ts';

/** Error as node:zlib reports it. `errno` and `code` are zlib's, such as -3 and `Z_DATA_ERROR`. */
export type EngineFailure = NodeJS.ErrnoException;

/**
 * Result of writing a whole message at once. whole: all output is made, and a last flush would add
 * none. part: more output may follow, as after any write. undone: the engine was reset, and the
 * caller must write again. failed: the write failed, as any write may.
 */
export type WholeWrite = 'whole' | 'part' | 'undone' | 'failed';

export interface Engine {
  readonly kind: EngineKind;

  /** True if the engine has `writeSync()`, and so can run on the main thread. */
  readonly inline: boolean;

  /** False: the pool closes the engine after its first lease. */
  readonly reusable: boolean;

  /** True while a write is in flight. Only `close()` may be called then. */
  readonly busy: boolean;

  /**
   * Bytes of the input that are left after a write. If output room is left too, these bytes follow
   * the end of the data.
   */
  readonly availIn: number;

  /** Bytes of the output room that are left after a write. 0: there may be more output. */
  readonly availOut: number;

  /** True if the engine has grown memory that a reset keeps. An idle engine should not hold it. */
  readonly oversized: boolean;

  /**
   * True after a write that failed. `availIn` and `availOut` have no meaning then. No write is
   * allowed before a reset.
   */
  readonly failed: boolean;

  /** Error of the write that failed. An engine may create it at the first read of this property. */
  readonly failure: EngineFailure | undefined;

  /**
   * True if `reset()` is proven to clean the engine after a write that failed. Otherwise the engine
   * must be closed.
   */
  readonly recoverable: boolean;

  /** Converts on the calling thread into `output`. */
  writeSync(
    flush: number,
    input: Buffer,
    inputOffset: number,
    inputLength: number,
    output: Buffer,
    outputLength: number,
  ): void;

  /**
   * Converts an input that may be a whole message, on the calling thread. The engine must be clean.
   * A decoder must be of a reusable kind of zlib's formats, and an encoder of a kind that is not
   * sensitive to cuts. One such write costs less than a write and a last flush. A decoder undoes a
   * write that fails, or that fills a room which does not end with a chunk of node:zlib's output.
   * The caller then repeats the work in smaller writes. A failure is final if the first smaller
   * write would fail alike, or if the engine is not `recoverable`. An encoder that fills its room
   * needs more writes with the same flush.
   * @param firstLength - room of the first smaller write, in bytes
   */
  writeWhole(input: Buffer, output: Buffer, outputLength: number, firstLength: number): WholeWrite;

  /**
   * Returns the result of a whole message, after its `write()` with `finishFlush`. See
   * `writeWhole()`.
   */
  settleWhole(outputLength: number, firstLength: number): WholeWrite;

  /** Converts off the main thread. Calls `done` once, later, also after a failure or `close()`. */
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
   * Converts all of `input` on the calling thread, as `_processChunk()` of node:zlib's streams does
   * without a callback. `availIn` is then the result of the last write.
   * @param room - most bytes of output of one write
   * @param most - most bytes of output. An engine that is not `inline` throws
   * `ERR_BUFFER_TOO_LARGE` for more. An `inline` engine stops, and returns more than `most` then
   * @throws the failure of the engine, and the errors of `writeSync()`
   */
  processChunk(flush: number, input: Buffer, room: number, most: number): Buffer;

  /**
   * Resets the engine for another message of the same owner. After a write that failed, a native
   * engine must be `recoverable`. The engine has failed after a reset that its Node refuses: from
   * Node 26.12 on, that of an encoder of gzip or Zstandard in the middle of its data.
   */
  reset(): void;

  /**
   * Resets the engine for another owner, so that no byte of this owner's data can influence the
   * output of the next (promise P5).
   */
  clean(): void;

  /** Sets level and strategy of an encoder, between two writes, as node:zlib's handles do. */
  params(level: number, strategy: number): void;

  /** Frees the memory of the engine, once. During a write, frees it right after the write. */
  close(): void;
}

/**
 * Returns whether a write that left input unused has ended a Zstandard frame together with a chunk
 * of node:zlib's output. node:zlib writes on in this case, and so begins the next frame. Otherwise
 * it ignores all bytes after the first frame. A write that fills its room must also end with such a
 * chunk. The driver could not detect the case otherwise.
 * @param made - bytes of output of the write
 * @param filled - bytes of the chunk that are filled after the write. 0: the chunk is full
 */
export function endsWithChunk({ kind, inline }: Engine, made: number, filled: number): boolean {
  return filled === 0 && made > 0 && inline && kind.codec.isCutSensitive;
}

/**
 * Longest write, in bytes. The native part of node:zlib takes lengths and offsets as 32-bit
 * numbers, and truncates larger ones.
 */
export const MAX_WRITE_LENGTH = 2 ** 32 - 1;

/** Returns the error of a chunk that can't be written up to `inputEnd`. Undefined if it can. */
export function inputFault(input: Buffer, inputEnd: number): Error | undefined {
  if (inputEnd > input.byteLength) return codedError('ERR_BUFFER_DETACHED');
  if (inputEnd > MAX_WRITE_LENGTH) return tooLarge(MAX_WRITE_LENGTH);
  return undefined;
}

/**
 * Checks the arguments of a write, for both engines. Memory that was transferred or has shrunk must
 * not reach zlib. Nor may a length that the native part of node:zlib would truncate.
 * @throws `ERR_OUT_OF_RANGE`, `ERR_BUFFER_DETACHED`
 */
export function checkBuffers(
  input: Buffer,
  inputOffset: number,
  inputLength: number,
  output: Buffer,
  outputLength: number,
): void {
  // Not equal to its unsigned 32-bit value: negative, a fraction, NaN, or too large.
  if (
    inputOffset >>> 0 !== inputOffset ||
    inputLength >>> 0 !== inputLength ||
    outputLength >>> 0 !== outputLength ||
    inputOffset + inputLength > MAX_WRITE_LENGTH
  ) {
    throw codedError(
      'ERR_OUT_OF_RANGE',
      `Offsets and lengths of a write must be whole numbers from 0 to ${MAX_WRITE_LENGTH}`,
    );
  }
  if (inputOffset + inputLength > input.byteLength || outputLength > output.byteLength) {
    throw codedError('ERR_BUFFER_DETACHED');
  }
}

/**
 * The memory of output on the main thread, and how output is handed out: memory that was handed out is never written again
 * (promise P6).
 */
import { limitError } from '../errors.ts';

const NOTHING: Buffer = Buffer.alloc(0);

/** Output from this length on gets memory of its own at once. What is shorter is copied: so small a piece of memory costs more. Bytes. */
export const EXACT_FROM = 4_096;

/** @throws `ERR_BUFFER_TOO_LARGE` where there is no memory for it */
export function allocate(length: number): Buffer {
  try {
    return Buffer.allocUnsafeSlow(length);
  } catch (error) {
    throw limitError('ERR_BUFFER_TOO_LARGE', `Cannot create a Buffer of ${length} bytes`, { cause: error });
  }
}

/**
 * The first `length` bytes in memory of their own, to hand out. Only a small one that may well be the only one is put into Node's Buffer
 * pool: a chunk keeps 64 KB of that alive (Node 24 on), and streams side by side would keep hundreds of megabytes.
 * @param isFirst whether it is the first chunk of its stream or message
 */
export function copyOf(memory: Buffer, length: number, isFirst: boolean): Buffer {
  const chunk = isFirst && length < EXACT_FROM ? Buffer.allocUnsafe(length) : allocate(length);
  memory.copy(chunk, 0, 0, length);
  return chunk;
}

/** One for the thread: it is filled and copied from between two statements, never held. */
let scratch: Buffer = NOTHING;

/**
 * Memory for a write of `room` bytes at most on the main thread, to be handed out by `handOut`: scratch memory, or its own where it
 * seems to become full but for the last byte.
 * @param expected how much output there seems to be; 0 where nobody knows
 */
export function memoryFor(room: number, expected: number): Buffer {
  if (expected >= EXACT_FROM && expected === room - 1) return allocate(room);
  if (scratch.length < room) scratch = allocate(room);
  return scratch;
}

/**
 * The first `length` bytes of what `memoryFor` gave.
 * @param isFirst as `copyOf` takes it
 */
export function handOut(memory: Buffer, length: number, isFirst: boolean): Buffer {
  if (memory === scratch || length < memory.length - 1) return copyOf(memory, length, isFirst);
  return memory.subarray(0, length);
}

/** Some code that calls `_processChunk()` of a stream replaces it for that moment. */
const { concat } = Buffer;

/**
 * All pieces of an output, of `length` bytes together.
 * @throws `ERR_BUFFER_TOO_LARGE` where there is no memory for it in one piece
 */
export function inOnePiece(pieces: readonly Uint8Array[], length: number): Buffer {
  try {
    return concat(pieces, length);
  } catch (error) {
    throw limitError('ERR_BUFFER_TOO_LARGE', `Cannot create a Buffer of ${length} bytes`, { cause: error });
  }
}

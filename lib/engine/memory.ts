/**
 * Memory of the output that the main thread makes. The library may never write again to memory that
 * a reader has received (promise P6).
 */
import { Buffer } from 'node:buffer';
import { limitError } from '../errors.ts';

const NOTHING: Buffer = Buffer.alloc(0);

/**
 * Shortest output that gets memory of its own at once, in bytes. Shorter output is copied, as a
 * small allocation costs more.
 */
export const EXACT_FROM = 4_096;

/**
 * Allocates memory outside of Node's Buffer pool.
 * @throws `ERR_BUFFER_TOO_LARGE` if there is not enough memory
 */
export function allocate(length: number): Buffer {
  try {
    return Buffer.allocUnsafeSlow(length);
  } catch (error) {
    throw limitError('ERR_BUFFER_TOO_LARGE', `Cannot create a Buffer of ${length} bytes`, { cause: error });
  }
}

/**
 * Returns a copy of the first `length` bytes, for a reader. Only a short first chunk is put into
 * Node's Buffer pool, as it may be the only one. A chunk keeps 64 KB of that pool alive, from Node
 * 24 on. Concurrent streams would keep hundreds of megabytes.
 * @param isFirst - true for the first chunk of its stream or message
 */
export function copyOf(memory: Buffer, length: number, isFirst: boolean): Buffer {
  const chunk = isFirst && length < EXACT_FROM ? Buffer.allocUnsafe(length) : allocate(length);
  memory.copy(chunk, 0, 0, length);
  return chunk;
}

/** Scratch memory of the thread. It is filled and copied synchronously, and never held. */
let scratch: Buffer = NOTHING;

/**
 * Returns memory for a write of at most `room` bytes on the main thread, for `handOut()`. It is
 * scratch memory, unless the expected output fills all except the last byte.
 * @param expected - expected output in bytes. 0: unknown
 */
export function memoryFor(room: number, expected: number): Buffer {
  if (expected >= EXACT_FROM && expected === room - 1) return allocate(room);
  if (scratch.length < room) scratch = allocate(room);
  return scratch;
}

/**
 * Returns the first `length` bytes of memory from `memoryFor()`, for a reader.
 * @param isFirst - true for the first chunk of its stream or message
 */
export function handOut(memory: Buffer, length: number, isFirst: boolean): Buffer {
  if (memory === scratch || length < memory.length - 1) return copyOf(memory, length, isFirst);
  return memory.subarray(0, length);
}

/** Original function. Some code replaces `Buffer.concat()` while it calls `_processChunk()`. */
const { concat } = Buffer;

/**
 * Returns all pieces of an output as one Buffer of `length` bytes.
 * @throws `ERR_BUFFER_TOO_LARGE` if there is not enough memory in one piece
 */
export function inOnePiece(pieces: readonly Uint8Array[], length: number): Buffer {
  try {
    return concat(pieces, length);
  } catch (error) {
    throw limitError('ERR_BUFFER_TOO_LARGE', `Cannot create a Buffer of ${length} bytes`, { cause: error });
  }
}

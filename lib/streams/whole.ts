/**
 * Whole messages as promises, and on the calling thread: `pool.decompress()`, `pool.compress()`.
 */
import type { CompressFormat, Format } from '../engine/codec.ts';
import { decoder, encoder } from '../engine/codecs.ts';
import { abortError, codedError } from '../errors.ts';
import { type Limits, limits } from '../pool/options.ts';
import type { Pool } from '../pool/pool.ts';
import { root } from '../schedule/context.ts';
import { type Bytes, bufferOf, checkSignal, shownType } from '../validate.ts';
import { Message } from './message.ts';
import type { CompressOptions } from './options.ts';
import { limitsOf, messageSettings, type StreamSettings, settingsFor } from './settings.ts';

/** Limits of one message. Default: the pool's. */
export interface SyncMessageOptions extends Limits {}

/** Options of `pool.decompress()`. */
export interface MessageOptions extends SyncMessageOptions {
  /** Signal that aborts: the promise rejects at once with an `AbortError`. Default: none. */
  signal?: AbortSignal | undefined;
}

/**
 * Options of `pool.compressSync()`: those of node:zlib's one-shot function for the format. Default
 * none.
 */
export interface SyncCompressMessageOptions
  extends Pick<
    CompressOptions,
    | 'level'
    | 'memLevel'
    | 'strategy'
    | 'windowBits'
    | 'dictionary'
    | 'params'
    | 'pledgedSrcSize'
    | 'chunkSize'
    | 'maxOutputLength'
  > {}

/** Options of `pool.compress()`. */
export interface CompressMessageOptions extends SyncCompressMessageOptions {
  /** Signal that aborts: the promise rejects at once with an `AbortError`. Default: none. */
  signal?: AbortSignal | undefined;
}

/** A message in progress that was not started yet. */
type Task = (done: (error: Error | null, output?: Buffer) => void) => Message;

/** See `ZlibPool.decompress`. */
export function decompress(pool: Pool, message: Bytes, format: Format, options: MessageOptions = {}): Promise<Buffer> {
  return promised(options.signal, (done) => decompressTask(pool, message, format, options, done));
}

/** See `ZlibPool.compress`. */
export function compress(
  pool: Pool,
  message: Bytes,
  format: CompressFormat,
  options: CompressMessageOptions = {},
): Promise<Buffer> {
  return promised(options.signal, (done) =>
    compressTask(pool, message, messageSettings(encoder(format), options), done),
  );
}

/** See `ZlibPool.decompressSync`. */
export function decompressSync(pool: Pool, message: Bytes, format: Format, options?: SyncMessageOptions): Buffer {
  const ofMessage = options === undefined ? pool.settings : limits(options, pool.settings);
  const settings = messageSettings(decoder(format), undefined);
  return convertNow(pool, 'decompressSync', inputOf(message), settings, ofMessage);
}

/** See `ZlibPool.compressSync`. */
export function compressSync(
  pool: Pool,
  message: Bytes,
  format: CompressFormat,
  options?: SyncCompressMessageOptions,
): Buffer {
  const settings = messageSettings(encoder(format), options);
  return convertNow(pool, 'compressSync', inputOf(message), settings, limitsOf(pool, settings));
}

/**
 * Returns a task that decompresses a message with the default options of its format.
 * @param done - called once, during `start()` or later
 * @throws the error of an argument
 */
export function decompressTask(
  pool: Pool,
  message: Bytes,
  format: Format,
  options: SyncMessageOptions,
  done: (error: Error | null, output?: Buffer) => void,
): Message {
  const settings = messageSettings(decoder(format), undefined);
  return new Message(pool, 'decompress', inputOf(message), settings, limits(options, pool.settings), done);
}

/**
 * Returns a task that compresses a message.
 * @param settings - settings of an encoder, by `messageSettings()`
 * @param done - called once, during `start()` or later
 * @throws the error of an argument
 */
export function compressTask(
  pool: Pool,
  message: Bytes,
  settings: StreamSettings,
  done: (error: Error | null, output?: Buffer) => void,
): Message {
  const input = inputOf(message);
  const ofMessage = settingsFor(input.length, settings);
  return new Message(pool, 'compress', input, ofMessage, limitsOf(pool, settings), done);
}

function promised(signal: AbortSignal | undefined, task: Task): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    checkSignal(signal);
    if (signal?.aborted) throw abortError(signal);
    const message = task((error, output) => {
      if (error === null) resolve(output as Buffer);
      else reject(error);
      signal?.removeEventListener('abort', onAbort);
    });
    const onAbort = (): void => message.destroy(abortError(signal as AbortSignal));
    signal?.addEventListener('abort', onAbort, { once: true });
    message.start();
  });
}

/**
 * Converts on the calling thread.
 * @param entry - name of the function that the caller has called, see `LeaseOwner`
 * @throws the failure of the message, an error of the pool
 */
export function convertNow(
  pool: Pool,
  entry: string,
  input: Buffer,
  settings: StreamSettings,
  ofMessage: Required<Limits>,
): Buffer {
  let failure: Error | null = null;
  let output: Buffer | undefined;
  const done = (error: Error | null, made?: Buffer): void => {
    failure = error;
    output = made;
  };
  const task = new Message(pool, entry, input, settings, ofMessage, done, root);
  task.startNow();
  // Read here, where the stack is short and names the caller.
  const { failureNow } = task;
  if (failureNow !== undefined) task.destroy(failureNow);
  if (failure !== null) throw failure;
  return output as Buffer;
}

/** @throws `ERR_INVALID_ARG_TYPE` for anything but bytes */
function inputOf(message: Bytes): Buffer {
  const input = bufferOf(message);
  if (input !== undefined) return input;
  throw codedError(
    'ERR_INVALID_ARG_TYPE',
    `message must be a Buffer, TypedArray, DataView or ArrayBuffer. Received ${shownType(message)}`,
  );
}

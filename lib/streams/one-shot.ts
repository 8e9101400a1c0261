/**
 * node:zlib's one-shot functions on a pool: `gunzip(buffer, options, callback)` and
 * `gunzipSync(buffer, options)` for each format. A call that the pool can't answer exactly as
 * node:zlib does goes to node:zlib's own function, within the limits of the pool. Such calls have
 * wrong arguments, `info: true`, a `flush`, or an option that only streams have.
 */
import { AsyncResource } from 'node:async_hooks';
import { constants as bufferConstants } from 'node:buffer';
import { constants } from '../engine/builtin-zlib.ts';
import type { Codec, OnceFunction } from '../engine/codec.ts';
import { outputLimit, overLimit } from '../pool/options.ts';
import type { Pool } from '../pool/pool.ts';
import { enqueueTick } from '../schedule/tick.ts';
import { type Bytes, bufferOf } from '../validate.ts';
import { Message } from './message.ts';
import type { StreamOptions } from './options.ts';
import { limitsOf, messageSettings, settingsFor, streamSettings } from './settings.ts';
import { convertNow } from './whole.ts';

const { Z_FINISH } = constants;

/** Input of a one-shot function, of any realm. */
export type OneShotInput = string | Bytes;

/**
 * Options of a one-shot function: those of node:zlib, and limits. A call with `info: true`,
 * `flush`, or an option that only streams have runs on an engine of node:zlib, within the limits.
 */
export type OneShotOptions = StreamOptions;

/**
 * Callback of a one-shot function: called once, never during the call, with an error or the output.
 */
export type OneShotCallback = (error: Error | null, result: Buffer) => void;

/**
 * A one-shot function: `(buffer, callback)` or `(buffer, options, callback)`. `buffer` has all of
 * the compressed bytes. The function throws the errors of node:zlib's for wrong arguments, and
 * gives all others to the callback. Those are the errors of node:zlib for bad data, and the errors
 * of `ZlibPool.decompress()` for limits and for waits.
 */
export type OneShot = {
  (buffer: OneShotInput, callback: OneShotCallback): void;
  (buffer: OneShotInput, options: OneShotOptions, callback: OneShotCallback): void;
  /** Type of `util.promisify()` of the function. There is no such property. */
  __promisify__(buffer: OneShotInput, options?: OneShotOptions): Promise<Buffer>;
};

/**
 * A synchronous one-shot function. It throws the errors of node:zlib's, and those of
 * `ZlibPool.decompressSync()` for limits and for a closed pool.
 */
export type OneShotSync = (buffer: OneShotInput, options?: OneShotOptions) => Buffer;

/** Options that are followed on the pool. node:zlib passes any other to its stream. */
const followed: ReadonlySet<string> = new Set([
  'chunkSize',
  'dictionary',
  'finishFlush',
  'flush',
  'info',
  'level',
  'maxOutputLength',
  'maxRatio',
  'memLevel',
  'params',
  'pledgedSrcSize',
  'ratioFloorLength',
  'rejectGarbageAfterEnd',
  'strategy',
  'windowBits',
]);

/**
 * Converts one message, and calls back in a tick of the caller's async context or later.
 * @throws the errors of node:zlib's function for these arguments
 */
export function oneShot(
  pool: Pool,
  codec: Codec,
  buffer: unknown,
  options: OneShotOptions | OneShotCallback | undefined,
  callback: OneShotCallback | undefined,
): void {
  const { once, names } = codec;
  const [given, done] = typeof options === 'function' ? [undefined, options] : [options, callback];
  const input = inputOf(buffer);
  if (input === undefined || typeof done !== 'function') {
    once(buffer, given, done as Parameters<OnceFunction>[2]);
    return;
  }
  const own = ownOptions(codec, given);
  const settings = isFollowed(own) ? settingsFor(input.length, messageSettings(codec, own)) : undefined;
  // node:zlib's function makes two writes, of which only the last has `finishFlush`. The pool makes
  // one. The two differ for a flush that stops at the end of a block.
  if (settings === undefined || settings.flush !== 0 || settings.finishFlush > Z_FINISH) {
    const bound = boundOf(pool, codec, input, given);
    const answer = done as Parameters<OnceFunction>[2];
    if (bound === undefined) once(buffer, given, answer);
    else once(buffer, bound.options, (error, ...output) => answer(bound.excess(error) ?? error, ...output));
    return;
  }
  const context = new AsyncResource('ZLIB');
  const answer = (error: Error | null, output?: Buffer): void => {
    enqueueTick(
      context,
      () => (error === null ? done(null, output as Buffer) : (done as (error: Error) => void)(error)),
      undefined,
    );
  };
  new Message(pool, names.once, input, settings, limitsOf(pool, settings), answer, context).start();
}

/**
 * Converts one message on the calling thread.
 * @throws the errors of node:zlib's function, an error of the pool
 */
export function oneShotSync(pool: Pool, codec: Codec, buffer: unknown, options: OneShotOptions | undefined): Buffer {
  const input = inputOf(buffer);
  const { sync, names } = codec;
  if (input === undefined) return sync(buffer, options);
  if (isFollowed(options)) {
    const settings = messageSettings(codec, options);
    return convertNow(pool, names.sync, input, settings, limitsOf(pool, settings));
  }
  const bound = boundOf(pool, codec, input, options);
  try {
    return sync(buffer, bound?.options ?? options);
  } catch (error) {
    throw bound?.excess(error) ?? error;
  }
}

/**
 * Returns the options that node:zlib's function reads. A function that states the length of the
 * input copies them for that, and loses those that are inherited.
 */
function ownOptions(codec: Codec, options: OneShotOptions | undefined): OneShotOptions | undefined {
  if (!options || !codec.statesInputLength() || options.pledgedSrcSize !== undefined) return options;
  return { __proto__: null, ...options } as OneShotOptions;
}

/** Returns whether the pool answers a call with these options as node:zlib does. */
function isFollowed(options: OneShotOptions | null | undefined): boolean {
  if (options === null || options === undefined) return true;
  // node:zlib's stream reads its own options from the prototype too, and the others only here.
  for (const name of Object.keys(options)) {
    if (!followed.has(name) && options[name as keyof OneShotOptions] !== undefined) return false;
  }
  // Errors show a fraction as it was given.
  return !options.info && Number.isInteger(options.maxOutputLength ?? 0);
}

/**
 * Returns limits for a call of node:zlib's own function. Undefined: it knows all limits itself.
 * @throws the errors of node:zlib's function for these options, and of invalid limits
 */
function boundOf(
  pool: Pool,
  codec: Codec,
  input: Buffer,
  options: OneShotOptions | null | undefined,
): { options: object; excess(error: unknown): Error | undefined } | undefined {
  // The limits of the pool are for decompression. An encoder's own is node:zlib's.
  if (codec.compresses) return undefined;
  const { maxOutputLength, maxRatio } = pool.settings;
  if (Math.min(maxOutputLength, options?.maxRatio ?? maxRatio) === Number.POSITIVE_INFINITY) return undefined;
  const all = limitsOf(pool, streamSettings(codec, options ?? undefined));
  const most = Math.min(Math.max(1, outputLimit(all, input.length)), bufferConstants.MAX_LENGTH);
  return {
    // Inherited options are read too.
    options: Object.assign(Object.create(Object(options)), options, { maxOutputLength: most }),
    excess: (error) =>
      (error as NodeJS.ErrnoException | null)?.code === 'ERR_BUFFER_TOO_LARGE'
        ? overLimit(all, input.length, most + 1)
        : undefined,
  };
}

/** Returns the bytes of a valid input that has any. node:zlib treats a detached one by its kind. */
function inputOf(buffer: unknown): Buffer | undefined {
  if (typeof buffer === 'string') return Buffer.from(buffer);
  try {
    return bufferOf(buffer);
  } catch {
    return undefined;
  }
}

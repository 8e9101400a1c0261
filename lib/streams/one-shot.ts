/**
 * node:zlib's one-shot functions on a pool: `gunzip(buffer, options, callback)` and `gunzipSync(buffer, options)` for each format.
 * Arguments that are wrong, and `info: true`, go to node:zlib's own function, which answers for itself.
 */
import { AsyncResource } from 'node:async_hooks';
import { constants } from '../engine/builtin-zlib.ts';
import { decoder, type Format, type OnceFunction } from '../engine/codec.ts';
import type { Limits } from '../pool/options.ts';
import { limits } from '../pool/options.ts';
import type { Pool } from '../pool/pool.ts';
import { enqueueTick } from '../schedule/tick.ts';
import { type Bytes, bufferOf } from '../validate.ts';
import { Decompression, inflateNow } from './message.ts';
import { type DecompressOptions, type StreamSettings, streamSettings } from './options.ts';

const { Z_DEFAULT_CHUNK, Z_DEFAULT_WINDOWBITS } = constants;

/** Input of a one-shot function, of any realm. */
export type OneShotInput = string | Bytes;

/** Options of a one-shot function: those of node:zlib, and limits. */
export type OneShotOptions = DecompressOptions;

/** Callback of a one-shot function. */
export type OneShotCallback = (error: Error | null, result: Buffer) => void;

/**
 * Decompresses one message, and calls back in a tick of the caller's async context or later.
 * @throws the errors of node:zlib's function for these arguments
 */
export function decompressOnce(
  pool: Pool,
  format: Format,
  buffer: unknown,
  options: OneShotOptions | OneShotCallback | undefined,
  callback: OneShotCallback | undefined,
): void {
  const { once, names } = decoder(format);
  const [given, done] = typeof options === 'function' ? [{}, options] : [options, callback];
  const input = inputOf(buffer);
  if (input === undefined || typeof done !== 'function' || given?.info) {
    once(buffer, given, done as Parameters<OnceFunction>[2]);
    return;
  }
  const settings = cut(streamSettings(decoder(format), given));
  // node:zlib's function flushes its writes by both options. Such a message is not one write.
  if (settings.flush !== 0) {
    once(buffer, given, done as Parameters<OnceFunction>[2]);
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
  new Decompression(pool, names.once, input, settings, limitsOf(pool, settings), answer, context).start();
}

/**
 * Decompresses one message on the calling thread.
 * @throws the errors of node:zlib's function, an error of the pool
 */
export function decompressOnceSync(
  pool: Pool,
  format: Format,
  buffer: unknown,
  options: OneShotOptions | undefined,
): Buffer {
  const input = inputOf(buffer);
  const { sync, names } = decoder(format);
  if (input === undefined || options?.info) return sync(buffer, options);
  const settings = cut(streamSettings(decoder(format), options));
  return inflateNow(pool, names.sync, input, settings, limitsOf(pool, settings), options);
}

/** With a smaller window, zlib finds that data reaches back too far by the place where the output is cut. */
function cut(settings: StreamSettings): StreamSettings {
  const { chunkLength, kind } = settings;
  // A Zstandard frame that ends with a chunk has node:zlib begin the next: see endsWithChunk().
  if (kind.isCutSensitive) return settings;
  const { windowBits = Z_DEFAULT_WINDOWBITS } = kind.options;
  if (windowBits === Z_DEFAULT_WINDOWBITS) return chunkLength === 0 ? settings : { ...settings, chunkLength: 0 };
  return { ...settings, chunkLength: chunkLength || Z_DEFAULT_CHUNK };
}

function inputOf(buffer: unknown): Buffer | undefined {
  return typeof buffer === 'string' ? Buffer.from(buffer) : bufferOf(buffer);
}

function limitsOf(pool: Pool, { limits: own }: StreamSettings): Required<Limits> {
  return own === undefined ? pool.settings : limits(own, pool.settings);
}

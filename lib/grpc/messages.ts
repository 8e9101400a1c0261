/**
 * Stages for pipelines of gRPC messages as objects. The application compresses one field of each.
 */
import type { Transform } from 'node:stream';
import { transform } from 'through2';
import type { CompressFormat, Format } from '../engine/codec.ts';
import { decoder, encoder } from '../engine/codecs.ts';
import { codedError } from '../errors.ts';
import { poolOf } from '../node-zlib/pool.ts';
import { type Limits, limits } from '../pool/options.ts';
import { messageSettings } from '../streams/settings.ts';
import { compressTask, decompressTask, type SyncCompressMessageOptions } from '../streams/whole.ts';
import { bufferOf, shown, shownType } from '../validate.ts';
import { converter, type StageOptions } from './stage.ts';

/** Place of the bytes in a message. */
type BytesPlace<Message, Result> =
  | {
      /**
       * Name of the field with the bytes. The stage emits copies of the messages, with the output
       * in this field.
       */
      field: keyof Message & string;
    }
  | {
      /** Returns the bytes of a message. */
      get: (message: Message) => NodeJS.ArrayBufferView | ArrayBufferLike;
      /** Returns the message to emit. */
      set: (message: Message, output: Buffer) => Result;
    };

/** The limits are those of one message. Default: the pool's. */
interface CommonDecompressOptions extends StageOptions, Limits {
  /** Format of the compressed bytes in each message. */
  format: Format;
}

/** Options of `decompressMessages()`, with the place of the compressed bytes in a message. */
export type DecompressMessagesOptions<Message, Result = Message> = CommonDecompressOptions &
  BytesPlace<Message, Result>;

/** The options of the format are those of node:zlib's one-shot function. Default none. */
interface CommonCompressOptions extends StageOptions, SyncCompressMessageOptions {
  /** Format of the output in each message. */
  format: CompressFormat;
}

/** Options of `compressMessages()`, with the place of the bytes to compress in a message. */
export type CompressMessagesOptions<Message, Result = Message> = CommonCompressOptions & BytesPlace<Message, Result>;

/**
 * Returns a stage that decompresses one part of each message. Both its sides are in object mode.
 * The stage emits the messages in the order of its input. It decompresses one message at a time, and
 * leases an engine only meanwhile. It fails with the error of the first message that can't be
 * decompressed, see `ZlibPool.decompress`.
 * @param options - `format`, and either `field` or both `get` and `set`. `pool`, default
 * `defaultPool`. Limits, default the pool's
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`,
 * `ERR_FORMAT_UNAVAILABLE` for bad options
 */
export function decompressMessages<Message, Result = Message>(
  options: DecompressMessagesOptions<Message, Result>,
): Transform {
  const { format } = options;
  const pool = poolOf(options);
  decoder(format);
  const ofMessages = limits(options, pool.settings);
  const { get, set } = accessors(options);
  return converter<Message, Result>(
    { objectMode: true },
    (message, done) => decompressTask(pool, get(message), format, ofMessages, done),
    set,
  );
}

/**
 * Returns a stage that compresses one part of each message. Both its sides are in object mode.
 * The stage emits the messages in the order of its input. It compresses one message at a time, and
 * leases an engine only meanwhile. It fails with the error of the first message that can't be
 * compressed, see `ZlibPool.compress`.
 * @param options - `format`, and either `field` or both `get` and `set`. `pool`, default
 * `defaultPool`. Options of node:zlib's one-shot function for the format, such as `level`, default
 * none
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_FORMAT_UNAVAILABLE` for bad
 * options. The errors of node:zlib for its options
 */
export function compressMessages<Message, Result = Message>(
  options: CompressMessagesOptions<Message, Result>,
): Transform {
  const { format, level, memLevel, strategy, windowBits, dictionary, params } = options;
  const { pledgedSrcSize, chunkSize, maxOutputLength } = options;
  const pool = poolOf(options);
  const settings = messageSettings(encoder(format), {
    level,
    memLevel,
    strategy,
    windowBits,
    dictionary,
    params,
    pledgedSrcSize,
    chunkSize,
    maxOutputLength,
  } as SyncCompressMessageOptions);
  const { get, set } = accessors(options);
  return converter<Message, Result>(
    { objectMode: true },
    (message, done) => compressTask(pool, get(message), settings, done),
    set,
  );
}

function accessors<Message, Result>(
  options: BytesPlace<Message, Result>,
): Extract<BytesPlace<Message, Result>, { set: unknown }> {
  if ('get' in options && typeof options.get === 'function' && typeof options.set === 'function') return options;
  const { field } = options as { field: keyof Message & string };
  checkField(field);
  return {
    get: (message) => bytesIn(message, field),
    set: (message, output) =>
      Object.assign(Object.create(Object.getPrototypeOf(message)), message, { [field]: output }),
  };
}

/**
 * Returns a stage that takes messages and emits the bytes in one field of each. It is for a stream
 * that was cut into messages: `pipeline(call, messageBytes('data'), createGunzip(), sink)`. The
 * stage fails with `ERR_INVALID_ARG_TYPE` at a message without bytes in the field.
 * @param field - the name of the field
 * @throws `ERR_INVALID_ARG_TYPE` if the field is no string
 */
export function messageBytes<Message>(field: keyof Message & string): Transform {
  checkField(field);
  return transform(
    { writableObjectMode: true },
    (message: Message, _encoding: unknown, callback: (error?: Error | null, data?: Uint8Array) => void) => {
      let bytes: Uint8Array;
      try {
        bytes = bytesIn(message, field);
      } catch (error) {
        callback(error as Error);
        return;
      }
      callback(null, bytes);
    },
  ) as unknown as Transform;
}

function checkField(field: unknown): void {
  if (typeof field !== 'string') {
    throw codedError('ERR_INVALID_ARG_TYPE', `field must be a string. Received ${shown(field)}`);
  }
}

function bytesIn<Message>(message: Message, field: keyof Message): Uint8Array {
  const bytes: unknown = message?.[field];
  const buffer = bufferOf(bytes);
  if (buffer !== undefined) return buffer;
  throw codedError(
    'ERR_INVALID_ARG_TYPE',
    `message.${shown(field)} must be a Buffer, TypedArray, DataView or ArrayBuffer. Received ${shownType(bytes)}`,
  );
}

/**
 * Stages for pipelines of gRPC messages as objects. The application compresses one field of each.
 */
import type { Transform } from 'node:stream';
import { objectTransform, transform } from 'through2';
import { decoder, type Format } from '../engine/codec.ts';
import { codedError } from '../errors.ts';
import { poolOf } from '../node-zlib/pool.ts';
import { type Limits, limits } from '../pool/options.ts';
import type { Message as Task } from '../streams/message.ts';
import { decompressTask } from '../streams/whole.ts';
import { bufferOf, shown, shownType } from '../validate.ts';
import type { StageOptions } from './stage.ts';

/**
 * Options of both ways to find the compressed bytes. The limits are those of one message. Default:
 * the pool's.
 */
interface CommonMessageOptions extends StageOptions, Limits {
  /** Format of the compressed bytes in each message. */
  format: Format;
}

/** Place of the compressed bytes in a message. */
export type DecompressMessagesOptions<Message, Result = Message> = CommonMessageOptions &
  (
    | {
        /**
         * Name of the field with the compressed bytes. The stage emits copies of the messages, with
         * the decompressed bytes in this field.
         */
        field: keyof Message & string;
      }
    | {
        /** Returns the compressed bytes of a message. */
        get: (message: Message) => NodeJS.ArrayBufferView | ArrayBufferLike;
        /** Returns the message to emit. */
        set: (message: Message, decompressed: Buffer) => Result;
      }
  );

/**
 * Returns a stage that decompresses one part of each message. Both its sides are in object mode.
 * Messages leave in the order in which they came. The stage decompresses one message at a time, and
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
  let current: Task | undefined;
  const stage = objectTransform(
    (message: Message, _encoding: unknown, callback: (error?: Error | null, data?: Result) => void) => {
      try {
        current = decompressTask(pool, get(message), format, ofMessages, (error, decompressed) => {
          current = undefined;
          if (error !== null) callback(error);
          else hand(message, decompressed as Buffer, callback);
        });
      } catch (error) {
        callback(error as Error);
        return;
      }
      // Outside the try: the stage must not catch an exception of one of its listeners.
      current.start();
    },
  ) as unknown as Transform;

  function hand(message: Message, decompressed: Buffer, callback: (error?: Error | null, data?: Result) => void): void {
    let result: Result;
    try {
      result = set(message, decompressed);
    } catch (error) {
      callback(error as Error);
      return;
    }
    callback(null, result);
  }
  // A stage that is destroyed returns its engine now, not when the message is done.
  return stage.once('close', () => current?.destroy(codedError('ABORT_ERR')));
}

function accessors<Message, Result>(
  options: DecompressMessagesOptions<Message, Result>,
): {
  get: (message: Message) => NodeJS.ArrayBufferView | ArrayBufferLike;
  set: (message: Message, decompressed: Buffer) => Result;
} {
  if ('get' in options && typeof options.get === 'function' && typeof options.set === 'function') return options;
  const { field } = options as { field: keyof Message & string };
  checkField(field);
  return {
    get: (message) => bytesIn(message, field),
    set: (message, decompressed) =>
      Object.assign(Object.create(Object.getPrototypeOf(message)), message, { [field]: decompressed }),
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
    `message.${shown(field)} must be a Uint8Array. Received ${shownType(bytes)}`,
  );
}

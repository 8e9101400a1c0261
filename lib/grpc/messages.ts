/** Stages for pipelines of gRPC messages as objects, compressed by the application in one of their fields. */
import type { Transform } from 'node:stream';
import { objectTransform, transform } from 'through2';
import { type Format, formatTraits } from '../engine/codec.ts';
import { codedError } from '../errors.ts';
import { poolOf } from '../node-zlib/factories.ts';
import { type Limits, limits } from '../pool/options.ts';
import { Decompression } from '../streams/message.ts';
import { bufferOf, shown, shownType } from '../validate.ts';
import type { StageOptions } from './stage.ts';

/** The limits are those of one message. Default: the pool's. */
interface CommonMessageOptions extends StageOptions, Limits {
  /** What each message is compressed with. */
  format: Format;
}

/** Where in a message the compressed bytes are. */
export type DecompressMessagesOptions<Message, Result = Message> = CommonMessageOptions &
  (
    | {
        /** The field with the compressed bytes. The stage gives copies of the messages, with the decompressed bytes in it. */
        field: keyof Message & string;
      }
    | {
        /** Takes the compressed bytes out of a message. */
        get: (message: Message) => NodeJS.ArrayBufferView | ArrayBufferLike;
        /** Gives the message to hand on. */
        set: (message: Message, decompressed: Buffer) => Result;
      }
  );

/**
 * A stage, in and out objects: decompresses one part of each message. Messages leave in the order in which they came, one at a
 * time is decompressed, and an engine is leased only meanwhile.
 * @param options - `format`, and `field` or `get` and `set`, which there have to be; `pool`, default `defaultPool`; limits, default the pool's
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`, `ERR_FORMAT_UNAVAILABLE` for bad options.
 * The stage fails with the error of the first message that can't be decompressed, see `ZlibPool.decompress`.
 */
export function decompressMessages<Message, Result = Message>(
  options: DecompressMessagesOptions<Message, Result>,
): Transform {
  const { format } = options;
  const pool = poolOf(options);
  formatTraits(format);
  const ofMessages = limits(options, pool.settings);
  const { get, set } = accessors(options);
  let current: Decompression | undefined;
  const stage = objectTransform(
    (message: Message, _encoding: unknown, callback: (error?: Error | null, data?: Result) => void) => {
      try {
        current = new Decompression(pool, get(message), format, ofMessages, (error, decompressed) => {
          current = undefined;
          if (error !== null) callback(error);
          else hand(message, decompressed as Buffer, callback);
        });
      } catch (error) {
        callback(error as Error);
        return;
      }
      // Not within the try: what a listener of the stage throws is not for the stage to answer.
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
  // A stage that is destroyed gives its engine back now, not when the message is done.
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
 * A stage, in objects, out bytes: the bytes in one field of each message, for a stream that was cut into messages.
 * `pipeline(call, messageBytes('data'), createGunzip(), sink)`
 * @param field - the name of the field
 * @throws `ERR_INVALID_ARG_TYPE` for a field that is no string. The stage fails with it for a message without bytes there.
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

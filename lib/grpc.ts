/**
 * `zlease/grpc`: stages for pipelines of gRPC messages, the frames of gRPC over HTTP/2, and the status for an error. For a
 * grpc-js service as it is, `zlease/register` is enough: these are for messages that are compressed by the application, and
 * for whoever handles gRPC without a gRPC library.
 */
import type { Transform } from 'node:stream';
import { objectTransform, transform } from 'through2';
import { codedError } from './errors.ts';
import { type Format, formatTraits } from './formats.ts';
import { Decompression } from './message.ts';
import { atLeastOne, type Limits, limits } from './pool-options.ts';
import { bufferOf, shown, shownType } from './validate.ts';
import { poolOf, type ZlibPool } from './zlib.ts';

/** What the stages of this module have in common. */
interface StageOptions {
  /** Leases the engines. Default: `defaultPool`. */
  pool?: ZlibPool;
}

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

/** The values of grpc-encoding, as far as node:zlib has them. deflate is the zlib wrapper, RFC 1950. */
const encodings = new Map<string, Format | undefined>([
  ['identity', undefined],
  ['gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'br'],
  ['zstd', 'zstd'],
]);

/** Of `frameDecoder()`. */
export interface FrameDecoderOptions extends StageOptions {
  /** The value of the grpc-encoding header. Default 'identity'. */
  encoding?: string;
  /** The most bytes of a message, compressed and not; one more is `ERR_BUFFER_TOO_LARGE`. Default 4 MB, as in gRPC; `Infinity` for none. */
  maxMessageLength?: number;
}

/** A flag and a big-endian length: gRPC over HTTP/2, "Length-Prefixed-Message". */
const HEADER_LENGTH = 5;

/** gRPC's own default. */
const MAX_MESSAGE_LENGTH = 4_194_304;

/**
 * A stage, in the bytes of a request's or response's body, out its messages, decompressed, each a Buffer.
 * @param options - `encoding`, default `'identity'`; `maxMessageLength`, default 4 MB; `pool`, default `defaultPool`
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE` for bad options. The stage fails with `ERR_GRPC_ENCODING` at the first message that is
 * compressed with something unknown, or though the encoding is identity; with `ERR_GRPC_FRAME` at a flag that is neither 0 nor 1 and where
 * the body ends within a message; else see `ZlibPool.decompress`.
 */
export function frameDecoder(options: FrameDecoderOptions = {}): Transform {
  const { encoding = 'identity' } = options;
  const pool = poolOf(options);
  if (typeof encoding !== 'string') {
    throw codedError('ERR_INVALID_ARG_TYPE', `options.encoding must be a string. Received ${shown(encoding)}`);
  }
  const maxOutputLength = atLeastOne(options.maxMessageLength, 'options.maxMessageLength', MAX_MESSAGE_LENGTH);
  const abort = new AbortController();
  // One chunk at a time: through2 counts what waits in chunks.
  const stage = transform(
    { writableHighWaterMark: 1, readableObjectMode: true },
    async function* (body: AsyncIterable<Buffer>) {
      for await (const { compressed, payload } of frames(body, maxOutputLength)) {
        if (!compressed) yield payload;
        else yield await pool.decompress(payload, formatOf(encoding), { maxOutputLength, signal: abort.signal });
      }
    },
  ) as unknown as Transform;
  return stage.once('close', () => abort.abort());
}

function formatOf(encoding: string): Format {
  const format = encodings.get(encoding);
  if (format !== undefined) return format;
  throw codedError(
    'ERR_GRPC_ENCODING',
    encodings.has(encoding)
      ? 'A message is compressed though grpc-encoding is identity'
      : `A message is compressed with the unsupported grpc-encoding ${shown(encoding)}`,
  );
}

async function* frames(
  body: AsyncIterable<Buffer>,
  maxLength: number,
): AsyncGenerator<{ compressed: boolean; payload: Buffer }, void, void> {
  let pieces: Buffer[] = [];
  let held = 0;
  let wanted = HEADER_LENGTH;
  for await (const chunk of body) {
    pieces.push(chunk);
    held += chunk.length;
    if (held < wanted) continue;
    let rest = pieces.length === 1 ? chunk : Buffer.concat(pieces, held);
    wanted = HEADER_LENGTH;
    while (rest.length >= HEADER_LENGTH) {
      const flag = rest.readUInt8(0);
      if (flag > 1) throw codedError('ERR_GRPC_FRAME', `The flag of a message is 0 or 1. Received ${flag}`);
      const length = rest.readUInt32BE(1);
      if (length > maxLength) {
        throw codedError(
          'ERR_BUFFER_TOO_LARGE',
          `A message of ${length} bytes is larger than the limit of ${maxLength}`,
        );
      }
      if (rest.length < HEADER_LENGTH + length) {
        wanted = HEADER_LENGTH + length;
        break;
      }
      yield { compressed: flag === 1, payload: rest.subarray(HEADER_LENGTH, HEADER_LENGTH + length) };
      rest = rest.subarray(HEADER_LENGTH + length);
    }
    pieces = rest.length > 0 ? [rest] : [];
    held = rest.length;
  }
  if (held > 0) throw codedError('ERR_GRPC_FRAME', 'The body ends within a message');
}

/** What gRPC tells the other side of an error: numbers of `status` in `@grpc/grpc-js`. */
export interface GrpcStatus {
  /** Of https://grpc.io/docs/guides/status-codes/, as a number. */
  code: number;
  /** The message of the error. */
  details: string;
}

const CANCELLED = 1;
const UNKNOWN = 2;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;
const INTERNAL = 13;
const UNAVAILABLE = 14;

const codes = new Map<unknown, number>([
  ['ABORT_ERR', CANCELLED],
  ['ERR_STREAM_PREMATURE_CLOSE', CANCELLED],
  ['ERR_BUFFER_TOO_LARGE', RESOURCE_EXHAUSTED],
  ['ERR_RATIO_TOO_HIGH', RESOURCE_EXHAUSTED],
  ['ERR_POOL_TIMEOUT', RESOURCE_EXHAUSTED],
  ['ERR_POOL_QUEUE_FULL', RESOURCE_EXHAUSTED],
  ['ERR_GRPC_ENCODING', UNIMPLEMENTED],
  ['ERR_FORMAT_UNAVAILABLE', UNIMPLEMENTED],
  ['ERR_GRPC_FRAME', INTERNAL],
  ['ERR_TRAILING_JUNK_AFTER_STREAM_END', INTERNAL],
  ['ERR_POOL_CLOSED', UNAVAILABLE],
]);

/** Of zlib, Brotli and Zstandard: what is wrong with the data. */
const DATA_ERROR = /^(Z_|ERR__ERROR_|ZSTD_error_)/;

/**
 * The status for an error of a pipeline: over a limit, or no engine to be had, RESOURCE_EXHAUSTED, bad data INTERNAL, an unknown encoding UNIMPLEMENTED,
 * aborted CANCELLED, a closed pool UNAVAILABLE. An error that has a status already keeps it; any other is UNKNOWN.
 * @param error - what a pipeline failed with; anything that can be thrown
 */
export function toStatus(error: unknown): GrpcStatus {
  const { code, details, message } = partsOf(error);
  const words = typeof message === 'string' ? message : typeof error === 'string' ? error : shown(error);
  // The peer gets one line: what follows may be stacks of ours.
  const [text] = words.split('\n', 1) as [string];
  if (typeof code === 'number') return { code, details: typeof details === 'string' ? details : text };
  const known = codes.get(code) ?? (typeof code === 'string' && DATA_ERROR.test(code) ? INTERNAL : UNKNOWN);
  return { code: known, details: code === undefined ? text : `${shown(code)}: ${text}` };
}

/** What was thrown may be anything, a Proxy or an object with getters that throw for one. */
function partsOf(error: unknown): { code?: unknown; details?: unknown; message?: unknown } {
  try {
    const { code, details, message } = (error ?? {}) as { code?: unknown; details?: unknown; message?: unknown };
    return { code, details, message };
  } catch {
    return {};
  }
}

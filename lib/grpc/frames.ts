/** The frames of gRPC over HTTP/2, for servers and clients without a gRPC library. */
import type { Transform } from 'node:stream';
import { transform } from 'through2';
import type { CompressFormat } from '../engine/codec.ts';
import { encoder } from '../engine/codecs.ts';
import { codedError } from '../errors.ts';
import { poolOf } from '../node-zlib/pool.ts';
import { atLeastOne } from '../pool/options.ts';
import { messageSettings } from '../streams/settings.ts';
import { compressTask } from '../streams/whole.ts';
import { bufferOf, shown, shownType } from '../validate.ts';
import { converter, type StageOptions } from './stage.ts';

/**
 * Formats by the value of grpc-encoding, as far as node:zlib has them. deflate is the zlib wrapper,
 * RFC 1950.
 */
const encodings = new Map<string, CompressFormat | undefined>([
  ['identity', undefined],
  ['gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'br'],
  ['zstd', 'zstd'],
]);

/** Options of `frameDecoder()`. */
export interface FrameDecoderOptions extends StageOptions {
  /** Value of the grpc-encoding header. Default 'identity'. */
  encoding?: string;
  /**
   * Most bytes of a message, compressed and decompressed. A longer one fails with
   * `ERR_BUFFER_TOO_LARGE`. Default 4194304 (4 MB), as in gRPC. `Infinity` sets no limit.
   */
  maxMessageLength?: number;
}

/** Options of `frameEncoder()`. */
export interface FrameEncoderOptions extends StageOptions {
  /** Value of the grpc-encoding header. Default 'identity': messages are not compressed. */
  encoding?: string;
  /**
   * Most bytes of a message, before and after compression. A longer one fails with
   * `ERR_BUFFER_TOO_LARGE`. Default `Infinity`: gRPC limits only messages that are received. The
   * frames themselves limit a message to 4294967295 bytes.
   */
  maxMessageLength?: number;
}

/** A flag and a big-endian length, in bytes: gRPC over HTTP/2, "Length-Prefixed-Message". */
const HEADER_LENGTH = 5;

/** Longest payload that the length can state, in bytes. */
const MAX_PAYLOAD_LENGTH = 2 ** 32 - 1;

/** Default of gRPC, in bytes. */
const MAX_MESSAGE_LENGTH = 4_194_304;

/**
 * Returns a stage that takes the bytes of a request's or response's body. It emits the decompressed
 * messages, each as a Buffer.
 *
 * The stage fails with `ERR_GRPC_ENCODING` at a compressed message if the encoding is unknown or
 * identity. It fails with `ERR_GRPC_FRAME` at a flag other than 0 and 1, and if the body ends
 * within a message. Other errors are those of `ZlibPool.decompress`.
 * @param options - `encoding` (default `'identity'`), `maxMessageLength` (default 4 MB), `pool`
 * (default `defaultPool`)
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE` for bad options
 */
export function frameDecoder(options: FrameDecoderOptions = {}): Transform {
  const encoding = encodingOf(options);
  const pool = poolOf(options);
  const maxOutputLength = atLeastOne(options.maxMessageLength, 'options.maxMessageLength', MAX_MESSAGE_LENGTH);
  const abort = new AbortController();
  // One chunk at a time: through2 limits the number of queued chunks, not their length.
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

/**
 * Returns a stage that takes messages, each a Uint8Array or other bytes. It emits the frames for
 * the body of a request or response, one for each message, in order. With an encoding other than
 * identity it compresses every message, an empty one too, as grpc-js does. It compresses one
 * message at a time, and leases an engine only meanwhile.
 *
 * The stage fails with `ERR_INVALID_ARG_TYPE` at a message that is no bytes. Other errors are those
 * of `ZlibPool.compress`.
 * @param options - `encoding` (default `'identity'`), `maxMessageLength` (default `Infinity`),
 * `pool` (default `defaultPool`)
 * @throws `ERR_GRPC_ENCODING` for an unknown encoding, `ERR_FORMAT_UNAVAILABLE` for zstd on a Node
 * without it. `ERR_INVALID_ARG_TYPE`, `ERR_OUT_OF_RANGE` for bad options
 */
export function frameEncoder(options: FrameEncoderOptions = {}): Transform {
  const encoding = encodingOf(options);
  const pool = poolOf(options);
  const most = atLeastOne(options.maxMessageLength, 'options.maxMessageLength', Number.POSITIVE_INFINITY);
  const maxLength = Math.min(most, MAX_PAYLOAD_LENGTH);
  if (encoding === 'identity') {
    return transform(
      { writableObjectMode: true },
      (message: unknown, _encoding: unknown, callback: (error: Error | null, data?: Buffer) => void) => {
        let framed: Buffer;
        try {
          framed = frame(0, payloadOf(message, maxLength));
        } catch (error) {
          callback(error as Error);
          return;
        }
        callback(null, framed);
      },
    ) as unknown as Transform;
  }
  const format = encodings.get(encoding);
  if (format === undefined) {
    throw codedError('ERR_GRPC_ENCODING', `Messages can't be compressed with the grpc-encoding ${shown(encoding)}`);
  }
  const settings = messageSettings(encoder(format), maxLength === most ? { maxOutputLength: maxLength } : undefined);
  return converter(
    { writableObjectMode: true },
    (message: unknown, done) => compressTask(pool, payloadOf(message, maxLength), settings, done),
    (_message, payload) => frame(1, payload),
  );
}

/** @throws `ERR_INVALID_ARG_TYPE` for a message that is no bytes, `ERR_BUFFER_TOO_LARGE` */
function payloadOf(message: unknown, maxLength: number): Buffer {
  const payload = bufferOf(message);
  if (payload === undefined) {
    throw codedError(
      'ERR_INVALID_ARG_TYPE',
      `A message must be a Buffer, TypedArray, DataView or ArrayBuffer. Received ${shownType(message)}`,
    );
  }
  checkLength(payload.length, maxLength);
  return payload;
}

function checkLength(length: number, maxLength: number): void {
  if (length <= maxLength) return;
  throw codedError('ERR_BUFFER_TOO_LARGE', `A message of ${length} bytes is larger than the limit of ${maxLength}`);
}

function frame(flag: number, payload: Buffer): Buffer {
  checkLength(payload.length, MAX_PAYLOAD_LENGTH);
  const header = Buffer.allocUnsafe(HEADER_LENGTH);
  header.writeUInt8(flag, 0);
  header.writeUInt32BE(payload.length, 1);
  return Buffer.concat([header, payload]);
}

/** @throws `ERR_INVALID_ARG_TYPE` unless the encoding is a string */
function encodingOf({ encoding = 'identity' }: { encoding?: string }): string {
  if (typeof encoding === 'string') return encoding;
  throw codedError('ERR_INVALID_ARG_TYPE', `options.encoding must be a string. Received ${shown(encoding)}`);
}

function formatOf(encoding: string): CompressFormat {
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
      if (flag > 1) throw codedError('ERR_GRPC_FRAME', `The flag of a message must be 0 or 1. Received ${flag}`);
      const length = rest.readUInt32BE(1);
      checkLength(length, maxLength);
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

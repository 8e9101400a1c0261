/**
 * `zlease/web`: the CompressionStream and DecompressionStream of
 * https://compression.spec.whatwg.org on the engines of a pool. They are as strict as the standard
 * on every Node. They do not replace the classes of `globalThis`.
 */
import { type InspectOptions, inspect } from 'node:util';
import type { Codec, CompressFormat } from './engine/codec.ts';
import { decoder, encoder, formats } from './engine/codecs.ts';
import { codedError } from './errors.ts';
import type { Framing } from './framing/framing.ts';
import { GzipMember } from './framing/gzip-member.ts';
import { ZstdFrame } from './framing/zstd-frame.ts';
import { poolOf, type ZlibPool } from './node-zlib/pool.ts';
import { atLeastOne, record, refuse } from './pool/options.ts';
import { WebTransform } from './streams/web-transform.ts';
import { shown } from './validate.ts';

/**
 * gzip: RFC 1952, one member. deflate: the zlib wrapper, RFC 1950. deflate-raw: RFC 1951. brotli:
 * RFC 7932. zstd: Zstandard, RFC 8878, one frame, on Node 22.15 and later. zstd is not in the
 * standard, nor in Node's own classes.
 */
export type CompressionFormat = 'gzip' | 'deflate' | 'deflate-raw' | 'brotli' | 'zstd';

/** The formats of a CompressionStream. */
export type DecompressionFormat = CompressionFormat;

/** Second argument of `new CompressionStream()`, beyond the standard. */
export interface CompressionStreamOptions {
  /** Pool that leases the engine. Default: `defaultPool`. */
  pool?: ZlibPool;
}

/** Second argument of `new DecompressionStream()`, beyond the standard. */
export interface DecompressionStreamOptions {
  /** Pool that leases the engine. Default: `defaultPool`. */
  pool?: ZlibPool;
  /**
   * Most bytes of output, from 1 to `buffer.constants.MAX_LENGTH`. One more fails with
   * `ERR_BUFFER_TOO_LARGE`, a RangeError. Default: the pool's.
   */
  maxOutputLength?: number;
}

/** Engines and framings for a name of the standard. */
interface Row {
  readonly encoder: Codec;
  readonly decoder: Codec;
  /** Some decoders report the end of the data on some Nodes only. A framing reports it on all. */
  readonly framing?: () => Framing;
}

/** @param decoded - format of the decoder, if a framing reads the rest of the data */
function row(format: CompressFormat, framing?: () => Framing, decoded: CompressFormat = format): Row {
  return { encoder: encoder(format), decoder: decoder(decoded), ...(framing && { framing }) };
}

const rows = new Map<string, Row>([
  ['gzip', row('gzip', () => new GzipMember(), 'deflate-raw')],
  ['deflate', row('deflate')],
  ['deflate-raw', row('deflate-raw')],
  ['brotli', row('br')],
]);
if (formats.includes('zstd'))
  rows.set(
    'zstd',
    row('zstd', () => new ZstdFrame()),
  );

/**
 * Compresses the BufferSource chunks written to `writable`. `readable` emits Uint8Array chunks.
 *
 * Both sides fail with a TypeError for a chunk that is no BufferSource. The engine is released when
 * the stream closes, fails, is cancelled or aborted.
 */
export class CompressionStream {
  readonly #transform: WebTransform;

  /**
   * @param format - a CompressionFormat
   * @param options - `pool`, default `defaultPool`
   * @throws TypeError, `ERR_INVALID_ARG_VALUE`, for a format that this Node does not have. For
   * invalid options `ERR_INVALID_ARG_TYPE` or `ERR_INVALID_ARG_VALUE`
   */
  constructor(format: CompressionFormat, options: CompressionStreamOptions = {}) {
    const { encoder } = rowOf(`${format}`);
    const { pool, ...rest } = record(options, 'options');
    refuse(rest, 'options');
    this.#transform = new WebTransform(poolOf({ pool }), 'CompressionStream', encoder);
  }

  /** Compressed data. */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#transform.readable;
  }

  /** Side that takes the data. */
  get writable(): WritableStream<ArrayBuffer | ArrayBufferView> {
    return this.#transform.writable;
  }

  /** @internal Shows the stream as Node shows its own class. */
  [inspect.custom](depth: number, options: InspectOptions): string {
    return shownAs('CompressionStream', this, depth, options);
  }
}

/**
 * Decompresses the BufferSource chunks written to `writable`. `readable` emits Uint8Array chunks.
 *
 * Both sides fail with a TypeError for data that is corrupt, cut short, or followed by anything. If
 * zlib reported the error, it is the `cause`. Chunks that are no BufferSource are a TypeError, too.
 * Output made before can still be read. The engine is released when the stream closes, fails, is
 * cancelled or aborted.
 */
export class DecompressionStream {
  readonly #transform: WebTransform;

  /**
   * @param format - a DecompressionFormat
   * @param options - `pool` (default `defaultPool`), `maxOutputLength` (default the pool's)
   * @throws TypeError, `ERR_INVALID_ARG_VALUE`, for a format that this Node does not have. For
   * invalid options `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE`
   */
  constructor(format: DecompressionFormat, options: DecompressionStreamOptions = {}) {
    const { decoder, framing } = rowOf(`${format}`);
    const { pool: given, maxOutputLength, ...rest } = record(options, 'options');
    refuse(rest, 'options');
    const pool = poolOf({ pool: given });
    if (maxOutputLength !== undefined) atLeastOne(maxOutputLength, 'options.maxOutputLength', 1);
    this.#transform = new WebTransform(pool, 'DecompressionStream', decoder, framing?.(), maxOutputLength);
  }

  /** Decompressed data. */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#transform.readable;
  }

  /** Side that takes the compressed data. */
  get writable(): WritableStream<ArrayBuffer | ArrayBufferView> {
    return this.#transform.writable;
  }

  /** @internal Shows the stream as Node shows its own class. */
  [inspect.custom](depth: number, options: InspectOptions): string {
    return shownAs('DecompressionStream', this, depth, options);
  }
}

// Web IDL makes attributes enumerable, and names the class by this symbol.
for (const Class of [CompressionStream, DecompressionStream]) {
  Object.defineProperties(Class.prototype, {
    readable: { enumerable: true },
    writable: { enumerable: true },
    [Symbol.toStringTag]: { configurable: true, value: Class.name },
  });
}

function shownAs(
  name: string,
  { readable, writable }: CompressionStream | DecompressionStream,
  depth: number,
  options: InspectOptions,
): string {
  return depth < 0 ? `[${name}]` : `${name} ${inspect({ readable, writable }, { ...options, depth })}`;
}

function rowOf(format: string): Row {
  const known = rows.get(format);
  if (known !== undefined) return known;
  const names = [...rows.keys()].join(', ');
  throw codedError('ERR_INVALID_ARG_VALUE', `format must be one of ${names}. Received ${shown(format)}`);
}

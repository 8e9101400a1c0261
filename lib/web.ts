/**
 * `zlease/web`: the DecompressionStream of https://compression.spec.whatwg.org, on the engines of a pool and as strict as the standard on every
 * Node. It is no global: `globalThis.DecompressionStream` stays Node's own.
 */
import { type InspectOptions, inspect } from 'node:util';
import { type Format, formats } from './engine/codec.ts';
import { codedError } from './errors.ts';
import type { Framing } from './framing/framing.ts';
import { GzipMember } from './framing/gzip-member.ts';
import { ZstdFrame } from './framing/zstd-frame.ts';
import { poolOf, type ZlibPool } from './node-zlib/factories.ts';
import { atLeastOne, record, refuse } from './pool/options.ts';
import { WebTransform } from './streams/web-transform.ts';
import { shown } from './validate.ts';

/**
 * gzip: RFC 1952, one member. deflate: the zlib wrapper, RFC 1950. deflate-raw: RFC 1951. brotli: RFC 7932. zstd: Zstandard, RFC 8878, one frame, on
 * Node 22.15 and later; not in the standard, nor in Node's own class.
 */
export type DecompressionFormat = 'gzip' | 'deflate' | 'deflate-raw' | 'brotli' | 'zstd';

/** The second argument of `new DecompressionStream()`, beyond the standard. */
export interface DecompressionStreamOptions {
  /** Leases the engine. Default: `defaultPool`. */
  pool?: ZlibPool;
  /** The most bytes that may come out; one more is `ERR_BUFFER_TOO_LARGE`, a RangeError. From 1 to `buffer.constants.MAX_LENGTH`. Default: the pool's. */
  maxOutputLength?: number;
}

interface Decoding {
  /** Of the engine. */
  format: Format;
  framing?: () => Framing;
}

/** By the names of the standard. Where engines tell the end of the data on some Nodes only, a framing does on all. */
const decodings = new Map<string, Decoding>([
  ['gzip', { format: 'deflate-raw', framing: () => new GzipMember() }],
  ['deflate', { format: 'deflate' }],
  ['deflate-raw', { format: 'deflate-raw' }],
  ['brotli', { format: 'br' }],
]);
if (formats.includes('zstd')) decodings.set('zstd', { format: 'zstd', framing: () => new ZstdFrame() });

/**
 * Decompresses what is written to `writable`, as BufferSource chunks, into Uint8Array chunks on `readable`.
 *
 * Both sides fail with a TypeError for data that is corrupt, cut short, or followed by anything (`cause` is the error of zlib, where it is one), and for chunks that are
 * no BufferSource. What was decompressed before is still read. The engine goes back when the stream closes, fails, is cancelled or aborted.
 */
export class DecompressionStream {
  readonly #transform: WebTransform;

  /**
   * @param format - a DecompressionFormat
   * @param options - `pool`, default `defaultPool`; `maxOutputLength`, default the pool's
   * @throws TypeError, `ERR_INVALID_ARG_VALUE`, for a format that this Node does not have; `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or
   * `ERR_OUT_OF_RANGE` for options that make no sense
   */
  constructor(format: DecompressionFormat, options: DecompressionStreamOptions = {}) {
    const { format: engine, framing } = decodingOf(`${format}`);
    const { pool: given, maxOutputLength, ...rest } = record(options, 'options');
    refuse(rest, 'options');
    const pool = poolOf({ pool: given });
    if (maxOutputLength !== undefined) atLeastOne(maxOutputLength, 'options.maxOutputLength', 1);
    this.#transform = new WebTransform(pool, engine, framing?.(), maxOutputLength);
  }

  /** What is made of it. */
  get readable(): ReadableStream<Uint8Array<ArrayBuffer>> {
    return this.#transform.readable;
  }

  /** Takes the compressed data. */
  get writable(): WritableStream<ArrayBuffer | ArrayBufferView> {
    return this.#transform.writable;
  }

  /** @internal As Node shows its own class. */
  [inspect.custom](depth: number, options: InspectOptions): string {
    if (depth < 0) return '[DecompressionStream]';
    const { readable, writable } = this;
    return `DecompressionStream ${inspect({ readable, writable }, { ...options, depth })}`;
  }
}

// As Web IDL has attributes and classes.
Object.defineProperties(DecompressionStream.prototype, {
  readable: { enumerable: true },
  writable: { enumerable: true },
  [Symbol.toStringTag]: { configurable: true, value: 'DecompressionStream' },
});

function decodingOf(format: string): Decoding {
  const decoding = decodings.get(format);
  if (decoding !== undefined) return decoding;
  const names = [...decodings.keys()].join(', ');
  throw codedError('ERR_INVALID_ARG_VALUE', `format must be one of ${names}. Received ${shown(format)}`);
}

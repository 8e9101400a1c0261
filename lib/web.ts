/**
 * `zlease/web`: the DecompressionStream of https://compression.spec.whatwg.org on the engines of a
 * pool. It is as strict as the standard on every Node. It does not replace
 * `globalThis.DecompressionStream`.
 */
import { type InspectOptions, inspect } from 'node:util';
import { type Format, formats } from './engine/codec.ts';
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
 * standard, nor in Node's own class.
 */
export type DecompressionFormat = 'gzip' | 'deflate' | 'deflate-raw' | 'brotli' | 'zstd';

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

interface Decoding {
  /** Format of the engine. */
  format: Format;
  framing?: () => Framing;
}

/**
 * Decodings by the names of the standard. Some engines report the end of the data on some Nodes
 * only. They get a framing, which reports it on all.
 */
const decodings = new Map<string, Decoding>([
  ['gzip', { format: 'deflate-raw', framing: () => new GzipMember() }],
  ['deflate', { format: 'deflate' }],
  ['deflate-raw', { format: 'deflate-raw' }],
  ['brotli', { format: 'br' }],
]);
if (formats.includes('zstd')) decodings.set('zstd', { format: 'zstd', framing: () => new ZstdFrame() });

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
    const { format: engine, framing } = decodingOf(`${format}`);
    const { pool: given, maxOutputLength, ...rest } = record(options, 'options');
    refuse(rest, 'options');
    const pool = poolOf({ pool: given });
    if (maxOutputLength !== undefined) atLeastOne(maxOutputLength, 'options.maxOutputLength', 1);
    this.#transform = new WebTransform(pool, engine, framing?.(), maxOutputLength);
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
    if (depth < 0) return '[DecompressionStream]';
    const { readable, writable } = this;
    return `DecompressionStream ${inspect({ readable, writable }, { ...options, depth })}`;
  }
}

// Web IDL makes attributes enumerable, and names the class by this symbol.
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

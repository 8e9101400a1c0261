/**
 * Shape of a stream: an instance of node:zlib's own class for the codec, for code that tests
 * `instanceof zlib.Gunzip`. Its prototype has the methods of the pooled stream and inherits from
 * node:zlib's class. That class adds `params` of decoders, `_closed` and the deprecated
 * `bytesRead`. The constructor of node:zlib's class may not run: it would create an engine.
 */

import type { Codec, CompressFormat, Format } from '../engine/codec.ts';
import { decoder, encoder } from '../engine/codecs.ts';
import type { Pool } from '../pool/pool.ts';
import { CompressStream } from '../streams/compress.ts';
import { DecompressStream } from '../streams/decompress.ts';
import { donorOf, legacyNames } from '../streams/legacy.ts';
import { type CompressOptions, type DecompressOptions, given } from '../streams/options.ts';
import { settingsOf, ZlibStream } from '../streams/zlib-stream.ts';

/** Class of pooled streams: a subclass that calls the constructor has to be given the same. */
type Class = typeof DecompressStream | typeof CompressStream;

const shapes = new Map<Codec, Class>();

/**
 * Returns the shape of a codec. It is made at its first use: a stream of node:zlib is its model.
 */
function shapeFor(codec: Codec): Class {
  let shape = shapes.get(codec);
  if (shape === undefined) {
    shape = shapeOf(codec, codec.compresses ? CompressStream : DecompressStream);
    shapes.set(codec, shape);
  }
  return shape;
}

/**
 * Creates a decompressing stream with the shape for its format.
 * @throws the errors of node:zlib's constructor for these options
 */
export function decompressStream(pool: Pool, format: Format, options?: DecompressOptions): DecompressStream {
  const codec = decoder(format);
  const Shaped = shapeFor(codec) as typeof DecompressStream;
  const stream = new Shaped(pool, format, options);
  if (!codec.byZlib || !options) return stream;
  // params() of node:zlib compares its arguments with these.
  const level = given(options.level);
  const strategy = given(options.strategy);
  if (level !== undefined) Object.assign(stream, { _level: level });
  if (strategy !== undefined) Object.assign(stream, { _strategy: strategy });
  return stream;
}

/**
 * Creates a compressing stream with the shape for its format.
 * @throws the errors of node:zlib's constructor for these options
 */
export function compressStream(pool: Pool, format: CompressFormat, options?: CompressOptions): CompressStream {
  const Shaped = shapeFor(encoder(format)) as typeof CompressStream;
  return new Shaped(pool, format, options);
}

// `instanceof DecompressStream` must be true too. That class is not in the prototype chain.
for (const Own of [DecompressStream, CompressStream] satisfies Class[]) {
  Object.defineProperty(Own, Symbol.hasInstance, {
    value(this: unknown, value: unknown): boolean {
      const isA = (Class: unknown) => Function.prototype[Symbol.hasInstance].call(Class as never, value);
      const compresses = Own === CompressStream;
      const isShaped = () => [...shapes].some(([codec, Shape]) => codec.compresses === compresses && isA(Shape));
      return isA(this) || (this === Own && isShaped());
    },
  });
}

function shapeOf(codec: Codec, Own: Class): Class {
  const { Stock, byZlib, compresses } = codec;
  // A subclass, because V8 would make a hidden class for each stream of a plain function with this
  // prototype.
  class Shaped extends (Own as typeof DecompressStream) {}
  const { constructor: _, ...members } = {
    ...Object.getOwnPropertyDescriptors(ZlibStream.prototype),
    ...Object.getOwnPropertyDescriptors(Own.prototype),
  };
  Object.setPrototypeOf(Shaped.prototype, Stock.prototype);
  Reflect.deleteProperty(Shaped.prototype, 'constructor');
  Object.defineProperties(Shaped.prototype, {
    ...members,
    ...Object.fromEntries(legacyNames(codec).map((name) => [name, legacy(name)])),
    ...(byZlib && !compresses ? { _level: data(-1), _strategy: data(0) } : {}),
  });
  // Brotli and Zstandard have none.
  if (!byZlib) Reflect.deleteProperty(Shaped.prototype, 'params');
  return Shaped;
}

/**
 * Returns the descriptor of a property that node:zlib's streams have as their own. An assignment
 * makes it an own property, without other effects.
 */
function legacy(name: string): PropertyDescriptor {
  return {
    configurable: true,
    get(this: ZlibStream) {
      return donorOf(this, settingsOf(this))[name];
    },
    set(this: ZlibStream, value: unknown) {
      Object.defineProperty(this, name, { ...data(0), enumerable: true, value });
    },
  };
}

function data(value: number): PropertyDescriptor {
  return { configurable: true, writable: true, value };
}

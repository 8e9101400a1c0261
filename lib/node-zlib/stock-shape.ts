/**
 * Shape of a stream: an instance of node:zlib's own class for the format, for code that tests
 * `instanceof zlib.Gunzip`. Its prototype has the methods of `DecompressStream` and inherits from
 * node:zlib's class. That class adds `params`, `_closed` and the deprecated `bytesRead`. The
 * constructor of node:zlib's class may not run: it would create an engine.
 */

import { decoder, type Format, formats } from '../engine/codec.ts';
import type { Pool } from '../pool/pool.ts';
import { DecompressStream, settingsOf } from '../streams/decompress.ts';
import { donorOf, legacyNames } from '../streams/legacy.ts';
import type { DecompressOptions } from '../streams/options.ts';

type Shape = new (pool: Pool, format: Format, options?: DecompressOptions) => DecompressStream;

const shapes = new Map(formats.map((format) => [format, shapeOf(format)]));

/**
 * Creates a stream with the shape for its format.
 * @throws the errors of node:zlib's constructor for these options
 */
export function decompressStream(pool: Pool, format: Format, options?: DecompressOptions): DecompressStream {
  const Shaped = shapes.get(format) ?? DecompressStream;
  const stream = new Shaped(pool, format, options);
  // params() of node:zlib compares its arguments with these.
  if (options?.level !== undefined) Object.assign(stream, { _level: options.level });
  if (options?.strategy !== undefined) Object.assign(stream, { _strategy: options.strategy });
  return stream;
}

// `instanceof DecompressStream` must be true too. That class is not in the prototype chain.
Object.defineProperty(DecompressStream, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    const isA = (Class: unknown) => Function.prototype[Symbol.hasInstance].call(Class as never, value);
    return isA(this) || (this === DecompressStream && [...shapes.values()].some(isA));
  },
});

function shapeOf(format: Format): Shape {
  const codec = decoder(format);
  const { Stock, byZlib } = codec;
  // A subclass, because V8 would make a hidden class for each stream of a plain function with this
  // prototype.
  class Shaped extends DecompressStream {}
  const { constructor: _, ...members } = Object.getOwnPropertyDescriptors(DecompressStream.prototype);
  Object.setPrototypeOf(Shaped.prototype, Stock.prototype);
  Reflect.deleteProperty(Shaped.prototype, 'constructor');
  Object.defineProperties(Shaped.prototype, {
    ...members,
    ...Object.fromEntries(legacyNames(codec).map((name) => [name, legacy(name)])),
    ...(byZlib ? { _level: data(-1), _strategy: data(0) } : {}),
  });
  return Shaped;
}

/**
 * Returns the descriptor of a property that node:zlib's streams have as their own. An assignment
 * makes it an own property, without other effects.
 */
function legacy(name: string): PropertyDescriptor {
  return {
    configurable: true,
    get(this: DecompressStream) {
      return donorOf(this, settingsOf(this))[name];
    },
    set(this: DecompressStream, value: unknown) {
      Object.defineProperty(this, name, { ...data(0), enumerable: true, value });
    },
  };
}

function data(value: number): PropertyDescriptor {
  return { configurable: true, writable: true, value };
}

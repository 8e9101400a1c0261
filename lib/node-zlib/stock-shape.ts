/**
 * The outside of a stream: what a pool makes is an instance of node:zlib's own class for the format, for the code that
 * asks `instanceof zlib.Gunzip`. Its prototype has our methods and, behind them, the class of node:zlib with what it has beyond
 * them (`params`, `_closed`, the deprecated `bytesRead`). The constructor of that class never runs: it would make an engine.
 */

import { type Format, formats, formatTraits } from '../engine/codec.ts';
import type { Pool } from '../pool/pool.ts';
import { DecompressStream, settingsOf } from '../streams/decompress.ts';
import { donorOf, legacyNames } from '../streams/legacy.ts';
import type { DecompressOptions } from '../streams/options.ts';

type Shape = new (pool: Pool, format: Format, options?: DecompressOptions) => DecompressStream;

const shapes = new Map(formats.map((format) => [format, shapeOf(format)]));

/** @throws what the constructor of node:zlib's stream throws for these options */
export function decompressStream(pool: Pool, format: Format, options?: DecompressOptions): DecompressStream {
  const Shaped = shapes.get(format) ?? DecompressStream;
  const stream = new Shaped(pool, format, options);
  // params() compares with these.
  if (options?.level !== undefined) Object.assign(stream, { _level: options.level });
  if (options?.strategy !== undefined) Object.assign(stream, { _strategy: options.strategy });
  return stream;
}

// `instanceof DecompressStream` is to hold as well, though that class is not on the way to node:zlib's.
Object.defineProperty(DecompressStream, Symbol.hasInstance, {
  value(this: unknown, value: unknown): boolean {
    const isA = (Class: unknown) => Function.prototype[Symbol.hasInstance].call(Class as never, value);
    return isA(this) || (this === DecompressStream && [...shapes.values()].some(isA));
  },
});

function shapeOf(format: Format): Shape {
  const { Stock, byZlib } = formatTraits(format);
  // A subclass, and no plain function with this prototype: V8 would make a hidden class for every single stream of that.
  class Shaped extends DecompressStream {}
  const { constructor: _, ...members } = Object.getOwnPropertyDescriptors(DecompressStream.prototype);
  Object.setPrototypeOf(Shaped.prototype, Stock.prototype);
  Reflect.deleteProperty(Shaped.prototype, 'constructor');
  Object.defineProperties(Shaped.prototype, {
    ...members,
    ...Object.fromEntries(legacyNames(format).map((name) => [name, legacy(name)])),
    ...(byZlib ? { _level: data(-1), _strategy: data(0) } : {}),
  });
  return Shaped;
}

/** A property that node:zlib's streams have as their own. An assignment makes it one, without any other effect. */
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

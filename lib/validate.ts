/**
 * Checks of values that callers give, and the words for such values in errors. They hold across realms and run no code
 * of the value: no `toString`, no getter, no trap of a Proxy. An error never contains the data.
 */
import { types } from 'node:util';

/** Characters of a string that an error shows. */
const SHOWN_LENGTH = 64;

/** Bytes as node:zlib's one-shot functions take them: any Buffer, TypedArray, DataView, ArrayBuffer or SharedArrayBuffer. */
export type Bytes = NodeJS.ArrayBufferView | ArrayBufferLike;

/**
 * The bytes of a Buffer, TypedArray, DataView, ArrayBuffer or SharedArrayBuffer of any realm, as a Buffer on the same memory.
 * @returns undefined for anything else: a Proxy of a Buffer, for one, which node:zlib refuses too
 */
export function bufferOf(value: unknown): Buffer | undefined {
  if (ArrayBuffer.isView(value)) {
    return value instanceof Buffer ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  return types.isAnyArrayBuffer(value) ? Buffer.from(value) : undefined;
}

/** The value of an option, for an error. */
export function shown(value: unknown): string {
  switch (typeof value) {
    case 'string':
      return value.length > SHOWN_LENGTH ? `${value.slice(0, SHOWN_LENGTH)}...` : value;
    case 'symbol':
      return shown(value.toString());
    case 'bigint':
      return 'a bigint';
    case 'function':
      return 'a function';
    case 'object':
      return value === null ? 'null' : instance(value);
    default:
      return String(value);
  }
}

/** The kind of value that came where data belongs, for an error. */
export function shownType(value: unknown): string {
  return typeof value === 'string' ? 'a string' : shown(value);
}

function instance(value: object): string {
  const prototype = types.isProxy(value) ? value : Object.getPrototypeOf(value);
  if (types.isProxy(prototype)) return 'a Proxy';
  const Class = prototype === null ? undefined : ownValue(prototype, 'constructor');
  const name = typeof Class === 'function' && !types.isProxy(Class) && ownValue(Class, 'name');
  return typeof name === 'string' && name !== '' ? `an instance of ${shown(name)}` : 'an object';
}

/** A property without running its getter. */
function ownValue(object: object, name: string): unknown {
  return Object.getOwnPropertyDescriptor(object, name)?.value;
}

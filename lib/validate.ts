/**
 * Checks of the values that callers give, and texts for such values in errors. They work across
 * realms and run no code of the value: no `toString`, no getter, no trap of a Proxy. An error never
 * contains the data.
 */
import { Buffer } from 'node:buffer';
import { types } from 'node:util';
import { codedError } from './errors.ts';

/** Characters of a string that an error shows. */
const SHOWN_LENGTH = 64;

/**
 * Bytes as node:zlib's one-shot functions take them: any Buffer, TypedArray, DataView, ArrayBuffer
 * or SharedArrayBuffer.
 */
export type Bytes = NodeJS.ArrayBufferView | ArrayBufferLike;

/**
 * Returns the bytes of a value of any realm as a Buffer on the same memory.
 * @returns undefined if the value holds no bytes. A Proxy of a Buffer does not, and node:zlib
 * refuses it too
 */
export function bufferOf(value: unknown): Buffer | undefined {
  if (ArrayBuffer.isView(value)) {
    return value instanceof Buffer ? value : Buffer.from(value.buffer, value.byteOffset, value.byteLength);
  }
  return types.isAnyArrayBuffer(value) ? Buffer.from(value) : undefined;
}

/** @throws `ERR_INVALID_ARG_TYPE` for a signal that is none, of any realm */
export function checkSignal(signal: AbortSignal | undefined): void {
  if (
    signal === undefined ||
    (typeof signal === 'object' &&
      signal !== null &&
      'aborted' in signal &&
      typeof signal.addEventListener === 'function')
  )
    return;
  throw codedError('ERR_INVALID_ARG_TYPE', `options.signal must be an AbortSignal. Received ${shown(signal)}`);
}

/** Returns the text for the value of an option in an error. */
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

/** Returns the text for a value in place of data. An error shows no string that may be data. */
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

/** Returns a property without running its getter. */
function ownValue(object: object, name: string): unknown {
  return Object.getOwnPropertyDescriptor(object, name)?.value;
}

/**
 * Errors of a request's body as the HTTP errors that servers answer with. express, koa, fastify and
 * others read `status`, `statusCode`, `expose` and `headers`.
 */

import { httpStatus } from '../errors.ts';
import { acceptEncoding } from './content-encoding.ts';

/** An error with the response to send. Its `cause` is the original error. */
export interface HttpError extends Error {
  /** Code of the original error, or a general one if the error has none. */
  code: string;
  /** `errno` of the original error, if it has one: zlib's, or that of a system call. */
  errno?: number;
  /** HTTP status: 400, 413, 415, 500 or 503. */
  status: number;
  /** The same as `status`. */
  statusCode: number;
  /**
   * Whether the client may see the message. False for 500 and 503, which are errors of the server.
   */
  expose: boolean;
  /** Headers of the response. For 415: Accept-Encoding (RFC 9110, section 15.5.16). */
  headers?: Readonly<Record<string, string>>;
}

/**
 * Returns the HTTP error for an error of decoding. It has the code and the message of the original
 * error. A RangeError stays a RangeError. Any other error becomes an Error.
 */
export function httpError(cause: Error & { code?: string; errno?: number }): HttpError {
  const { code = 'ERR_UNKNOWN', errno, message } = cause;
  const status = httpStatus(code);
  const error = new (cause instanceof RangeError ? RangeError : Error)(message, { cause });
  return Object.assign(error, {
    code,
    ...(errno === undefined ? {} : { errno }),
    status,
    statusCode: status,
    expose: status < 500,
    ...(status === 415 ? { headers: { 'Accept-Encoding': acceptEncoding } } : {}),
  });
}

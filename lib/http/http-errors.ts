/**
 * What goes wrong with a request's body, as the error of HTTP that servers answer with: express, koa, fastify and their like look at `status`,
 * `statusCode`, `expose` and `headers`.
 */

import { httpStatus } from '../errors.ts';
import { acceptEncoding } from './content-encoding.ts';

/** An error with what to answer; `cause` is what went wrong. */
export interface HttpError extends Error {
  /** That of what went wrong. */
  code: string;
  /** That of zlib, where there is one. */
  errno?: number;
  /** 400, 413, 415, 500 or 503. */
  status: number;
  /** The same. */
  statusCode: number;
  /** Whether the message may be told to the client: unless it is the server's own trouble, 500 and 503. */
  expose: boolean;
  /** To be answered with: with 415, Accept-Encoding (RFC 9110, section 15.5.16). */
  headers?: Readonly<Record<string, string>>;
}

/** The error of HTTP for an error of decoding. Code, class and message are the same. */
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

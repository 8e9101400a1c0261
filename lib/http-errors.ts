/**
 * What goes wrong with a request's body, as the error of HTTP that servers answer with: express, koa, fastify and their like look at `status`,
 * `statusCode`, `expose` and `headers`.
 */
import { acceptEncoding } from './content-encoding.ts';
import { isDataError } from './errors.ts';

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

const statuses = new Map<string, number>([
  ['ERR_CODING_UNKNOWN', 415],
  ['ERR_TOO_MANY_CODINGS', 415],
  ['ERR_BUFFER_TOO_LARGE', 413],
  ['ERR_RATIO_TOO_HIGH', 413],
  ['ERR_POOL_TIMEOUT', 503],
  ['ERR_POOL_QUEUE_FULL', 503],
  ['ERR_POOL_CLOSED', 503],
]);

/** The error of HTTP for an error of decoding. Code, class and message are the same. */
export function httpError(cause: Error & { code?: string; errno?: number }): HttpError {
  const { code = 'ERR_UNKNOWN', errno, message } = cause;
  const status = statuses.get(code) ?? (isDataError(code) ? 400 : 500);
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

/**
 * The table of the errors that zlease makes: class, text, HTTP status and gRPC status of each code.
 * Errors are matched by `err.code`. The errors of zlib (`Z_DATA_ERROR`, `Z_BUF_ERROR`, ...) are not
 * in the table, and pass through unchanged.
 */

// https://grpc.io/docs/guides/status-codes/
const CANCELLED = 1;
const UNKNOWN = 2;
const RESOURCE_EXHAUSTED = 8;
const UNIMPLEMENTED = 12;
const INTERNAL = 13;
const UNAVAILABLE = 14;

type Row = readonly [
  Class: new (message: string, options?: ErrorOptions) => Error,
  text: string,
  /** Status of HTTP. Default 500. */
  http?: number,
  /** Status of gRPC. Default UNKNOWN. */
  grpc?: number,
];

const table = {
  ERR_LEASE_SEALED: [Error, 'The stream or lease has ended or failed. It no longer reaches its engine'],
  ERR_LEASE_RELEASED: [Error, 'The lease has ended already'],
  ERR_POOL_CLOSED: [Error, 'The pool is closed', 503, UNAVAILABLE],
  ERR_POOL_TIMEOUT: [Error, 'The request for an engine timed out', 503, RESOURCE_EXHAUSTED],
  ERR_POOL_QUEUE_FULL: [Error, 'The queue for engines is full', 503, RESOURCE_EXHAUSTED],
  ERR_RATIO_TOO_HIGH: [RangeError, 'The data expands by more than the limit', 413, RESOURCE_EXHAUSTED],
  ERR_ENGINE_UNAVAILABLE: [Error, 'The native engine fails its probe on this Node'],
  ERR_FORMAT_UNAVAILABLE: [Error, 'This Node does not have the format', 500, UNIMPLEMENTED],
  ERR_BUFFER_DETACHED: [Error, 'The memory of the input was detached or shrunk before the end of its write'],
  ERR_METRICS_TAKEN: [Error, 'The registry already has metrics of this name'],
  ERR_CODING_UNKNOWN: [Error, 'The body has an unknown content coding', 415],
  ERR_TOO_MANY_CODINGS: [Error, 'The body has more content codings than the limit', 415],
  ERR_BODY_IN_USE: [Error, 'The body of the request is in use already'],
  ERR_GRPC_ENCODING: [Error, 'A message has an unknown encoding', 500, UNIMPLEMENTED],
  ERR_GRPC_FRAME: [Error, 'The bytes are not gRPC messages', 500, INTERNAL],
  // The rest are Node's codes, classes and words: lib/internal/errors.js.
  ERR_BUFFER_TOO_LARGE: [RangeError, 'Cannot create a Buffer larger than the output limit', 413, RESOURCE_EXHAUSTED],
  ERR_TRAILING_JUNK_AFTER_STREAM_END: [
    TypeError,
    'Trailing junk found after the end of the compressed stream',
    500,
    INTERNAL,
  ],
  ERR_STREAM_NULL_VALUES: [TypeError, 'May not write null values to stream'],
  ERR_INVALID_ARG_TYPE: [TypeError, 'An option is of the wrong type'],
  ERR_INVALID_ARG_VALUE: [TypeError, 'An option has an invalid value'],
  ERR_OUT_OF_RANGE: [RangeError, 'An option is out of its range'],
  ABORT_ERR: [Error, 'The operation was aborted', 500, CANCELLED],
} as const satisfies Record<string, Row>;

/** The codes of the errors that zlease makes itself. */
export type ErrorCode = keyof typeof table;

/** All codes, for documentation. */
export const errorCodes: readonly ErrorCode[] = Object.freeze(Object.keys(table) as ErrorCode[]);

/** Makes an error with a stable `code`. The default of `message` is the text of the table. */
export function codedError(code: ErrorCode, message?: string, options?: ErrorOptions): Error & { code: ErrorCode } {
  const [Class, general] = table[code];
  return Object.assign(new Class(message ?? general, options), { code });
}

/** Error of a limit on data. express, koa and fastify answer with its `status` or `statusCode`. */
export interface LimitError extends Error {
  code: ErrorCode;
  /** Content Too Large, RFC 9110, section 15.5.14. */
  status: 413;
  statusCode: 413;
}

/** Makes the error of a limit. Without a status, body-parser answers with 400. */
export function limitError(code: ErrorCode, message: string, options?: ErrorOptions): LimitError {
  return Object.assign(codedError(code, message, options), { status: 413, statusCode: 413 } as const);
}

/** `ERR_BUFFER_TOO_LARGE`, in the words of node:zlib. */
export function tooLarge(mostLength: number, options?: ErrorOptions): LimitError {
  return limitError('ERR_BUFFER_TOO_LARGE', `Cannot create a Buffer larger than ${mostLength} bytes`, options);
}

/** Makes the error that Node's own promises reject with when `signal` aborts. */
export function abortError(signal: AbortSignal): Error & { code: ErrorCode } {
  return Object.assign(codedError('ABORT_ERR', undefined, { cause: signal.reason }), { name: 'AbortError' });
}

/** Most stack frames of an error that is reported later, as in node:zlib. */
const LATE_FRAMES = 2;

/**
 * Returns the error that `create` returns, with a short stack. For errors that are reported later,
 * which name no caller in node:zlib. A full stack costs more than the rest of a small bad message:
 * V8 collects its frames, and node:stream has them formatted.
 */
export function withShortStack<T>(create: () => T): T {
  // A program may have deleted or frozen the limit, or set it to anything, a getter too.
  const limit: unknown = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')?.value;
  if (typeof limit !== 'number' || !(limit > LATE_FRAMES)) return create();
  if (!Reflect.set(Error, 'stackTraceLimit', LATE_FRAMES)) return create();
  try {
    return create();
  } finally {
    Error.stackTraceLimit = limit;
  }
}

/** Codes of zlib, Brotli and Zstandard for bad data, and not for missing memory or misuse. */
const DATA_ERROR =
  /^(Z_(DATA|BUF)_ERROR$|Z_NEED_DICT$|ERR_PADDING_|ERR__ERROR_(FORMAT|DICTIONARY)_|ZSTD_error_(?!memory_allocation$))/;

/** Returns whether a code stands for data that is bad, cut short or lacks its dictionary. */
export function isDataError(code: unknown): boolean {
  return typeof code === 'string' && DATA_ERROR.test(code);
}

/** Codes of errors that are not zlease's own, and that mean the same as a row of the table. */
const alike = new Map<unknown, ErrorCode>([['ERR_STREAM_PREMATURE_CLOSE', 'ABORT_ERR']]);

function rowOf(code: unknown): Row | undefined {
  const own = alike.get(code) ?? code;
  return typeof own === 'string' && Object.hasOwn(table, own) ? table[own as ErrorCode] : undefined;
}

/** Returns the HTTP status for a code: 400 for bad data, 500 for an unknown code. */
export function httpStatus(code: unknown): number {
  return rowOf(code)?.[2] ?? (isDataError(code) ? 400 : 500);
}

/** Returns the gRPC status for a code: INTERNAL for bad data, UNKNOWN for an unknown code. */
export function grpcStatus(code: unknown): number {
  return rowOf(code)?.[3] ?? (isDataError(code) ? INTERNAL : UNKNOWN);
}

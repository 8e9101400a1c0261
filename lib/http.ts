/**
 * `zlease/http`: removes the content codings (RFC 9110, section 8.4) of requests and responses, on
 * a pool. `decodeRequests()` returns a middleware for connect, express, polka and others.
 * `decodeResponse()` and `decodeBody()` return a stream.
 */
import { constants } from 'node:buffer';
import type { IncomingHttpHeaders, IncomingMessage, ServerResponse } from 'node:http';
import type { Http2ServerRequest, Http2ServerResponse } from 'node:http2';
import { Readable } from 'node:stream';
import { ReadableStream } from 'node:stream/web';
import type { Format } from './engine/codec.ts';
import { codedError } from './errors.ts';
import { codingsOf, type HeaderValue } from './http/content-encoding.ts';
import { DecodedBody, type Decoding } from './http/decoded-body.ts';
import { type HttpError, httpError } from './http/http-errors.ts';
import { replaceBody, type ServerRequest } from './http/request-body.ts';
import { poolOf, type ZlibPool } from './node-zlib/pool.ts';
import { type Limits, limits, record, refuse } from './pool/options.ts';
import { shown, shownType } from './validate.ts';

export type { HeaderValue, HttpError, ServerRequest };

/**
 * Options of the decoders. The limits hold for each coding of a body. Default: the pool's, which
 * has none by default. A server should set `maxOutputLength`.
 */
export interface DecodeOptions extends Limits {
  /** Pool that leases the engines. Default: `defaultPool`. */
  pool?: ZlibPool;
  /**
   * Whether `deflate` may also be bare deflate data (RFC 1951). Some senders send that instead of
   * the zlib wrapper (RFC 1950). The first two bytes decide. Default false: such a body is corrupt.
   */
  rawDeflate?: boolean;
}

/** A middleware as connect and others take it. */
export type DecodeMiddleware = (
  request: ServerRequest,
  response: ServerResponse | Http2ServerResponse,
  next: (error?: HttpError) => void,
) => void;

/** Headers like those of `fetch()`. */
type WithGet = { get(name: string): string | null };

/** A response with its headers: of `node:http`, of undici's `request()`, or a similar one. */
export type CodedResponse =
  | (Readable & Pick<IncomingMessage, 'headers'>)
  | {
      headers: IncomingHttpHeaders | Record<string, HeaderValue> | WithGet;
      body: Readable | ReadableStream;
    };

/**
 * Returns a middleware that makes requests emit their bodies decoded. Install it before the code
 * that reads bodies. It removes `content-encoding` from the headers. If it decodes a body, it also
 * removes `content-length`, and `transfer-encoding: chunked` then says that there is a body.
 * `rawHeaders` stay unchanged. A body without a coding is left unchanged.
 *
 * The middleware calls `next` with an `HttpError` for `ERR_CODING_UNKNOWN`, `ERR_TOO_MANY_CODINGS`
 * or `ERR_BODY_IN_USE`. The first two have status 415, for which it sets Accept-Encoding on the
 * response.
 *
 * The request itself fails with an `HttpError` while it is read. Its status is 400 for data that is
 * corrupt or cut short, and 413 over a limit. It is 503 if the pool is closed or has no free
 * engine. The connection stays open for a response.
 * @param options - `pool` (default `defaultPool`), `rawDeflate` (default false), limits (default
 * the pool's)
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE` for bad options
 */
export function decodeRequests(options: DecodeOptions = {}): DecodeMiddleware {
  const decodings = decodingsOf(options);
  return (request, response, next) => {
    const { 'content-encoding': header } = request.headers;
    if (header === undefined || request.destroyed || request.readableEnded) {
      next();
      return;
    }
    try {
      const formats = hasBody(request) ? codingsOf(header) : [];
      if (formats.length > 0) {
        const decode = (received: Readable): Readable => {
          const body = decoded(received, formats, decodings);
          (body as DecodedBody).relay = request;
          return body;
        };
        replaceBody(request, decode, httpError);
        replaceLength(request);
      }
      removeHeader(request, 'content-encoding');
    } catch (cause) {
      const error = httpError(cause as Error);
      for (const [name, value] of Object.entries(error.headers ?? {})) {
        if (!response.headersSent) response.setHeader(name, value);
      }
      next(error);
      return;
    }
    next();
  };
}

/**
 * Returns the body of a response, decoded by its Content-Encoding. Read it to its end, or destroy
 * it, which destroys the response too. A response without a body, to HEAD or with 204 or 304, gives
 * an empty one. Do not use it for the response of a `fetch()` that decodes by itself.
 * @param response - a response with its headers, unread
 * @param options - as for `decodeRequests`
 * @returns a stream that fails with the errors that `decodeBody` names
 * @throws what `decodeBody` throws; `response` is unchanged then
 */
export function decodeResponse(response: CodedResponse, options?: DecodeOptions): Readable {
  const { headers } = record(response, 'response');
  const { get } = record(headers, 'response.headers') as { get?: unknown };
  const header =
    typeof get === 'function'
      ? (headers as WithGet).get('content-encoding')
      : (headers as IncomingHttpHeaders)['content-encoding'];
  return decodeBody(isReadable(response) ? response : response.body, header, options);
}

/**
 * Returns a body, decoded: of a part, of a stream of `node:http2`, or of a message from a queue. It
 * leases an engine when the first bytes arrive, and releases it when it ends, fails or is
 * destroyed. If it is destroyed before its end, it destroys `body`. A body of no bytes is empty,
 * whatever its coding.
 * @param body - bytes, unread, in a stream of Node or a web stream
 * @param contentEncoding - the value of Content-Encoding, if any: a list of names in any case, in
 * the order in which they were applied
 * @param options - as for `decodeRequests`
 * @returns `body` itself, if it is a stream of Node without codings. Any other stream fails with
 * the errors of `ZlibPool`'s streams (zlib's codes, `ERR_BUFFER_TOO_LARGE`, ...), or with the error
 * of `body`
 * @throws `ERR_CODING_UNKNOWN`, `ERR_TOO_MANY_CODINGS`. For bad arguments `ERR_INVALID_ARG_TYPE`,
 * `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`
 */
export function decodeBody(
  body: Readable | ReadableStream,
  contentEncoding: HeaderValue,
  options: DecodeOptions = {},
): Readable {
  const decodings = decodingsOf(options);
  const formats = codingsOf(contentEncoding);
  return decoded(readableOf(body), formats, decodings);
}

function decoded(body: Readable, formats: readonly Format[], decodings: (format: Format) => Decoding): Readable {
  return formats.reduce<Readable>((coded, format) => new DecodedBody(coded, decodings(format)), body);
}

/**
 * Checks the options, and returns the decoding of each format.
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE`
 */
function decodingsOf(options: DecodeOptions): (format: Format) => Decoding {
  const {
    pool: _,
    rawDeflate = false,
    maxOutputLength,
    maxRatio,
    ratioFloorLength,
    ...rest
  } = record(options, 'options');
  refuse(rest, 'options');
  if (typeof rawDeflate !== 'boolean') {
    throw codedError('ERR_INVALID_ARG_TYPE', `options.rawDeflate must be a boolean. Received ${shown(rawDeflate)}`);
  }
  const pool = poolOf(options);
  const own = limits({ maxOutputLength, maxRatio, ratioFloorLength }, pool.settings);
  // node:zlib checks this as an option of a stream, and accepts no Infinity.
  const maxLength = own.maxOutputLength === pool.settings.maxOutputLength ? undefined : own.maxOutputLength;
  const ofStreams = {
    ...own,
    maxOutputLength: maxLength === undefined ? undefined : Math.min(maxLength, constants.MAX_LENGTH),
  };
  return (format) => ({
    headLength: rawDeflate && format === 'deflate' ? 2 : 1,
    createDecoder: (head) =>
      pool.createDecompress(
        rawDeflate && format === 'deflate' && !isZlibWrapper(head) ? 'deflate-raw' : format,
        ofStreams,
      ),
  });
}

/**
 * Returns whether data begins with a zlib header (RFC 1950, section 2.2). Its method is 8, its
 * window is up to 32 KB, and the two bytes as a number are a multiple of 31.
 */
function isZlibWrapper([cmf = 0, flags = 0]: Uint8Array): boolean {
  return (cmf & 0x0f) === 8 && cmf >> 4 <= 7 && ((cmf << 8) | flags) % 31 === 0;
}

/** @throws `ERR_INVALID_ARG_TYPE` */
function readableOf(body: Readable | ReadableStream): Readable {
  if (isReadable(body)) return body;
  if (body instanceof ReadableStream) return Readable.fromWeb(body);
  throw codedError(
    'ERR_INVALID_ARG_TYPE',
    `A body must be a Readable or a ReadableStream. Received ${shownType(body)}`,
  );
}

/**
 * Returns whether a body is a Readable, maybe of another copy such as the package readable-stream.
 */
function isReadable(body: unknown): body is Readable {
  return typeof (body as Partial<Readable> | null | undefined)?.pipe === 'function';
}

/**
 * Returns whether a request has a body: RFC 9112, section 6.3. HTTP/2 says so at the end of the
 * headers.
 */
function hasBody(request: ServerRequest): boolean {
  const { 'transfer-encoding': transferEncoding, 'content-length': length } = request.headers;
  if (transferEncoding !== undefined) return true;
  if (length !== undefined) return Number(length) !== 0;
  const { stream } = request as Partial<Http2ServerRequest>;
  return stream !== undefined && !stream.endAfterHeaders;
}

/** Node makes both from `rawHeaders`, which stay unchanged. HTTP/2 has `headers` alone. */
interface HeadersOfBothKinds {
  headers: IncomingHttpHeaders;
  headersDistinct?: NodeJS.Dict<string[]>;
}

function removeHeader(request: ServerRequest, name: string): void {
  const { headers, headersDistinct } = request as HeadersOfBothKinds;
  delete headers[name];
  delete headersDistinct?.[name];
}

/**
 * Replaces the length by a transfer coding, since the decoded length is unknown. express and others
 * look for either to see whether there is a body.
 */
function replaceLength(request: ServerRequest): void {
  const { headers, headersDistinct } = request as HeadersOfBothKinds;
  removeHeader(request, 'content-length');
  if (headers['transfer-encoding'] !== undefined) return;
  headers['transfer-encoding'] = 'chunked';
  if (headersDistinct !== undefined) headersDistinct['transfer-encoding'] = ['chunked'];
}

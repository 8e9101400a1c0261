/**
 * `zlease/http`: takes content codings (RFC 9110, section 8.4) off the bodies of requests and responses, on a pool. Of requests as a middleware
 * of the kind that connect, express, polka and others take; of responses, and of any other body, as a stream.
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
import { poolOf, type ZlibPool } from './node-zlib/factories.ts';
import { type Limits, limits, record, refuse } from './pool/options.ts';
import { shown, shownType } from './validate.ts';

export type { HeaderValue, HttpError, ServerRequest };

/** The limits hold for each coding of a body. Default: the pool's, which by default has none: a server should set `maxOutputLength`. */
export interface DecodeOptions extends Limits {
  /** Leases the engines. Default: `defaultPool`. */
  pool?: ZlibPool;
  /**
   * Whether `deflate` may be bare deflate data (RFC 1951) too, as some senders have it, where it is to be in the zlib wrapper (RFC 1950). The first two
   * bytes tell. Default false: such a body is corrupt.
   */
  rawDeflate?: boolean;
}

/** A middleware of connect and its like. */
export type DecodeMiddleware = (
  request: ServerRequest,
  response: ServerResponse | Http2ServerResponse,
  next: (error?: HttpError) => void,
) => void;

/** Headers as those of `fetch()`. */
type WithGet = { get(name: string): string | null };

/** A response with its headers: of `node:http`, or of undici's `request()`, or one that is like it. */
export type CodedResponse =
  | (Readable & Pick<IncomingMessage, 'headers'>)
  | {
      headers: IncomingHttpHeaders | Record<string, HeaderValue> | WithGet;
      body: Readable | ReadableStream;
    };

/**
 * A middleware that has requests give their bodies decoded. It is to come before whatever reads them. `content-encoding` leaves the headers, and so does
 * `content-length` where a body is decoded: `transfer-encoding: chunked` says there that there is one. `rawHeaders` stay. A body without a coding is not touched.
 *
 * `next` is called with an `HttpError`: status 415 and `ERR_CODING_UNKNOWN` or `ERR_TOO_MANY_CODINGS`; Accept-Encoding is then set on the response. Or with
 * `ERR_BODY_IN_USE`. The request itself fails with one, where it is read: status 400 for corrupt data and such that is cut short, 413 over a limit, 503 where the pool
 * has no engine or is closed. Its connection stays, for an answer.
 * @param options - `pool`, default `defaultPool`; limits, default the pool's
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
 * The body of a response, decoded by its Content-Encoding. To be read to its end, or destroyed, which destroys the response too. A response without a body, to HEAD or with
 * 204 or 304, gives an empty one. That of a `fetch()` that decodes by itself is not for this.
 * @param response - with its headers, unread
 * @param options - as of `decodeRequests`
 * @returns fails with what `decodeBody` fails with
 * @throws what `decodeBody` throws; the response is then as it was
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
 * A body, decoded: that of a part, of a stream of `node:http2`, of a message from a queue. It takes an engine when its first bytes have come, and gives it back
 * when it ends, fails or is destroyed. Destroyed before its end, it destroys `body`. A body of no bytes is empty, whatever its coding.
 * @param body - bytes, unread, in a stream of Node or of the web
 * @param contentEncoding - the value of Content-Encoding, if any: names of any case in a list, in the order in which they were applied
 * @param options - as of `decodeRequests`
 * @returns `body` itself, if it is a stream of Node without codings. Else it fails with what `ZlibPool`'s streams fail with: zlib's codes, `ERR_BUFFER_TOO_LARGE`, ...;
 * or with the error of `body`
 * @throws `ERR_CODING_UNKNOWN`, `ERR_TOO_MANY_CODINGS`; `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE` for bad arguments
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

/** @throws for bad options */
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
  // As an option of a stream node:zlib has it checked, which takes no Infinity.
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

/** RFC 1950, section 2.2: method 8, a window of up to 32 KB, and the two bytes as a number are a multiple of 31. */
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

/** Of another copy of the streams, maybe: the package readable-stream. */
function isReadable(body: unknown): body is Readable {
  return typeof (body as Partial<Readable> | null | undefined)?.pipe === 'function';
}

/** RFC 9112, section 6.3; HTTP/2 says at the end of the headers whether there is more. */
function hasBody(request: ServerRequest): boolean {
  const { 'transfer-encoding': transferEncoding, 'content-length': length } = request.headers;
  if (transferEncoding !== undefined) return true;
  if (length !== undefined) return Number(length) !== 0;
  const { stream } = request as Partial<Http2ServerRequest>;
  return stream !== undefined && !stream.endAfterHeaders;
}

/** `headers` and `headersDistinct` are both made of `rawHeaders`, which stay. HTTP/2 has the first alone. */
interface HeadersOfBothKinds {
  headers: IncomingHttpHeaders;
  headersDistinct?: NodeJS.Dict<string[]>;
}

function removeHeader(request: ServerRequest, name: string): void {
  const { headers, headersDistinct } = request as HeadersOfBothKinds;
  delete headers[name];
  delete headersDistinct?.[name];
}

/** A body whose length is not known is one with a transfer coding: who asks whether there is one, as express does, looks for either. */
function replaceLength(request: ServerRequest): void {
  const { headers, headersDistinct } = request as HeadersOfBothKinds;
  removeHeader(request, 'content-length');
  if (headers['transfer-encoding'] !== undefined) return;
  headers['transfer-encoding'] = 'chunked';
  if (headersDistinct !== undefined) headersDistinct['transfer-encoding'] = ['chunked'];
}

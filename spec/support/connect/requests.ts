/** Requests written by hand, whose messages are compressed as badly as one likes. */
import { once } from 'node:events';
import http, { type IncomingMessage } from 'node:http';
import http2, { type IncomingHttpHeaders } from 'node:http2';
import { buffer } from 'node:stream/consumers';
import type { HttpVersion } from './server.ts';
import { PATH } from './service.ts';

/** What the server said to it. */
export interface Answer {
  /** Of HTTP. */
  status: number;
  /** Null where all is well. The code is gRPC's number, or Connect's name. */
  error: { code: string; message: string } | null;
  body: Buffer;
}

export interface RequestKind {
  name: string;
  httpVersion: HttpVersion;
  send(origin: string, encoding: string, message: Uint8Array): Promise<Answer>;
}

/** A flag and a length go before each message of gRPC. */
function framed(message: Uint8Array): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(1, 0);
  head.writeUInt32BE(message.length, 1);
  return Buffer.concat([head, message]);
}

export const requestKinds: readonly RequestKind[] = [
  {
    name: 'gRPC over HTTP/2',
    httpVersion: '2',
    async send(origin, encoding, message) {
      const session = http2.connect(origin);
      const stream = session.request({
        ':method': 'POST',
        ':path': PATH,
        'content-type': 'application/grpc',
        te: 'trailers',
        'grpc-encoding': encoding,
        'grpc-accept-encoding': 'identity',
      });
      let trailers: IncomingHttpHeaders = {};
      stream.on('trailers', (headers) => {
        trailers = headers;
      });
      stream.end(framed(message));
      const [headers] = (await once(stream, 'response')) as [IncomingHttpHeaders & { ':status': number }];
      const body = await buffer(stream);
      session.close();
      const { 'grpc-status': code, 'grpc-message': text } = { ...headers, ...trailers };
      return {
        status: headers[':status'],
        error: code === '0' ? null : { code: String(code), message: decodeURIComponent(String(text)) },
        body: body.subarray(5),
      };
    },
  },
  {
    name: 'Connect over HTTP/1.1',
    httpVersion: '1.1',
    async send(origin, encoding, message) {
      const request = http.request(origin + PATH, {
        method: 'POST',
        agent: false,
        headers: {
          'content-type': 'application/proto',
          'connect-protocol-version': '1',
          'content-encoding': encoding,
          'accept-encoding': 'identity',
        },
      });
      request.end(message);
      const [response] = (await once(request, 'response')) as [IncomingMessage];
      const status = response.statusCode as number;
      const body = await buffer(response);
      return { status, error: status === 200 ? null : JSON.parse(body.toString()), body };
    },
  },
];

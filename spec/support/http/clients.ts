/** Clients on one connection each: of `node:http`, of `node:http2`. */
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import http2 from 'node:http2';
import type { Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { until } from '../until.ts';

export interface Answer {
  status: number;
  body: string;
  headers: Record<string, unknown>;
}

export interface Posted {
  /** Of Content-Encoding; an array gives several lines. */
  encoding?: string | string[] | undefined;
  /** The body, in pieces that are sent apart. None: there is no body. */
  pieces?: readonly Buffer[];
  headers?: Record<string, string | number>;
  method?: string;
}

export interface Client {
  send(posted: Posted): Promise<Answer>;
  /** Begins a body and gives up once the server is at work on it. */
  abort(encoding: string, piece: Buffer, isAtWork: () => boolean): Promise<void>;
  close(): void;
  /** How many connections it has needed. */
  connections(): number;
}

async function sendPieces(to: Writable, pieces: readonly Buffer[]): Promise<void> {
  for (const piece of pieces.slice(0, -1)) {
    // An answer may come before all is sent.
    if (to.destroyed || to.writableEnded) return;
    to.write(piece, () => {});
    await nextTurn();
  }
  if (!to.writableEnded) to.end(pieces.at(-1));
}

export function overHttp1(origin: string): Client {
  const agent = new Agent({ keepAlive: true, maxSockets: 1 });
  const sockets = new Set<unknown>();
  const begin = ({ encoding, headers, method = 'POST' }: Posted) =>
    request(origin, {
      method,
      agent,
      headers: {
        'content-type': 'application/octet-stream',
        ...(encoding === undefined ? {} : { 'content-encoding': encoding as string }),
        ...headers,
      },
    }).on('socket', (socket) => sockets.add(socket));
  return {
    async send(posted) {
      const chunked = posted.pieces !== undefined && posted.headers?.['content-length'] === undefined;
      const sent = begin(
        chunked ? { ...posted, headers: { ...posted.headers, 'transfer-encoding': 'chunked' } } : posted,
      );
      const answered = once(sent, 'response');
      // It is awaited later.
      answered.catch(() => {});
      if (posted.pieces === undefined) {
        sent.end();
      } else {
        if (posted.headers?.expect !== undefined) {
          sent.flushHeaders();
          await once(sent, 'continue');
        }
        sent.on('error', () => {});
        await sendPieces(sent, posted.pieces);
      }
      const [response] = (await answered) as [IncomingMessage];
      return { status: response.statusCode as number, body: await text(response), headers: response.headers };
    },
    async abort(encoding, piece, isAtWork) {
      const sent = begin({ encoding });
      sent.on('error', () => {});
      sent.write(piece);
      await until(isAtWork);
      sent.destroy();
    },
    close: () => agent.destroy(),
    connections: () => sockets.size,
  };
}

export function overHttp2(origin: string): Client {
  const session = http2.connect(origin);
  const begin = ({ encoding, headers, method = 'POST' }: Posted, endStream: boolean) =>
    session.request(
      {
        ':method': method,
        ':path': '/',
        ...(encoding === undefined ? {} : { 'content-encoding': [encoding].flat().join(', ') }),
        ...headers,
      },
      { endStream },
    );
  return {
    async send(posted) {
      const stream = begin(posted, posted.pieces === undefined);
      // Read from the start: a stream that the server is done with may be gone before all is sent.
      const answered = Promise.all([once(stream, 'response'), text(stream)]);
      answered.catch(() => {});
      if (posted.pieces !== undefined) await sendPieces(stream, posted.pieces);
      const [[headers], body] = await answered;
      return { status: headers[':status'], body, headers };
    },
    /** A stream that is closed may send its end before: the connection goes. */
    async abort(encoding, piece, isAtWork) {
      const other = http2.connect(origin);
      const stream = other.request({ ':method': 'POST', 'content-encoding': encoding });
      stream.on('error', () => {});
      stream.write(piece);
      await until(isAtWork);
      other.destroy();
    },
    close: () => session.destroy(),
    connections: () => 1,
  };
}

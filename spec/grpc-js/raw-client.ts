/** A hostile client of node:http2 alone, and what it sees of a gRPC server. */
import { type ClientHttp2Session, type ClientHttp2Stream, connect, type OutgoingHttpHeaders } from 'node:http2';
import { setTimeout as delay } from 'node:timers/promises';
import type { Attack } from './attacks.ts';
import { compress, digest, frame, message, unframe } from './messages.ts';
import { type Kind, pathOf } from './service.ts';

/** An answer that has not come by the time that so many other calls were answered, one after another, does not come. */
const OTHERS = 150;
/** Most answers come within it, without other calls. */
const SOON_MS = 50;

export interface Seen {
  /** The gRPC status; undefined where the call ended without. */
  status?: string;
  details?: string;
  replies: string[];
  /** Of RST_STREAM; 0 is none. */
  reset?: number;
  /** That the server left the call as it was, although it answered others. */
  noAnswer?: true;
}

export function open(port: number): ClientHttp2Session {
  const session = connect(`http://127.0.0.1:${port}`);
  session.on('error', () => undefined);
  return session;
}

/** A call whose requests are still to be written. `seen` resolves at its end. */
export function request(
  session: ClientHttp2Session,
  kind: Kind,
  headers: OutgoingHttpHeaders,
): { stream: ClientHttp2Stream; seen: Promise<Seen>; replies: () => number } {
  const stream = session.request({
    ':method': 'POST',
    ':path': pathOf(kind),
    te: 'trailers',
    'content-type': 'application/grpc',
    ...headers,
  });
  let body = Buffer.alloc(0);
  let status: Partial<Seen> = {};
  const take = (from: Record<string, unknown>) => {
    if (from['grpc-status'] === undefined) return;
    status = { status: `${from['grpc-status']}`, details: decodeURI(`${from['grpc-message']}`) };
  };
  stream.on('response', take);
  stream.on('trailers', take);
  stream.on('data', (data: Buffer) => {
    body = Buffer.concat([body, data]);
  });
  stream.on('error', () => undefined);
  // The server has said all that it has to say: a call whose requests don't end is over, too.
  stream.on('end', () => stream.end());
  const seen = new Promise<Seen>((resolve) => {
    stream.on('close', () => {
      resolve({ ...status, replies: unframe(body).map(String), reset: stream.rstCode });
    });
  });
  return { stream, seen, replies: () => unframe(body).length };
}

/** Whether a server serves: a good call on a connection of its own. */
export async function serves(port: number): Promise<boolean> {
  const session = open(port);
  const content = message(50_000, 3);
  const { stream, seen } = request(session, 'unary', { 'grpc-encoding': 'gzip' });
  stream.end(frame(compress.gzip(content)));
  const { status, replies } = await seen;
  session.close();
  return status === '0' && replies[0] === digest(content);
}

/** Until a call is over in one way or another, or has been outlived. */
async function outlived(port: number, isOver: () => boolean): Promise<void> {
  for (let waitedMs = 0; waitedMs < SOON_MS && !isOver(); waitedMs += 2) await delay(2);
  for (let i = 0; i < OTHERS && !isOver(); i++) await serves(port);
}

/** Plays one attack on a connection of its own. */
export async function play(port: number, kind: Kind, { encoding, parts, reset }: Attack): Promise<Seen> {
  const session = open(port);
  const call = request(session, kind, encoding === undefined ? {} : { 'grpc-encoding': encoding });
  let seen: Seen | undefined;
  void call.seen.then((end) => {
    seen = end;
  });
  const isOver = () => seen !== undefined;
  try {
    for (const [i, part] of parts.entries()) {
      await new Promise((written) => call.stream.write(part, written));
      // Which of several messages of a call is decompressed first is nobody's to say.
      if (kind === 'bidi' && i < parts.length - 1) await outlived(port, () => isOver() || call.replies() > i);
    }
    if (reset === 'connection') session.destroy();
    else if (reset !== undefined) call.stream.close(reset);
    else call.stream.end();
    await outlived(port, isOver);
    return seen ?? { replies: [], noAnswer: true };
  } finally {
    session.destroy();
  }
}

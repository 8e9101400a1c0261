/** A hostile server of node:http2 alone: it answers every call with the attack that the call's metadata names. */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { type Attack, attacks } from './attacks.ts';
import type { Encoding } from './messages.ts';

/**
 * When a status comes: in the same packets as the messages, or long after them; missing where the call ends without. Or the
 * call never ends, with no more messages or with endless ones.
 */
export type Trailers = 'at once' | 'late' | 'missing' | 'never' | 'endless';

export class HostileServer {
  readonly #server = createServer();
  readonly #sessions = new Set<ServerHttp2Session>();

  static async listen(): Promise<HostileServer> {
    const hostile = new HostileServer();
    hostile.#server.on('session', (session) => {
      hostile.#sessions.add(session);
      session.on('close', () => hostile.#sessions.delete(session));
      session.on('error', () => undefined);
    });
    hostile.#server.on('stream', (stream, headers) => {
      stream.on('error', () => undefined);
      stream.resume();
      void attack(stream, headers);
    });
    hostile.#server.listen(0, '127.0.0.1');
    await once(hostile.#server, 'listening');
    return hostile;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  close(): void {
    this.#server.close();
    for (const session of this.#sessions) session.destroy();
  }
}

async function attack(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
  const { encoding: from = 'gzip', attack: name = '', trailers = 'at once' } = headers as Record<string, string>;
  const { encoding, parts, reset } = attacks[from as Encoding][name] as Attack;
  stream.respond(
    {
      ':status': 200,
      'content-type': 'application/grpc',
      ...(encoding === undefined ? {} : { 'grpc-encoding': encoding }),
    },
    { waitForTrailers: trailers !== 'missing' },
  );
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  const closed = once(stream, 'close').catch(() => undefined);
  const written = parts.map((part) => new Promise((done) => stream.write(part, done)));
  if (reset !== undefined) {
    await Promise.all(written);
    // What was sent is to have come in.
    await delay(50);
    if (reset === 'connection') stream.session?.destroy();
    else stream.close(reset);
    return;
  }
  while (trailers === 'endless' && !stream.destroyed) {
    for (const part of parts) await Promise.race([new Promise((done) => stream.write(part, done)), closed]);
    await nextTurn();
  }
  if (trailers === 'late') await delay(300);
  if (trailers !== 'never') stream.end();
}

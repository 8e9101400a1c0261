/** connect-node's server of the echo service, on node:http or node:http2. */
import { once } from 'node:events';
import http from 'node:http';
import http2, { type ServerHttp2Session } from 'node:http2';
import type { AddressInfo } from 'node:net';
import type { Compression } from '@connectrpc/connect/protocol';
import { connectNodeAdapter } from '@connectrpc/connect-node';
import { Echo } from './service.ts';

export type HttpVersion = '1.1' | '2';

export interface ServerOptions {
  /** Default: that of connect-node. */
  acceptCompression?: Compression[];
  readMaxBytes?: number | undefined;
}

/** Runs `run` while a server listens at `origin`. */
export async function served<T>(
  version: HttpVersion,
  options: ServerOptions,
  run: (origin: string) => Promise<T>,
): Promise<T> {
  const handler = connectNodeAdapter({
    ...options,
    routes: (router) =>
      router.service(Echo, {
        one: (message) => message,
        async *many(messages) {
          yield* messages;
        },
      }),
  });
  const sessions = new Set<ServerHttp2Session>();
  const server = version === '2' ? http2.createServer(handler) : http.createServer(handler);
  server.on('session', (session: ServerHttp2Session) => sessions.add(session));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  try {
    return await run(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
  } finally {
    const closed = once(server, 'close');
    server.close();
    for (const session of sessions) session.destroy();
    if ('closeAllConnections' in server) server.closeAllConnections();
    await closed;
  }
}

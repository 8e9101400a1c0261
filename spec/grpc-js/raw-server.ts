/**
 * A gRPC server of node:http2 alone, which compresses what it sends, for clients of grpc-js. A request of twelve bytes asks
 * for messages by their length, the seed of the first and their number.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerHttp2Session, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { gunzipSync, inflateSync } from 'node:zlib';
import { compress, type Encoding, frame, message, unframe } from './messages.ts';
import { Gate, run } from './program.ts';

const gate = new Gate();

async function serve(stream: ServerHttp2Stream, headers: IncomingHttpHeaders): Promise<void> {
  const asks = unframe(await buffer(stream)).map((content) => {
    if (headers['grpc-encoding'] === 'gzip') return gunzipSync(content);
    return headers['grpc-encoding'] === 'deflate' ? inflateSync(content) : content;
  });
  const streaming = /serverStream|bidi/.test(headers[':path'] as string);
  const encoding = headers['reply-encoding'] as Encoding;
  const replies = (streaming ? asks : asks.slice(-1)).flatMap((ask) =>
    Array.from({ length: ask.readUInt32BE(8) }, (_, i) =>
      frame(compress[encoding](message(ask.readUInt32BE(0), ask.readUInt32BE(4) + i))),
    ),
  );
  if (headers.together !== undefined) await gate.pass(Number(headers.together));
  if (stream.destroyed) return;
  stream.respond(
    { ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': encoding },
    { waitForTrailers: true },
  );
  stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
  for (const reply of replies) stream.write(reply);
  stream.end();
}

const sessions = new Set<ServerHttp2Session>();
// In MB: all replies are written at once.
const server = createServer({ maxSessionMemory: 1_000 });
server.on('session', (session) => {
  sessions.add(session);
  session.on('close', () => sessions.delete(session));
});
server.on('stream', (stream, headers) => {
  // A call that is cancelled.
  stream.on('error', () => undefined);
  serve(stream, headers).catch(() => undefined);
});
server.listen(0, '127.0.0.1');
await once(server, 'listening');

await run({ port: () => (server.address() as AddressInfo).port }, () => {
  server.close();
  for (const session of sessions) session.destroy();
});

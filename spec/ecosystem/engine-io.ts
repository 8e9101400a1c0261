/** engine.io, server and client: WebSockets with permessage-deflate, and polls whose answers are compressed. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { attach, type Socket as ServerSocket } from 'engine.io';
import { Socket } from 'engine.io-client';
import { json } from '../../bench/payloads.ts';
import { open } from './answers.ts';
import { digest, finish, outcome, scenario } from './scenario.ts';
import { decoder } from './stock.ts';

const http = createServer();
const server = attach(http, { perMessageDeflate: { threshold: 0 }, httpCompression: { threshold: 0 } });
server.on('connection', (socket: ServerSocket) => {
  socket.on('message', (data) => socket.send(data));
});
http.listen(0, '127.0.0.1');
await once(http, 'listening');
const origin = `127.0.0.1:${(http.address() as AddressInfo).port}`;

/** Sends all; returns what comes back, up to as many or to the end of the connection. */
async function echoed(transports: string[], messages: (string | Buffer)[]): Promise<unknown> {
  const socket = new Socket(`ws://${origin}`, { transports, perMessageDeflate: { threshold: 0 } });
  const seen: unknown[] = [];
  const end = new Promise<void>((resolve) => {
    socket.on('message', (data) => {
      // An empty text comes as undefined.
      seen.push(digest((data as string | Buffer | undefined) ?? ''));
      if (seen.length === messages.length) resolve();
    });
    socket.on('close', (reason) => {
      seen.push(`close: ${reason}`);
      resolve();
    });
  });
  socket.on('open', () => {
    for (const message of messages) socket.send(message);
  });
  await end;
  socket.close();
  return seen;
}

const lengths = [0, 1, 125, 1_000, 16_384, 65_536, 300_000];
const messages = [
  ...lengths.map((length) => String(json(length, length))),
  ...lengths.map((length) => json(length, 1)),
];

for (const transports of [['websocket'], ['polling'], ['polling', 'websocket']]) {
  const name = `engine.io, ${transports.join(' and then ')}`;
  await scenario(`${name}: messages of all lengths`, () => echoed(transports, messages));
  await scenario(`${name}: 500 messages`, () =>
    echoed(
      transports,
      Array.from({ length: 500 }, (_, i) => String(json(1 + ((i * 37) % 3_000), i % 50))),
    ),
  );
  await scenario(`${name}: 16 clients at a time`, () =>
    Promise.all(Array.from({ length: 16 }, (_, i) => echoed(transports, messages.slice(i % 5, 6)))),
  );
}

/** The parts of an answer to a poll that are the same in each run: the session has an id of its own. */
async function poll(query: string, accepted: string): Promise<{ encoding: string | undefined; text: string }> {
  const response = await open(`http://${origin}/engine.io/?EIO=4&transport=polling${query}`, {
    'accept-encoding': accepted,
  });
  const { 'content-encoding': encoding } = response.headers;
  return { encoding, text: String(await buffer(response.pipe(decoder(encoding) as NodeJS.WritableStream as never))) };
}

for (const accepted of ['gzip', 'deflate', 'identity']) {
  for (const length of [1, 1_000, 50_000]) {
    await scenario(`engine.io: a poll for a message of ${length}, ${accepted}`, () =>
      outcome(async () => {
        const [[socket], { encoding, text }] = await Promise.all([
          once(server, 'connection') as Promise<[ServerSocket]>,
          poll('', accepted),
        ]);
        const { sid, ...handshake } = JSON.parse(text.slice(1));
        socket.send(String(json(length, length)));
        const message = await poll(`&sid=${sid}`, accepted);
        socket.close(true);
        return { encoding, handshake, message: { encoding: message.encoding, ...digest(message.text) } };
      }),
    );
  }
}

server.close();
http.close();
http.closeAllConnections();
await finish();

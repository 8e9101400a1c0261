/** ws with permessage-deflate, at both ends, and raw frames where an end has to misbehave. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { createServer } from 'node:http';
import { type AddressInfo, connect, type Socket } from 'node:net';
import { text } from 'node:stream/consumers';
import zlib from 'node:zlib';
import WebSocket, { createWebSocketStream, type PerMessageDeflateOptions, WebSocketServer } from 'ws';
import { json, random } from '../../bench/payloads.ts';
import { digest, failure, finish, scenario } from './scenario.ts';
import * as stock from './stock.ts';

interface Options {
  server?: PerMessageDeflateOptions;
  client?: PerMessageDeflateOptions;
  /** Of the server; the client has none. */
  maxPayload?: number;
  clientMaxPayload?: number;
}

/** What one end of a connection saw, up to its close. */
function watch(socket: WebSocket): Promise<unknown[]> {
  const seen: unknown[] = [];
  socket.on('message', (data: Buffer, binary) => seen.push({ binary, ...digest(data) }));
  socket.on('ping', (data) => seen.push(`ping ${data}`));
  socket.on('error', (error) => seen.push(failure(error)));
  const closed = new Promise<unknown[]>((resolve) => {
    socket.once('close', (code, reason) => {
      seen.push(`close ${code} ${reason}`);
      resolve(seen);
    });
  });
  return closed;
}

/** A server that echoes, unless `serve` is given. */
async function start({ server, maxPayload }: Options, serve?: (socket: WebSocket) => void) {
  const http = createServer().listen(0, '127.0.0.1');
  await once(http, 'listening');
  const sockets = new WebSocketServer({
    server: http,
    maxPayload: maxPayload ?? 0,
    perMessageDeflate: { threshold: 0, ...server },
  });
  const watched: Promise<unknown[]>[] = [];
  sockets.on('connection', (socket) => {
    watched.push(watch(socket));
    if (serve !== undefined) serve(socket);
    else socket.on('message', (data, binary) => socket.send(data, { binary }));
  });
  const { port } = http.address() as AddressInfo;
  return {
    port,
    url: `ws://127.0.0.1:${port}`,
    /** What each connection of the server saw, up to its close. */
    stop: async () => {
      const seen = await Promise.all(watched);
      sockets.close();
      http.close();
      http.closeAllConnections();
      return seen;
    },
  };
}

/** Lets `drive` use a client of an echoing server; gives what both ends saw. */
async function conversation(
  options: Options,
  drive: (client: WebSocket) => Promise<void> | void,
  serve?: (socket: WebSocket) => void,
): Promise<unknown> {
  const server = await start(options, serve);
  const client = new WebSocket(server.url, {
    perMessageDeflate: { threshold: 0, ...options.client },
    maxPayload: options.clientMaxPayload ?? 0,
  });
  const closed = watch(client);
  await once(client, 'open');
  const { extensions } = client;
  await drive(client);
  return { extensions, client: await closed, server: await server.stop() };
}

/** Waits for a message, or for the end of the connection. */
async function answered(socket: WebSocket): Promise<void> {
  if (socket.readyState === WebSocket.CLOSED) return;
  await new Promise<void>((resolve) => {
    const done = () => {
      socket.off('message', done).off('close', done);
      resolve();
    };
    socket.on('message', done).on('close', done);
  });
}

/** Sends all and closes when as many have come back. */
async function echoed(client: WebSocket, messages: (string | Buffer)[]): Promise<void> {
  let left = messages.length;
  const done = new Promise<void>((resolve) => {
    client.on('message', () => {
      left -= 1;
      if (left === 0) resolve();
    });
    client.once('close', resolve);
  });
  for (const message of messages) client.send(message);
  await done;
  client.close(1000, 'done');
}

const noise = (length: number) => {
  const next = random(length);
  return Buffer.from(Uint8Array.from({ length }, () => next() * 256));
};
const lengths = [0, 1, 2, 125, 126, 1_000, 16_383, 16_384, 16_385, 65_535, 65_536, 1_000_000];
const messages = [
  ...lengths.map((length) => String(json(length, length))),
  ...lengths.map((length) => noise(Math.min(length, 100_000))),
  'ü€𐍈'.repeat(5_000),
  Buffer.alloc(2_000_000),
];

const takeovers: Record<string, PerMessageDeflateOptions> = {
  'context takeover': {},
  'no context takeover': { serverNoContextTakeover: true, clientNoContextTakeover: true },
  'takeover by the client alone': { serverNoContextTakeover: true },
  'takeover by the server alone': { clientNoContextTakeover: true },
  'windows of 9 bits': { serverMaxWindowBits: 9, clientMaxWindowBits: 9 },
  'windows of 12 bits, no takeover': {
    serverMaxWindowBits: 12,
    clientMaxWindowBits: 12,
    serverNoContextTakeover: true,
    clientNoContextTakeover: true,
  },
  'a small chunkSize': { zlibInflateOptions: { chunkSize: 128 } },
};

for (const [name, server] of Object.entries(takeovers)) {
  const client = { clientMaxWindowBits: server.clientMaxWindowBits ?? 15, ...server };

  await scenario(`ws, ${name}: messages of all lengths`, () =>
    conversation({ server, client }, (socket) => echoed(socket, messages)),
  );

  await scenario(`ws, ${name}: 1,000 messages on a connection`, () =>
    conversation({ server, client }, (socket) =>
      echoed(
        socket,
        Array.from({ length: 1_000 }, (_, i) => String(json(1 + ((i * 37) % 3_000), i % 50))),
      ),
    ),
  );

  await scenario(`ws, ${name}: one message after another`, () =>
    conversation({ server, client }, async (socket) => {
      for (let i = 0; i < 100; i++) {
        socket.send(String(json(200 + i, i % 7)));
        await answered(socket);
      }
      socket.close();
    }),
  );

  await scenario(`ws, ${name}: fragments, with pings among them`, () =>
    conversation({ server, client }, async (socket) => {
      const all = json(200_000, 3);
      for (const piece of [1, 100, 20_000, 70_000]) {
        for (let at = 0; at < all.length; at += piece) {
          const fin = at + piece >= all.length || at > 50 * piece;
          socket.send(all.subarray(at, at + piece), { fin, binary: false });
          if (at === piece * 3) socket.ping('now');
          if (fin) break;
        }
        await answered(socket);
      }
      socket.close();
    }),
  );

  for (const length of [1_000, 100_000]) {
    await scenario(`ws, ${name}: messages around a maxPayload of ${length}`, async () => {
      const results: unknown[] = [];
      for (const payload of [
        Buffer.alloc(length),
        Buffer.alloc(length + 1),
        noise(length + 1),
        json(length + 1, 1),
        Buffer.alloc(50 * length),
      ]) {
        results.push(
          await conversation({ server, client, maxPayload: length }, (socket) => echoed(socket, ['first', payload])),
        );
      }
      return results;
    });
  }

  await scenario(`ws, ${name}: fragments that are over maxPayload together`, () =>
    conversation({ server, client, maxPayload: 10_000 }, (socket) => {
      for (let i = 0; i < 5; i++) socket.send(Buffer.alloc(3_000), { fin: i === 4 });
    }),
  );

  await scenario(`ws, ${name}: the client's maxPayload`, () =>
    conversation(
      { server, client, clientMaxPayload: 10_000 },
      (socket) => socket.send('go'),
      // Not before the server has the message: the end of the connection could overtake it.
      (socket) =>
        socket.once('message', () => {
          socket.send(Buffer.alloc(10_000));
          socket.send(Buffer.alloc(10_001));
        }),
    ),
  );

  await scenario(`ws, ${name}: 16 connections at a time`, async () => {
    const shared = await start({ server });
    const clients = await Promise.all(
      Array.from({ length: 16 }, async (_, i) => {
        const socket = new WebSocket(shared.url, { perMessageDeflate: { threshold: 0, ...client } });
        const closed = watch(socket);
        await once(socket, 'open');
        await echoed(
          socket,
          Array.from({ length: 20 }, (_, j) => String(json(100 * (i + 1) * (j + 1), i))),
        );
        return closed;
      }),
    );
    return { clients, server: (await shared.stop()).map((seen) => JSON.stringify(seen)).sort() };
  });
}

// Frames by hand.

interface Frame {
  payload: Buffer;
  opcode?: number;
  fin?: boolean;
  compressed?: boolean;
}

/** As a client sends it, masked with zeros. */
function frame({ payload, opcode = 1, fin = true, compressed = true }: Frame): Buffer {
  const head = Buffer.alloc(14);
  head[0] = (fin ? 0x80 : 0) | (compressed ? 0x40 : 0) | opcode;
  head[1] = 0x80 | 127;
  head.writeBigUInt64BE(BigInt(payload.length), 2);
  return Buffer.concat([head, payload]);
}

/** A client made of a bare socket: sends `frames`; gives what the server saw and what it said. */
async function raw(frames: Frame[], options: Options = {}, end = true): Promise<unknown> {
  const server = await start(options, () => undefined);
  const socket: Socket = connect(server.port, '127.0.0.1');
  socket.write(
    [
      'GET / HTTP/1.1',
      'Host: localhost',
      'Upgrade: websocket',
      'Connection: Upgrade',
      `Sec-WebSocket-Key: ${randomBytes(16).toString('base64')}`,
      'Sec-WebSocket-Version: 13',
      'Sec-WebSocket-Extensions: permessage-deflate',
      '\r\n',
    ].join('\r\n'),
  );
  const [head] = (await once(socket, 'data')) as [Buffer];
  const said: Buffer[] = [];
  socket.on('data', (chunk) => said.push(chunk));
  socket.on('error', () => undefined);
  for (const each of frames) socket.write(frame(each));
  if (end) socket.write(frame({ payload: Buffer.from([0x03, 0xe8]), opcode: 8, compressed: false }));
  else setTimeout(() => socket.destroy(), 200);
  await once(socket, 'close');
  return {
    extensions: /permessage-deflate.*/.exec(String(head))?.[0],
    said: Buffer.concat(said).toString('hex').slice(0, 200),
    server: await server.stop(),
  };
}

/** As ws compresses a message: a sync flush without its last four bytes. */
function compressed(data: Buffer | string): Buffer {
  const { Z_SYNC_FLUSH } = zlib.constants;
  return stock.deflateRaw(data, { finishFlush: Z_SYNC_FLUSH }).subarray(0, -4);
}

/** A message that ends with a final block, as RFC 7692, 7.2.3.4 allows. */
const final = (data: Buffer | string) => Buffer.concat([stock.deflateRaw(data), Buffer.from([0])]);
const big = compressed(json(300_000, 9));
const broken = Buffer.from(big.map((byte, i) => (i > big.length / 2 && i < big.length / 2 + 50 ? byte ^ 0xff : byte)));
const hello = { payload: compressed('hello') };

const frames: Record<string, Frame[]> = {
  good: [hello, hello],
  'an empty message': [{ payload: compressed('') }, { payload: Buffer.from([0]) }, hello],
  'a final block': [{ payload: final('hello') }],
  'final blocks, one message after another': [
    { payload: final('one') },
    { payload: final('two') },
    hello,
    { payload: final(json(100_000, 4)) },
    hello,
  ],
  'junk after a final block': [{ payload: Buffer.concat([final('hello'), Buffer.from('junk')]) }, hello],
  'a final block, then a fragment more': [
    { payload: final('one'), fin: false },
    { payload: compressed('two'), opcode: 0, compressed: false },
    hello,
  ],
  'bytes that are not deflate': [hello, { payload: Buffer.from('ffffffff', 'hex') }, hello],
  'a reserved block type': [{ payload: Buffer.from([0x07]) }],
  'a distance too far back': [{ payload: Buffer.from('4b040200', 'hex') }, { payload: Buffer.from('030100', 'hex') }],
  'a window that was not kept': [hello, { payload: Buffer.from('02130000', 'hex') }, hello],
  'no payload at all': [{ payload: Buffer.alloc(0) }, hello],
  'a damaged message': [hello, { payload: broken }, hello],
  'a damaged fragment': [
    hello,
    { payload: broken.subarray(0, 30_000), fin: false },
    { payload: broken.subarray(30_000), opcode: 0, compressed: false },
  ],
  'a truncated message': [{ payload: big.subarray(0, big.length >> 1) }, hello],
  'a message that is not UTF-8': [hello, { payload: compressed(Buffer.from([0xc3, 0x28])) }],
  'a binary message that is not UTF-8': [{ payload: compressed(Buffer.from([0xc3, 0x28])), opcode: 2 }],
  'a message that is not compressed': [hello, { payload: Buffer.from('plain'), compressed: false }, hello],
  'a thousand messages in one write': Array.from({ length: 1_000 }, (_, i) => ({
    payload: compressed(`message ${i}`),
  })),
};
for (const [kind, list] of Object.entries(frames)) {
  for (const name of ['context takeover', 'no context takeover']) {
    await scenario(`ws by hand, ${name}: ${kind}`, () => raw(list, { server: takeovers[name] as object }));
  }
}

await scenario('ws by hand: a bomb over maxPayload', () =>
  raw([hello, { payload: compressed(Buffer.alloc(50_000_000)) }], { maxPayload: 1_000_000 }),
);

await scenario('ws by hand: the connection cut amid a message', () =>
  raw([hello, { payload: big.subarray(0, 50_000), fin: false }], {}, false),
);

await scenario('ws: terminated while a message is inflated', () =>
  conversation(
    {},
    (socket) => {
      for (let i = 0; i < 5; i++) socket.send(Buffer.alloc(5_000_000));
      setTimeout(() => socket.terminate(), 30);
    },
    () => undefined,
  ).then(() => 'closed'),
);

await scenario('ws: closed by the server on the first message', () =>
  conversation(
    {},
    (socket) => {
      for (let i = 0; i < 20; i++) socket.send(String(json(50_000, i)));
    },
    (socket) => socket.once('message', () => socket.close(1001, 'bye')),
  ).then((both) => (both as { client: unknown[] }).client),
);

await scenario('ws: a message inflated and the next one sent from its handler, 100 times', () =>
  conversation({ server: { serverNoContextTakeover: true, clientNoContextTakeover: true } }, (socket) => {
    let round = 0;
    socket.on('message', () => {
      round += 1;
      if (round === 100) socket.close();
      else socket.send(String(json(round * 100, round)));
    });
    socket.send('start');
  }),
);

await scenario('ws: as a stream', async () => {
  const server = await start({}, (socket) => {
    const stream = createWebSocketStream(socket);
    // Both ends fail where one does.
    stream.on('error', () => {}).pipe(stream);
  });
  const stream = createWebSocketStream(new WebSocket(server.url, { perMessageDeflate: { threshold: 0 } }));
  const all = String(json(3_000_000, 8));
  for (let at = 0; at < all.length; at += 10_000) stream.write(all.slice(at, at + 10_000));
  let received = 0;
  stream.on('error', () => {});
  stream.on('data', (chunk: Buffer) => {
    received += chunk.length;
    if (received === all.length) stream.end();
  });
  try {
    return { result: digest(await text(stream)), expected: digest(all) };
  } finally {
    await server.stop();
  }
});

await scenario('ws: the async context of a message', async () => {
  const storage = new AsyncLocalStorage<string>();
  const results: unknown[] = [];
  for (let i = 0; i < 10; i++) {
    const stores: unknown[] = [];
    await storage.run(`connection ${i}`, () =>
      conversation({}, (socket) => {
        socket.on('message', () => stores.push(storage.getStore()));
        return echoed(socket, ['one', String(json(100_000, i)), 'three']);
      }),
    );
    results.push(stores);
  }
  return results;
});

await finish();

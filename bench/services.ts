/**
 * Services of well-known packages, unchanged: a server and a client for each. A lane sends message
 * `i` of 16 and resolves with the reply, which has the same bytes.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import { createServer as createHttp2Server } from 'node:http2';
import type { AddressInfo, Server as NetServer } from 'node:net';
import { buffer } from 'node:stream/consumers';
import { createClient } from '@connectrpc/connect';
import {
  compressionGzip,
  connectNodeAdapter,
  createGrpcTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import {
  credentials,
  Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerUnaryCall,
  type sendUnaryData,
} from '@grpc/grpc-js';
import compression from 'compression';
import express from 'express';
import { Binary, MongoClient } from 'mongodb';
import { Agent, request } from 'undici';
import { WebSocket, WebSocketServer } from 'ws';
import { MongoPeer } from '../spec/ecosystem/mongodb-peer.ts';
import { type Bytes, BytesClient, service as bytesService } from '../spec/grpc-js/service.ts';
import { Echo } from '../spec/support/connect/service.ts';
import { json } from './payloads.ts';

export type Lane = (i: number, length: number) => Promise<Buffer>;

export interface Service {
  title: string;
  /** Lengths of a message, in bytes. */
  lengths: readonly number[];
  /** Numbers of lanes. */
  lanes: readonly number[];
  /** Messages of a lane in flight. */
  depth: number;
  /** Starts a server. Resolves with its port. */
  serve(compressed: boolean): Promise<number>;
  /** Opens a lane. Lanes of a process may share a connection. */
  open(port: number, compressed: boolean): Promise<Lane>;
}

const PAYLOADS = 16;
const payloads = new Map<number, Buffer[]>();

/** Returns message `i` of a length. */
export function payload(i: number, length: number): Buffer {
  let all = payloads.get(length);
  if (all === undefined) {
    all = Array.from({ length: PAYLOADS }, (_, seed) => json(length, seed));
    payloads.set(length, all);
  }
  return all[i % PAYLOADS] as Buffer;
}

async function listening(server: NetServer): Promise<number> {
  if (!server.listening) {
    server.listen(0, '127.0.0.1');
    await once(server, 'listening');
  }
  return (server.address() as AddressInfo).port;
}

/** One per process: lanes share it. */
const shared = new Map<string, unknown>();
function only<T>(key: string, make: () => T): T {
  if (!shared.has(key)) shared.set(key, make());
  return shared.get(key) as T;
}

/** Replies in the order of the requests. */
class Replies {
  readonly #waiting: Array<(reply: Buffer) => void> = [];
  next(): Promise<Buffer> {
    return new Promise((resolve) => this.#waiting.push(resolve));
  }
  settle(reply: Buffer): void {
    this.#waiting.shift()?.(reply);
  }
}

function serveGrpc(): Promise<number> {
  const server = new Server();
  server.addService(bytesService, {
    unary: (call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) => reply(null, call.request),
    bidi(call: ServerDuplexStream<Buffer, Buffer>) {
      call.on('data', (message: Buffer) => call.write(message));
      call.on('end', () => call.end());
    },
  });
  return new Promise((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) =>
      error === null ? resolve(port) : reject(error),
    );
  });
}

/** grpc-js compresses each request by gzip. It does not compress replies. */
const grpcClient = (port: number, compressed: boolean): Bytes =>
  only(
    'grpc',
    () =>
      new BytesClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
        'grpc.default_compression_algorithm': compressed ? 2 : 0,
      }) as unknown as Bytes,
  );

const grpcUnary: Service = {
  title: 'grpc-js, unary',
  lengths: [1_024, 16_384],
  lanes: [1, 8, 50],
  depth: 1,
  serve: serveGrpc,
  async open(port, compressed) {
    const client = grpcClient(port, compressed);
    return (i, length) =>
      new Promise((resolve, reject) => {
        client.unary(payload(i, length), new Metadata(), {}, (error, reply) =>
          error === null ? resolve(reply as Buffer) : reject(error),
        );
      });
  },
};

const grpcBidi: Service = {
  title: 'grpc-js, bidi',
  lengths: [1_024, 16_384],
  lanes: [1, 8, 50],
  depth: 32,
  serve: serveGrpc,
  async open(port, compressed) {
    const call = grpcClient(port, compressed).bidi(new Metadata(), {});
    const replies = new Replies();
    call.on('data', (reply: Buffer) => replies.settle(reply));
    return (i, length) => {
      call.write(payload(i, length));
      return replies.next();
    };
  },
};

const compressedExpress: Service = {
  title: 'express with compression',
  lengths: [4_096, 16_384],
  lanes: [8],
  depth: 1,
  async serve(compressed) {
    const app = express();
    if (compressed) app.use(compression());
    app.get('/', ({ query }, response) => {
      response.type('json').send(payload(Number(query.i), Number(query.length)));
    });
    return listening(createServer(app));
  },
  async open(port, compressed) {
    const agent = new Agent({ connections: 1 });
    const { createGunzip } = await import('node:zlib');
    return async (i, length) => {
      const { headers, body } = await request(`http://127.0.0.1:${port}/?i=${i}&length=${length}`, {
        dispatcher: agent,
        headers: { 'accept-encoding': 'gzip' },
      });
      if ((headers['content-encoding'] === 'gzip') !== compressed) throw new Error('The body is not as expected');
      return compressed ? buffer(body.pipe(createGunzip())) : Buffer.from(await body.arrayBuffer());
    };
  },
};

const wsEcho: Service = {
  title: 'ws, echo',
  lengths: [1_024, 16_384],
  lanes: [1, 50],
  depth: 8,
  async serve(compressed) {
    const perMessageDeflate = compressed && {
      threshold: 0,
      serverNoContextTakeover: true,
      clientNoContextTakeover: true,
    };
    const server = createServer();
    new WebSocketServer({ server, perMessageDeflate }).on('connection', (socket) => {
      socket.on('message', (message) => socket.send(message as Buffer));
    });
    return listening(server);
  },
  async open(port, compressed) {
    const socket = new WebSocket(`ws://127.0.0.1:${port}`, { perMessageDeflate: compressed && { threshold: 0 } });
    await once(socket, 'open');
    const replies = new Replies();
    socket.on('message', (message) => replies.settle(message as Buffer));
    return (i, length) => {
      socket.send(payload(i, length));
      return replies.next();
    };
  },
};

const connectNode: Service = {
  title: 'connect-node, gRPC',
  lengths: [2_048, 16_384],
  lanes: [8],
  depth: 1,
  async serve(compressed) {
    const handler = connectNodeAdapter({
      acceptCompression: compressed ? [compressionGzip] : [],
      routes: (router) =>
        router.service(Echo, {
          one: (message) => message,
          async *many(messages) {
            yield* messages;
          },
        }),
    });
    return listening(createHttp2Server(handler));
  },
  async open(port, compressed) {
    const client = only('connect', () => {
      const baseUrl = `http://127.0.0.1:${port}`;
      const gzip = { sendCompression: compressionGzip, acceptCompression: [compressionGzip] };
      const plain = { acceptCompression: [] };
      const sessionManager = new Http2SessionManager(baseUrl);
      return createClient(Echo, createGrpcTransport({ baseUrl, sessionManager, ...(compressed ? gzip : plain) }));
    });
    return async (i, length) => Buffer.from((await client.one({ value: payload(i, length) })).value);
  },
};

/** The peer knows one collection, and no filters. So the reply is always the first record. */
const mongodb: Service = {
  title: 'mongodb, ping and find',
  lengths: [4_096],
  lanes: [8],
  depth: 1,
  async serve() {
    return Number(new URL(await new MongoPeer().listen()).port);
  },
  async open(port, compressed) {
    const connected = only('mongodb', async () => {
      const client = new MongoClient(`mongodb://127.0.0.1:${port}`, {
        compressors: [compressed ? 'zlib' : 'none'],
        // The driver greets the peer by OP_MSG, and not by the opcode of old servers.
        serverApi: '1',
      });
      const db = client.db('bench');
      for (let i = 0; i < PAYLOADS; i++) {
        await db.collection('records').insertOne({ i, data: new Binary(payload(i, mongodb.lengths[0] as number)) });
      }
      return db;
    });
    const db = await connected;
    return async (i, length) => {
      await db.command({ ping: 1, data: new Binary(payload(i, length)) });
      const found = await db.collection('records').findOne();
      // The first record has the bytes of message 0.
      const bytes = (found?.data as Binary | undefined)?.buffer ?? [];
      return payload(0, length).equals(Buffer.from(bytes)) ? payload(i, length) : Buffer.from(bytes);
    };
  },
};

export const services: Readonly<Record<string, Service>> = {
  grpcUnary,
  grpcBidi,
  express: compressedExpress,
  ws: wsEcho,
  connect: connectNode,
  mongodb,
};

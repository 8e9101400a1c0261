/** Servers of every kind with one thing to do: to decode the bodies of requests, and to tell what came. Errors they answer as they do by themselves. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { pipeline } from 'node:stream/promises';
import express, { type ErrorRequestHandler } from 'express';
import fastify from 'fastify';
import Koa from 'koa';
import koaConnect from 'koa-connect';
import polka from 'polka';
import type { DecodeMiddleware, HttpError } from '../../../lib/http.ts';

/** What came of a body, as JSON. */
export function told(body: Buffer): string {
  return JSON.stringify({ length: body.length, text: body.subarray(0, 20).toString('latin1') });
}

/** A request, as far as handlers here look at it. */
type Incoming = AsyncIterable<Buffer> & NodeJS.ReadableStream;

/** Ways to read a body. */
export const readings: Record<string, (request: Incoming) => Promise<Buffer>> = {
  'for await': async (request) => {
    const chunks: Buffer[] = [];
    for await (const chunk of request) chunks.push(chunk);
    return Buffer.concat(chunks);
  },
  "on('data')": (request) =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      request.on('data', (chunk) => chunks.push(chunk));
      request.on('end', () => resolve(Buffer.concat(chunks)));
      request.on('error', reject);
    }),
  "on('readable')": (request) =>
    new Promise((resolve, reject) => {
      const chunks: Buffer[] = [];
      request.on('readable', () => {
        for (let chunk = request.read(); chunk !== null; chunk = request.read()) chunks.push(chunk as Buffer);
      });
      request.on('end', () => resolve(Buffer.concat(chunks)));
      request.on('error', reject);
    }),
  pipeline: async (request) => {
    const chunks: Buffer[] = [];
    await pipeline(request, async (source) => {
      for await (const chunk of source) chunks.push(chunk as Buffer);
    });
    return Buffer.concat(chunks);
  },
};

const read = readings['for await'] as (request: Incoming) => Promise<Buffer>;

interface Reply {
  writeHead(status: number, headers?: Record<string, string>): unknown;
  end(text: string): unknown;
}

function refuse(response: Reply, error: HttpError): void {
  response.writeHead(error.status ?? 500, error.headers);
  response.end(error.code);
}

/** A listener without a framework. */
export function listener(decode: DecodeMiddleware, reading = read): RequestListener {
  return (request, response) => {
    decode(request, response, (error) => {
      if (error !== undefined) {
        refuse(response, error);
        return;
      }
      reading(request).then(
        (body) => response.end(told(body)),
        (reason) => refuse(response, reason),
      );
    });
  };
}

/** The longest body that body-parser and fastify take. */
export const LIMIT = 50_000_000;

/** So that one sees the code: express and koa tell messages or stacks. */
const tellCode: ErrorRequestHandler = (error, _request, response, _next) => {
  response
    .status(error.status ?? 500)
    .set(error.headers ?? {})
    .send(error.code);
};

const later: DecodeMiddleware = (_request, _response, next) => setTimeout(next, 20);

/** Name to a server that listens nowhere yet, for `decode`. */
export const servers: Record<string, (decode: DecodeMiddleware) => Server | Promise<Server>> = {
  'plain http': (decode) => createServer(listener(decode)),
  'plain http, which looks later': (decode) => {
    const listening = listener(decode);
    // By then all of a short body has come.
    return createServer((request, response) => setTimeout(() => listening(request, response), 20));
  },
  'plain http2': (decode) => http2.createServer(listener(decode) as never) as never,
  express: (decode) =>
    createServer(
      express()
        .use(decode)
        .post('/', async (request, response) => {
          response.send(told(await read(request)));
        })
        .use(tellCode),
    ),
  'express, body-parser': (decode) =>
    createServer(
      express()
        .use(decode)
        .use(express.raw({ type: '*/*', limit: LIMIT }))
        .post('/', (request, response) => {
          response.send(told(request.body ?? Buffer.alloc(0)));
        })
        .use(tellCode),
    ),
  'express, body-parser after an await': (decode) =>
    createServer(
      express()
        .use(later)
        .use(decode)
        .use(later)
        .use(express.raw({ type: '*/*', limit: LIMIT }))
        .post('/', (request, response) => {
          response.send(told(request.body ?? Buffer.alloc(0)));
        })
        .use(tellCode),
    ),
  'express, with its own answers': (decode) =>
    createServer(
      express()
        .set('env', 'test')
        .use(decode)
        .use(express.raw({ type: '*/*', limit: LIMIT }))
        .post('/', (request, response) => {
          response.send(told(request.body ?? Buffer.alloc(0)));
        }),
    ),
  polka: (decode) => {
    const app = polka({
      onError: (error: HttpError, _request: unknown, response: Reply) => refuse(response, error),
      onNoMatch(_request: unknown, response: Reply) {
        response.writeHead(404);
        response.end('');
      },
    })
      .use(decode)
      .post('/', async (request, response) => {
        try {
          response.end(told(await read(request)));
        } catch (error) {
          refuse(response, error as HttpError);
        }
      });
    return createServer(app.handler as never);
  },
  koa: (decode) => {
    const app = new Koa().use(koaConnect(decode)).use(async (context) => {
      context.body = told(await read(context.req));
    });
    app.silent = true;
    return createServer(app.callback());
  },
  fastify: (decode) => fastifyServer(decode, 'onRequest'),
  'fastify, preParsing': (decode) => fastifyServer(decode, 'preParsing'),
};

async function fastifyServer(decode: DecodeMiddleware, hook: 'onRequest' | 'preParsing'): Promise<Server> {
  const app = fastify({ bodyLimit: LIMIT });
  if (hook === 'onRequest') app.addHook('onRequest', (request, reply, done) => decode(request.raw, reply.raw, done));
  else app.addHook('preParsing', (request, reply, _payload, done) => decode(request.raw, reply.raw, done));
  app.addContentTypeParser('*', { parseAs: 'buffer' }, (_request, body, done) => done(null, body));
  app.post('/', async ({ body }) => told((body as Buffer | undefined) ?? Buffer.alloc(0)));
  await app.ready();
  return app.server;
}

export interface Running {
  origin: string;
  server: Server;
  close(): Promise<void>;
}

/** On the loopback. */
export async function listen(made: Server | Promise<Server>): Promise<Running> {
  const server = await made;
  const sessions = new Set<http2.ServerHttp2Session>();
  server.on('session', (session) => sessions.add(session));
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    async close() {
      const closed = once(server, 'close');
      server.close();
      server.closeAllConnections?.();
      for (const session of sessions) session.destroy();
      await closed;
    },
  };
}

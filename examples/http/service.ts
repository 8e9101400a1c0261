/** What both of the pair share: a service of express that takes lines, parsed by body-parser or as they come, and a client that sends good bodies and bad ones. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import zlib from 'node:zlib';
import express, { type ErrorRequestHandler, type RequestHandler } from 'express';
import { Agent, request } from 'undici';

/** The longest body, decompressed. */
export const MAX_LENGTH = 1_000_000;

const tell: ErrorRequestHandler = (error, _request, response, _next) => {
  response.status(error.status ?? 500).send(error.code ?? error.type);
};

/** @param middleware comes before all else; it is all that differs */
export async function serve(...middleware: RequestHandler[]): Promise<void> {
  const app = express().use(...middleware, (_request, _response, next) => next());
  app.post('/parsed', express.text({ type: '*/*', limit: MAX_LENGTH }), ({ body }, response) => {
    response.send(`${body.split('\n').length - 1} lines`);
  });
  app.post('/streamed', async (incoming, response) => {
    let count = 0;
    for await (const chunk of incoming) count += String(chunk).split('\n').length - 1;
    response.send(`${count} lines`);
  });
  app.use(tell);
  const server = app.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const dispatcher = new Agent({ connections: 1 });

  const text = await readFile(new URL('../../package-lock.json', import.meta.url));
  const gzipped = zlib.gzipSync(text);
  const bodies: Array<[what: string, encoding: string, body: Buffer]> = [
    ['gzip', 'gzip', gzipped],
    ['br', 'br', zlib.brotliCompressSync(text)],
    ['x-gzip', 'x-gzip', gzipped],
    ['gzip, br', 'gzip, br', zlib.brotliCompressSync(gzipped)],
    ['corrupt', 'gzip', Buffer.from(gzipped).fill(0, 1_000, 1_100)],
    ['cut short', 'gzip', gzipped.subarray(0, -10)],
    ['bomb', 'gzip', zlib.gzipSync(Buffer.alloc(50 * MAX_LENGTH))],
    ['unknown', 'compress', gzipped],
  ];
  for (const path of ['parsed', 'streamed']) {
    for (const [what, encoding, body] of bodies) {
      const headers = { 'content-type': 'text/plain', 'content-encoding': encoding };
      const answer = await request(`${origin}/${path}`, { method: 'POST', headers, body, dispatcher });
      console.log(`${path}, ${what}: ${answer.statusCode} ${await answer.body.text()}`);
    }
  }
  await dispatcher.close();
  server.close();
}

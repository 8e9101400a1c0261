/** @fastify/compress: answers that it compresses by one call, and streams. */
import { once } from 'node:events';
import type { AddressInfo } from 'node:net';
import { Readable } from 'node:stream';
import fastifyCompress from '@fastify/compress';
import fastify from 'fastify';
import { json } from '../../bench/payloads.ts';
import { answer, open } from './answers.ts';
import { finish, scenario } from './scenario.ts';
import { zstd } from './stock.ts';

const app = fastify();
await app.register(fastifyCompress, { threshold: 0 });
app.get<{ Params: { length: string } }>('/whole/:length', (request, reply) => {
  reply.type('application/json').send(json(Number(request.params.length), 1));
});
app.get<{ Params: { count: string } }>('/stream/:count', (request, reply) => {
  const pieces = Array.from({ length: Number(request.params.count) }, (_, i) => json(1_000 + i, i));
  reply.type('text/plain').send(Readable.from(pieces, { objectMode: false }));
});
await app.listen({ port: 0, host: '127.0.0.1' });
const origin = `http://127.0.0.1:${(app.server.address() as AddressInfo).port}`;

for (const encoding of ['gzip', 'deflate', 'br', ...(zstd === undefined ? [] : ['zstd']), 'identity']) {
  for (const length of [1, 1_000, 16_000, 300_000]) {
    await scenario(`@fastify/compress: ${encoding}, ${length} bytes`, () =>
      answer(`${origin}/whole/${length}`, encoding),
    );
  }

  for (const count of [1, 200]) {
    await scenario(`@fastify/compress: ${encoding}, a stream of ${count} pieces`, () =>
      answer(`${origin}/stream/${count}`, encoding),
    );
  }

  await scenario(`@fastify/compress: ${encoding}, 50 at a time`, () =>
    Promise.all(
      Array.from({ length: 50 }, (_, i) =>
        answer(`${origin}/${i % 2 === 0 ? `whole/${100 * (1 + i)}` : 'stream/5'}`, encoding),
      ),
    ),
  );

  await scenario(`@fastify/compress: ${encoding}, cut by the client after the first bytes`, async () => {
    const response = await open(`${origin}/stream/3000`, { 'accept-encoding': encoding });
    await once(response, 'data');
    response.destroy();
    return answer(`${origin}/whole/1000`, encoding);
  });
}

await app.close();
await finish();

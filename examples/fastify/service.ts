/** What both of the pair share: a service that takes compressed JSON, and requests of every kind, good ones and bad ones. */
import { readFile } from 'node:fs/promises';
import zlib from 'node:zlib';
import compress, { type FastifyCompressOptions } from '@fastify/compress';
import fastify from 'fastify';
import { Agent, request } from 'undici';

/** The longest body, decompressed. It is fastify's default. */
export const BODY_LIMIT = 1_048_576;

const GOOD = 200;
const AT_A_TIME = 20;

interface Package {
  license?: string;
}

/** @param options of @fastify/compress; stock or pooled, this is all that differs */
export async function serve(options: FastifyCompressOptions): Promise<void> {
  const app = fastify({ bodyLimit: BODY_LIMIT });
  await app.register(compress, options);
  app.post('/licences', async ({ body }) => {
    const licences = Object.values(body as Record<string, Package>).map(({ license = 'none' }) => license);
    return { packages: licences.length, licences: new Set(licences).size };
  });
  const origin = await app.listen({ port: 0, host: '127.0.0.1' });
  const dispatcher = new Agent();

  const post = async (encoding: string, body: Buffer): Promise<string> => {
    const headers = { 'content-type': 'application/json', 'content-encoding': encoding };
    const answer = await request(`${origin}/licences`, { method: 'POST', headers, body, dispatcher });
    const reply = (await answer.body.json()) as { packages?: number; licences?: number; code?: string };
    return `${answer.statusCode} ${reply.code ?? `${reply.licences} licences of ${reply.packages} packages`}`;
  };

  const lockfile = JSON.parse(await readFile(new URL('../../package-lock.json', import.meta.url), 'utf8'));
  const text = JSON.stringify(lockfile.packages);
  const good = [
    ['gzip', zlib.gzipSync(text)],
    ['deflate', zlib.deflateSync(text)],
    ['br', zlib.brotliCompressSync(text)],
  ] as const;
  const [[, gzipped]] = good;

  const answers = new Map<string, number>();
  for (let sent = 0; sent < GOOD; sent += AT_A_TIME) {
    const batch = Array.from({ length: AT_A_TIME }, (_, i) =>
      post(...(good[(sent + i) % good.length] as (typeof good)[0])),
    );
    for (const answer of await Promise.all(batch)) answers.set(answer, (answers.get(answer) ?? 0) + 1);
  }
  for (const [answer, count] of answers) console.log(`${count} times ${answer}`);

  const bad = {
    corrupt: gzipped.map((byte, i) => (i === gzipped.length - 8 ? byte ^ 1 : byte)),
    'cut short': gzipped.subarray(0, -20),
    'not compressed': Buffer.from(text),
    bomb: zlib.gzipSync(JSON.stringify('a'.repeat(20 * BODY_LIMIT))),
  };
  for (const [what, body] of Object.entries(bad)) console.log(`${what}: ${await post('gzip', Buffer.from(body))}`);
  console.log(`compress: ${await post('compress', gzipped)}`);

  await dispatcher.close();
  await app.close();
}

/** Express, whose body-parser inflates request bodies. */
import { once } from 'node:events';
import { Agent, type IncomingMessage, request } from 'node:http';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import express, { type ErrorRequestHandler } from 'express';
import { type Body, bodies, encodings, large, listen, pieces, small, zeros } from './bodies.ts';
import { digest, failure, finish, outcome, scenario } from './scenario.ts';

const app = express();
const echo: express.RequestHandler = (req, res) => {
  const { body } = req;
  res.json(
    body === undefined
      ? 'no body'
      : Buffer.isBuffer(body) || typeof body === 'string'
        ? { type: Buffer.isBuffer(body) ? 'buffer' : 'string', ...digest(body) }
        : { type: 'object', ...digest(JSON.stringify(body)) },
  );
};
const LIMIT = 2_000_000;
app.post('/raw', express.raw({ type: '*/*', limit: LIMIT }), echo);
app.post('/text', express.text({ type: '*/*', limit: LIMIT }), echo);
app.post('/json', express.json({ type: '*/*', limit: LIMIT }), echo);
app.post('/urlencoded', express.urlencoded({ type: '*/*', limit: LIMIT, parameterLimit: 1e6 }), echo);
app.post('/limited', express.raw({ type: '*/*', limit: small.length }), echo);
app.post('/not-inflated', express.json({ type: '*/*', inflate: false }), echo);
app.post(
  '/verified',
  express.json({
    type: '*/*',
    verify(_req, _res, body) {
      throw new Error(`not these ${body.length} bytes`);
    },
  }),
  echo,
);
const answer: ErrorRequestHandler = (error, _req, res, _next) => {
  const { status, type, expected, limit, encoding } = error;
  res.status(status ?? 500).json({ status, type, expected, limit, encoding, error: failure(error) });
};
app.use(answer);
const running = await listen(app);
const agent = new Agent({ keepAlive: true, maxSockets: 64 });

async function post(
  path: string,
  encoding: string | undefined,
  body: Body,
  type = 'text/plain; charset=utf-8',
): Promise<unknown> {
  const sent = request(running.origin + path, {
    method: 'POST',
    agent,
    headers: { 'content-type': type, ...(encoding === undefined ? {} : { 'content-encoding': encoding }) },
  });
  // An empty body is one, too.
  sent.setHeader('transfer-encoding', 'chunked');
  for (const piece of body) sent.write(piece);
  sent.end();
  const [response] = (await once(sent, 'response')) as [IncomingMessage];
  const answered = await text(response);
  const json = response.headers['content-type']?.includes('json');
  return { status: response.statusCode, body: json ? JSON.parse(answered) : answered };
}

for (const [encoding, kinds] of Object.entries(bodies)) {
  const { header, encode } = encodings[encoding] as { header: string; encode: (data: Uint8Array) => Buffer };
  for (const [kind, body] of Object.entries(kinds)) {
    for (const path of ['/raw', '/text']) {
      await scenario(`express ${path}: ${encoding}, ${kind}`, () => post(path, header, body));
    }
  }

  const object = JSON.stringify({ list: String(large).split('\n') });
  const encoded = encode(Buffer.from(object));
  for (const [kind, body] of Object.entries({
    good: [encoded],
    'good, in pieces': pieces(encoded, 1_000),
    truncated: [encoded.subarray(0, -20)],
    'not JSON': [encode(Buffer.from(object.slice(0, -1)))],
    'not an object': [encode(Buffer.from('1'))],
    empty: [encode(Buffer.alloc(0))],
    'junk after it': [encoded, Buffer.from('junk')],
  })) {
    await scenario(`express /json: ${encoding}, ${kind}`, () => post('/json', header, body));
  }

  for (const [kind, data] of Object.entries({
    'at the limit': small,
    'a byte over the limit': Buffer.concat([small, Buffer.from('x')]),
    'far over the limit': large,
    'a bomb': zeros,
  })) {
    await scenario(`express /limited: ${encoding}, ${kind}`, () => post('/limited', header, [encode(data)]));
    await scenario(`express /limited: ${encoding}, ${kind}, in pieces`, () =>
      post('/limited', header, pieces(encode(data), 100)),
    );
  }

  await scenario(`express /urlencoded: ${encoding}`, () =>
    post('/urlencoded', header, [encode(Buffer.from('a=1&b[]=2&b[]=3'))]),
  );
  await scenario(`express /not-inflated: ${encoding}`, () => post('/not-inflated', header, [encoded]));
  await scenario(`express /verified: ${encoding}`, () => post('/verified', header, [encode(Buffer.from('{}'))]));
  await scenario(`express /text: ${encoding}, an unknown charset`, () =>
    post('/text', header, [encoded], 'text/plain; charset=x-nonsense'),
  );

  await scenario(`express /raw: ${encoding}, one request after another on a connection, good and bad`, async () => {
    const results: unknown[] = [];
    for (let i = 0; i < 30; i++) {
      const kind = ['small', 'corrupt from the start', 'small', 'truncated 1 MB', 'corrupt 1 MB'][i % 5] as string;
      results.push(await post('/raw', header, kinds[kind] as Body));
    }
    return results;
  });

  await scenario(`express /raw: ${encoding}, aborted half-way by the client`, async () => {
    const sent = request(`${running.origin}/raw`, {
      method: 'POST',
      agent: false,
      headers: {
        'content-type': 'text/plain',
        'content-encoding': header,
        'content-length': encode(large).length,
      },
    });
    const end = outcome(() => once(sent, 'response').then(() => 'answered'));
    sent.write(encode(large).subarray(0, encode(large).length >> 1));
    await delay(50);
    sent.destroy(new Error('enough'));
    return end;
  });
}

for (const [said, encoding] of [
  ['gzip', 'deflate'],
  ['gzip', 'br'],
  ['deflate', 'gzip'],
  ['deflate', 'br'],
  ['br', 'gzip'],
  ['compress', 'gzip'],
  ['GZIP', 'gzip'],
  ['gzip, gzip', 'gzip'],
  ['identity', 'gzip'],
  ['nonsense', 'gzip'],
] as const) {
  await scenario(`express /raw: said to be ${said}, but is ${encoding}`, () =>
    post('/raw', said, bodies[encoding]?.small as Body),
  );
}

await scenario('express /raw: 64 at a time', () =>
  Promise.all(
    Array.from({ length: 192 }, (_, i) => {
      const names = Object.keys(bodies);
      const encoding = names[i % names.length] as string;
      const kind = ['small', '1 MB', 'truncated 1 MB', 'corrupt 1 MB', 'a byte at a time', '1 MB in pieces'][
        i % 6
      ] as string;
      return post('/raw', encodings[encoding]?.header, bodies[encoding]?.[kind] as Body);
    }),
  ),
);

agent.destroy();
await running.close();
await finish();

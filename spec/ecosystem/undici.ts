/** undici of this package, not of Node: request() with its decompress interceptor, and fetch(). */
import { Agent, fetch, interceptors, request } from 'undici';
import { encodings, large, listen, pathOf, serveBodies, small } from './bodies.ts';
import { getAll, withWrapper } from './clients.ts';
import { digest, finish, outcome, scenario } from './scenario.ts';

const running = await serveBodies();
const { origin } = running;
const agent = new Agent();
const decompressing = agent.compose(interceptors.decompress());

await getAll(
  running,
  'undici.request',
  async (url, method) => {
    const { statusCode, headers, body } = await request(url, { method, dispatcher: decompressing });
    return {
      status: statusCode,
      encoding: headers['content-encoding'] as string | undefined,
      body: new Uint8Array(await body.arrayBuffer()),
    };
  },
  { understood: withWrapper },
);

await getAll(running, 'undici.fetch', async (url, method) => {
  const response = await fetch(url, { method, dispatcher: agent });
  return {
    status: response.status,
    encoding: response.headers.get('content-encoding'),
    body: new Uint8Array(await response.arrayBuffer()),
  };
});

for (const encoding of withWrapper) {
  await scenario(`undici.request: ${encoding}, aborted half-way by its signal`, async () => {
    const controller = new AbortController();
    const { body } = await request(origin + pathOf(encoding, 'stalled'), {
      dispatcher: decompressing,
      signal: controller.signal,
    });
    return outcome(async () => {
      for await (const _ of body) controller.abort();
    });
  });

  await scenario(`undici.request: ${encoding}, body destroyed half-way`, async () => {
    const { body } = await request(origin + pathOf(encoding, 'stalled'), { dispatcher: decompressing });
    return outcome(async () => {
      for await (const _ of body) body.destroy(new Error('enough'));
    });
  });

  await scenario(`undici.request: ${encoding}, over maxSize`, async () => {
    const dispatcher = agent.compose(interceptors.decompress({ maxSize: 1_000_000 }));
    const { statusCode, body } = await request(origin + pathOf(encoding, '10 MB of zeros'), { dispatcher });
    // Its message gives the length of what it had by then, which depends on the length of the chunks.
    const end = await body.text().catch(({ name, code }) => ({ name, code }));
    return { statusCode, end };
  });

  await scenario(`undici.request: ${encoding}, dumped`, async () => {
    const { body } = await request(origin + pathOf(encoding, '1 MB'), { dispatcher: decompressing });
    return (await body.dump()) ?? 'dumped';
  });
}

// Encodings upon encodings.
const nested = ['gzip, deflate', 'deflate, br', 'br, gzip', 'gzip, gzip, gzip'];
const nesting = await listen((request, response) => {
  const [, at, end] = (request.url as string).split('/');
  const header = nested[Number(at)] as string;
  const body = header
    .split(', ')
    .reduce((data, name) => (encodings[name] as { encode: (data: Buffer) => Buffer }).encode(data), large);
  response.setHeader('content-encoding', header).end(end === 'truncated' ? body.subarray(0, -100) : body);
});
for (const [i, header] of nested.entries()) {
  for (const end of ['whole', 'truncated']) {
    await scenario(`undici.request: ${header}, ${end}`, async () => {
      const { body } = await request(`${nesting.origin}/${i}/${end}`, { dispatcher: decompressing });
      return digest(await body.text());
    });
    await scenario(`undici.fetch: ${header}, ${end}`, async () => {
      const response = await fetch(`${nesting.origin}/${i}/${end}`, { dispatcher: agent });
      return digest(await response.text());
    });
  }
}

await scenario('undici.request: json()', async () => {
  const server = await listen((_, response) => {
    const body = encodings.gzip?.encode(Buffer.from(JSON.stringify({ text: String(small) })));
    response.setHeader('content-encoding', 'gzip').end(body);
  });
  try {
    const { body } = await request(server.origin, { dispatcher: decompressing });
    return await body.json();
  } finally {
    await server.close();
  }
});

await agent.destroy();
await nesting.close();
await running.close();
await finish();

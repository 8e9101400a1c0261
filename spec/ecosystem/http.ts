/** node:http and node:zlib as Node's documentation puts them together: a pipeline at each end. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { once } from 'node:events';
import { get, type IncomingMessage, request as sendRequest } from 'node:http';
import { PassThrough, pipeline, type Transform } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline as pipelined } from 'node:stream/promises';
import zlib from 'node:zlib';
import { type Body, bodies, encodings, listen, pathOf, serveBodies, small } from './bodies.ts';
import { encodingNames, getAll, withWrapper } from './clients.ts';
import { digest, failure, finish, outcome, scenario } from './scenario.ts';

const running = await serveBodies();
const { origin } = running;

/** Node 20's types have no zstd. */
const { createZstdDecompress } = zlib as { createZstdDecompress?: () => Transform };

function decoder(encoding: string | undefined): Transform {
  switch (encoding) {
    case 'br':
      return zlib.createBrotliDecompress();
    case 'gzip':
      return zlib.createGunzip();
    case 'deflate':
      return zlib.createInflate();
    case 'zstd':
      return (createZstdDecompress as () => Transform)();
    default:
      return new PassThrough();
  }
}

async function open(url: string, method = 'GET'): Promise<IncomingMessage> {
  const [response] = (await once(get(url, { method, agent: false }), 'response')) as [IncomingMessage];
  return response;
}

await getAll(
  running,
  'http and a pipeline',
  async (url, method) => {
    const response = await open(url, method);
    const encoding = response.headers['content-encoding'];
    const output = new PassThrough();
    const body = buffer(output).catch(() => Buffer.alloc(0));
    const stream = decoder(encoding);
    // A pipeline does not end in error where its response has come in whole and was not read: an error is told by the stream.
    await Promise.race([
      pipelined(response, stream, output),
      new Promise((_, reject) => {
        stream.once('error', reject);
      }),
    ]);
    return { status: response.statusCode as number, encoding, body: await body };
  },
  { understood: withWrapper },
);

await getAll(
  running,
  'http and createUnzip',
  async (url, method) => {
    const response = await open(url, method);
    const encoding = response.headers['content-encoding'];
    const body = await buffer(pipeline(response, zlib.createUnzip(), () => undefined));
    return { status: response.statusCode as number, encoding, body };
  },
  { understood: ['gzip', 'deflate'] },
);

await getAll(
  running,
  'http and createInflateRaw',
  async (url, method) => {
    const response = await open(url, method);
    const chunks: Buffer[] = [];
    const output = pipeline(response, zlib.createInflateRaw(), () => undefined);
    for await (const chunk of output) chunks.push(chunk);
    return {
      status: response.statusCode as number,
      encoding: response.headers['content-encoding'],
      body: Buffer.concat(chunks),
    };
  },
  { understood: ['raw deflate'] },
);

for (const encoding of withWrapper) {
  await scenario(`http and a pipeline: ${encoding}, aborted by its signal half-way`, async () => {
    const controller = new AbortController();
    const response = await open(origin + pathOf(encoding, 'stalled'));
    const stream = decoder(encodings[encoding]?.header);
    const end = pipelined(response, stream, new PassThrough().resume(), { signal: controller.signal });
    stream.once('data', () => controller.abort());
    return { end: await end.catch(failure), destroyed: stream.destroyed };
  });

  await scenario(`http: ${encoding}, events of the decoder in their order`, async () => {
    const results: unknown[] = [];
    for (const kind of ['small', '1 MB', 'truncated 1 MB', 'corrupt 1 MB', 'junk after it', 'no byte at all']) {
      const response = await open(origin + pathOf(encoding, kind));
      const stream = response.pipe(decoder(encodings[encoding]?.header)) as Transform & { bytesWritten: number };
      const events: string[] = [];
      for (const event of ['pipe', 'unpipe', 'prefinish', 'finish', 'end', 'error', 'close']) {
        stream.on(event, () => events.push(event));
      }
      let length = 0;
      stream.on('data', (chunk) => {
        length += chunk.length;
      });
      await new Promise((resolve) => stream.once('close', resolve));
      // What comes before an error depends on how the input was cut.
      if (!events.includes('error')) events.push(`${length} of ${stream.bytesWritten}`);
      results.push(kind, events);
    }
    return results;
  });

  await scenario(`http: ${encoding}, iterated and left`, async () => {
    const response = await open(origin + pathOf(encoding, '1 MB'));
    const stream = response.pipe(decoder(encodings[encoding]?.header));
    for await (const chunk of stream) {
      if (chunk.length > 0) break;
    }
    response.destroy();
    return { destroyed: stream.destroyed, readableAborted: stream.readableAborted };
  });
}

// Requests: the server decompresses them, and answers with what it got, gzipped.
const storage = new AsyncLocalStorage<string>();
const upload = await listen((request, response) => {
  storage.run(request.url as string, () => {
    const stream = pipeline(request, decoder(request.headers['content-encoding']), () => undefined);
    const chunks: Buffer[] = [];
    const stores = new Set<string | undefined>();
    stream.on('data', (chunk) => {
      stores.add(storage.getStore());
      chunks.push(chunk);
    });
    stream.on('error', (error) => {
      stores.add(storage.getStore());
      // The pipeline has destroyed the request by then, and with it the connection.
      if (!response.destroyed) response.writeHead(400).end();
      errors.push({ ...(failure(error) as object), stores: [...stores] });
    });
    stream.on('end', () => {
      stores.add(storage.getStore());
      response.setHeader('stores', [...stores].join()).setHeader('content-encoding', 'gzip');
      pipeline(zlib.createGzip().end(Buffer.concat(chunks)), response, () => undefined);
    });
  });
});
const errors: unknown[] = [];

async function send(encoding: string, body: Body, url = upload.origin): Promise<unknown> {
  const request = sendRequest(url, {
    method: 'POST',
    agent: false,
    headers: { 'content-encoding': encodings[encoding]?.header as string },
  });
  for (const piece of body) request.write(piece);
  request.end();
  const [response] = (await once(request, 'response')) as [IncomingMessage];
  const answer = await buffer(response.pipe(zlib.createGunzip()));
  return { status: response.statusCode, stores: response.headers.stores, ...digest(answer) };
}

for (const encoding of encodingNames) {
  for (const kind of ['small', '1 MB', '1 MB in pieces', 'a byte at a time', 'encoded nothing', 'two members']) {
    await scenario(`http server: ${encoding}, ${kind}`, () => send(encoding, bodies[encoding]?.[kind] as Body));
  }
  for (const kind of ['truncated 1 MB', 'corrupt 1 MB', 'not encoded']) {
    await scenario(`http server: ${encoding}, ${kind}`, async () => {
      const client = await outcome(() => send(encoding, bodies[encoding]?.[kind] as Body));
      const answered = (client as { status?: number }).status;
      return { client: answered ?? (client as Error).name, server: errors.splice(0) };
    });
  }
}

await scenario('http server: 64 requests at a time, each in a context of its own', () =>
  Promise.all(
    Array.from({ length: 64 }, (_, i) => {
      const encoding = withWrapper[i % withWrapper.length] as string;
      const kind = ['small', '1 MB in pieces', 'a byte at a time'][i % 3] as string;
      return send(encoding, bodies[encoding]?.[kind] as Body, `${upload.origin}/${i}`);
    }),
  ),
);

await scenario('streams of zlib: their classes', () =>
  [
    [zlib.createGunzip(), zlib.Gunzip],
    [zlib.createInflate(), zlib.Inflate],
    [zlib.createInflateRaw(), zlib.InflateRaw],
    [zlib.createUnzip(), zlib.Unzip],
    [zlib.createBrotliDecompress(), zlib.BrotliDecompress],
  ].map(([stream, base]) => (stream as object) instanceof (base as new () => object)),
);

await scenario('streams of zlib: the other functions', async () => {
  const data = zlib.gzipSync(small);
  return [
    digest(zlib.gunzipSync(data)),
    digest(zlib.unzipSync(data)),
    digest(await new Promise<Buffer>((resolve, reject) => zlib.gunzip(data, (e, d) => (e ? reject(e) : resolve(d))))),
    digest(await buffer(new zlib.Gunzip().end(data))),
  ];
});

await upload.close();
await running.close();
await finish();

/** @elastic/transport with `compression: true`, on both of its connections, against a server that answers compressed. */
import './counted.ts';
import { buffer } from 'node:stream/consumers';
import zlib from 'node:zlib';
import { HttpConnection, Transport, UndiciConnection, WeightedConnectionPool } from '@elastic/transport';
import { json } from '../../bench/payloads.ts';
import { listen } from './bodies.ts';
import { compressed } from './counted.ts';
import { digest, finish, outcome, scenario } from './scenario.ts';
import * as stock from './stock.ts';

const encodings: Record<string, (data: Uint8Array) => Buffer> = {
  gzip: stock.gzip,
  deflate: stock.deflate,
};

function hits(length: number): Buffer {
  const text = json(length, length).toString();
  return Buffer.from(JSON.stringify({ took: 1, hits: { hits: text.split('\n') } }));
}

function damaged(bytes: Buffer, at: number): Buffer {
  return Buffer.from(bytes.map((byte, i) => (i >= at && i < at + 8 ? byte ^ 0xff : byte)));
}

/** Answers as they are sent, by the name of an encoding and of what was done to it. */
const answers: Record<string, Record<string, Buffer>> = {};
for (const [name, encode] of Object.entries(encodings)) {
  const good = encode(hits(10_000));
  answers[name] = {
    'of no hits': encode(hits(0)),
    short: encode(hits(300)),
    long: good,
    'of 300 KB': encode(hits(300_000)),
    'cut by a byte': good.subarray(0, -1),
    'cut in the middle': good.subarray(0, good.length >> 1),
    'corrupt at the start': damaged(good, 0),
    'corrupt in the middle': damaged(good, good.length >> 1),
    'corrupt at the end': damaged(good, good.length - 8),
    'not compressed': Buffer.from('{"took":1}'),
    'with zeros behind': Buffer.concat([good, Buffer.alloc(9)]),
    'with junk behind': Buffer.concat([good, Buffer.from('junk')]),
    'of no bytes': Buffer.alloc(0),
  };
}

/** Compressed answers that were sent. */
let unzip = 0;

const server = await listen((request, response) => {
  void (async () => {
    const [, encoding = '', kind = ''] = decodeURI(request.url as string)
      .replaceAll('_', ' ')
      .split('/');
    const body = await buffer(request);
    response.setHeader('content-type', 'application/json');
    // Elasticsearch's own header, without which a client refuses the server.
    response.setHeader('x-elastic-product', 'Elasticsearch');
    if (encoding === 'echo') {
      // Classes are not the pool's, so the report has the transport's calls and not the server's.
      const stream = new (zlib as unknown as { Gunzip: new () => NodeJS.ReadWriteStream }).Gunzip();
      stream.end(body);
      unzip += 1;
      response.setHeader('content-encoding', 'gzip').end(stock.gzip(await buffer(stream)));
      return;
    }
    if (encoding === 'plain') {
      response.end(hits(300));
      return;
    }
    unzip += 1;
    response.setHeader('content-encoding', encoding).end(answers[encoding]?.[kind]);
  })().catch(() => response.destroy());
});

const connections = { HttpConnection, UndiciConnection };
for (const [name, Connection] of Object.entries(connections)) {
  const connectionPool = new WeightedConnectionPool({ Connection });
  connectionPool.addConnection(server.origin);
  const transport = new Transport({ connectionPool, compression: true, maxRetries: 0 });
  const get = async (encoding: string, kind: string) => {
    const path = `/${encoding}/${kind}`.replaceAll(' ', '_');
    const { body, statusCode } = await transport.request({ method: 'GET', path }, { meta: true });
    return { statusCode, ...digest(JSON.stringify(body)) };
  };

  for (const [encoding, kinds] of Object.entries(answers)) {
    for (const kind of Object.keys(kinds)) {
      await scenario(`elastic transport: ${name}, ${encoding}, ${kind}`, () => get(encoding, kind));
    }
  }

  await scenario(`elastic transport: ${name}, not compressed`, () => get('plain', ''));

  await scenario(`elastic transport: ${name}, a bulk request, echoed`, async () => {
    const bulkBody = Array.from({ length: 200 }, (_, i) => [{ index: { _id: i } }, { text: `text ${i}` }]).flat();
    // One line of JSON for each is no JSON in all: the transport gives the error of its serializer.
    return outcome(() => transport.request({ method: 'POST', path: '/echo/', bulkBody }));
  });

  await scenario(`elastic transport: ${name}, a search, echoed`, async () => {
    const body = { query: { match_all: {} }, text: json(5_000, 8).toString() };
    return digest(JSON.stringify(await transport.request({ method: 'POST', path: '/echo/', body })));
  });

  await scenario(`elastic transport: ${name}, 64 at a time`, async () => {
    const kinds = Object.keys(answers.gzip as object).filter((kind) => kind !== 'of 300 KB');
    return Promise.all(
      Array.from({ length: 64 }, (_, i) => {
        const kind = kinds[i % kinds.length] as string;
        return outcome(() => get(i % 2 === 0 ? 'gzip' : 'deflate', kind));
      }),
    );
  });

  await connectionPool.empty();
}

await server.close();
await finish({ unzip, ...compressed });

/** connect-node: clients and servers with the compression that it has by default, gzip, and with its Brotli. */
import './counted.ts';
import { toBinary } from '@bufbuild/protobuf';
import { BytesValueSchema } from '@bufbuild/protobuf/wkt';
import { createClient } from '@connectrpc/connect';
import {
  compressionBrotli,
  compressionGzip,
  createConnectTransport,
  createGrpcTransport,
  createGrpcWebTransport,
  Http2SessionManager,
} from '@connectrpc/connect-node';
import { json } from '../../bench/payloads.ts';
import { outcome as rpcOutcome } from '../support/connect/clients.ts';
import { requestKinds } from '../support/connect/requests.ts';
import { type HttpVersion, served } from '../support/connect/server.ts';
import { Echo } from '../support/connect/service.ts';
import { compressed } from './counted.ts';
import { digest, finish, scenario } from './scenario.ts';
import * as stock from './stock.ts';

/** Messages shorter than 1,024 bytes are not compressed by default. */
const lengths = [0, 1, 1_000, 1_100, 10_000, 20_000];
const compressedFrom = 1_100;
const messages = lengths.map((length) => json(length, length));

const calls = { gunzip: 0, brotliDecompress: 0 };

const transports = {
  Connect: createConnectTransport,
  gRPC: createGrpcTransport,
  'gRPC-Web': createGrpcWebTransport,
};

interface EchoClient {
  one(value: Uint8Array): Promise<Uint8Array>;
  many(values: Uint8Array[]): Promise<Uint8Array[]>;
}

interface Sides {
  protocol: keyof typeof transports;
  httpVersion: HttpVersion;
  compression: 'gzip' | 'br' | 'default';
  readMaxBytes?: number;
}

/** Runs with a client and a server of connect-node. Each message that is compressed is decompressed once. */
async function connected(
  { protocol, httpVersion, compression, readMaxBytes }: Sides,
  run: (client: EchoClient) => Promise<unknown>,
): Promise<unknown> {
  return served(httpVersion, {}, async (baseUrl) => {
    const sessionManager = new Http2SessionManager(baseUrl);
    // By default a client asks for replies with gzip or Brotli, and does not compress its requests.
    const options = {
      default: {},
      gzip: { sendCompression: compressionGzip },
      br: { sendCompression: compressionBrotli, acceptCompression: [compressionBrotli] },
    }[compression];
    const transport = (transports[protocol] as typeof createConnectTransport)({
      baseUrl,
      readMaxBytes,
      ...options,
      ...(httpVersion === '2' ? { httpVersion, sessionManager } : { httpVersion }),
    });
    const client = createClient(Echo, transport);
    const count = (values: Uint8Array[]) => {
      const long = values.filter(({ length }) => length >= compressedFrom).length;
      const entry = compression === 'br' ? 'brotliDecompress' : 'gunzip';
      calls[entry] += long * (compression === 'default' ? 1 : 2);
    };
    try {
      return await run({
        async one(value) {
          count([value]);
          return (await client.one({ value })).value;
        },
        async many(values) {
          count(values);
          const requests = (async function* () {
            for (const value of values) yield { value };
          })();
          const replies: Uint8Array[] = [];
          for await (const { value } of client.many(requests)) replies.push(value);
          return replies;
        },
      });
    } finally {
      sessionManager.abort();
    }
  });
}

const all: Omit<Sides, 'compression'>[] = [
  { protocol: 'Connect', httpVersion: '1.1' },
  { protocol: 'gRPC', httpVersion: '2' },
  { protocol: 'Connect', httpVersion: '2' },
  { protocol: 'gRPC-Web', httpVersion: '1.1' },
];
const sides = [
  ...all.map((side): Sides => ({ ...side, compression: 'gzip' })),
  ...all.slice(0, 2).map((side): Sides => ({ ...side, compression: 'br' })),
  ...all.slice(0, 2).map((side): Sides => ({ ...side, compression: 'default' })),
];

for (const side of sides) {
  const name = `connect-node: ${side.protocol} over HTTP/${side.httpVersion}, ${side.compression}`;

  await scenario(`${name}, single messages`, () =>
    connected(side, async ({ one }) => {
      const replies: Uint8Array[] = [];
      for (const message of messages) replies.push(await one(message));
      return replies.map(digest);
    }),
  );

  await scenario(`${name}, 25 at a time`, () =>
    connected(side, async ({ one }) => {
      const all = Array.from({ length: 25 }, (_, i) => messages[i % (messages.length - 1)] as Buffer);
      return (await Promise.all(all.map(one))).map(digest);
    }),
  );

  // Both sides can stream at a time over HTTP/2 only.
  if (side.httpVersion === '2') {
    await scenario(`${name}, a stream`, () =>
      connected(side, async ({ many }) => (await many([...messages, ...messages])).map(digest)),
    );
  }

  await scenario(`${name}, a reply over readMaxBytes`, () =>
    connected({ ...side, readMaxBytes: 5_000 }, ({ one }) => rpcOutcome(one(json(10_000, 1)))),
  );
}

// Requests whose messages no client of connect-node sends.
const good = stock.gzip(toBinary(BytesValueSchema, { $typeName: BytesValueSchema.typeName, value: json(5_000, 1) }));
const damaged = (at: number) => Buffer.from(good.map((byte, i) => (i >= at && i < at + 8 ? byte ^ 0xff : byte)));
const bad: Record<string, Buffer> = {
  'cut by a byte': good.subarray(0, -1),
  'cut in the middle': good.subarray(0, good.length >> 1),
  'corrupt at the start': damaged(0),
  'corrupt in the middle': damaged(good.length >> 1),
  'corrupt at the end': damaged(good.length - 8),
  'not compressed': Buffer.from('this is not compressed'),
  'with zeros behind': Buffer.concat([good, Buffer.alloc(9)]),
  'with junk behind': Buffer.concat([good, Buffer.from('junk')]),
};
for (const { name, httpVersion, send } of requestKinds) {
  for (const [what, message] of Object.entries(bad)) {
    await scenario(`connect-node: a request ${what}, ${name}`, () =>
      served(httpVersion, {}, async (origin) => {
        calls.gunzip += 1;
        const { body, ...answer } = await send(origin, 'gzip', message);
        return { ...answer, ...digest(body) };
      }),
    );
  }
}

await finish({ ...calls, ...compressed });

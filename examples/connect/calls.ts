/** A server and a client that speak gRPC over HTTP/2, and a thousand calls with compressed messages. */
import { once } from 'node:events';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { createClient } from '@connectrpc/connect';
import type { Compression } from '@connectrpc/connect/protocol';
import { connectNodeAdapter, createGrpcTransport, Http2SessionManager } from '@connectrpc/connect-node';
import { Log } from './service.ts';

const CALLS = 1_000;
const AT_A_TIME = 50;

/** Stock or pooled, this is all that differs. The first is what the client sends. */
export async function call(compressions: Compression[]): Promise<void> {
  const lines: string[] = [];
  const server = http2.createServer(
    connectNodeAdapter({
      acceptCompression: compressions,
      readMaxBytes: 1_000_000,
      routes: (router) =>
        router.service(Log, {
          append: ({ value }) => ({ value: lines.push(...value.split('\n')) }),
          tail: ({ value }) => ({ value: lines.slice(-value).join('\n') }),
        }),
    }),
  );
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');

  const baseUrl = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const sessionManager = new Http2SessionManager(baseUrl);
  const client = createClient(
    Log,
    createGrpcTransport({
      baseUrl,
      sessionManager,
      sendCompression: compressions[0] as Compression,
      acceptCompression: compressions,
    }),
  );

  const batch = Array.from({ length: 50 }, (_, i) => `${i} GET /items/${i * 7919} 200 in ${i % 13} ms`).join('\n');
  for (let calls = 0; calls < CALLS; calls += AT_A_TIME) {
    await Promise.all(Array.from({ length: AT_A_TIME }, () => client.append({ value: batch })));
  }
  const { value } = await client.tail({ value: 100 });
  console.log(`${lines.length} lines, the last 100 are as sent: ${value === `${batch}\n${batch}`}`);

  // A request that is small on the wire and large behind it, and what becomes of it.
  await client.append({ value: 'a'.repeat(1_000_001) }).catch((error) => console.log(String(error)));

  sessionManager.abort();
  server.close();
}

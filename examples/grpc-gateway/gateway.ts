/**
 * What both of the pair share: a gateway that reads the body of gRPC requests without a gRPC library, as a proxy does that
 * logs or counts messages, and a grpc-js client that sends it 1,000 gzipped messages.
 */
import { once } from 'node:events';
import { createServer, type IncomingHttpHeaders, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Client, credentials } from '@grpc/grpc-js';

/** @param read gives the number of messages in a body, and of bytes in them */
export async function run(
  read: (body: ServerHttp2Stream, encoding: string) => Promise<{ messages: number; bytes: number }>,
): Promise<void> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  server.on('stream', async (stream: ServerHttp2Stream, headers: IncomingHttpHeaders) => {
    const { messages, bytes } = await read(stream, String(headers['grpc-encoding'] ?? 'identity'));
    console.log(`${messages} messages, ${bytes} bytes`);
    // "Trailers-Only": gRPC's status without a message.
    stream.respond({ ':status': 200, 'content-type': 'application/grpc', 'grpc-status': '12' }, { endStream: true });
  });
  const client = new Client(`127.0.0.1:${(server.address() as AddressInfo).port}`, credentials.createInsecure(), {
    'grpc.default_compression_algorithm': 2,
  });
  await new Promise<void>((resolve) => {
    const call = client.makeClientStreamRequest('/any.Service/Method', Buffer.from, String, () => resolve());
    for (let i = 0; i < 1_000; i++) call.write(`message ${i} `.repeat(100));
    call.end();
  });
  client.close();
  server.close();
}

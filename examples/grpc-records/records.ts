/** Code that both of the pair share: a bidirectional call of records, each compressed by itself, and its client. */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { gzipSync } from 'node:zlib';
import { Client, credentials, Server, ServerCredentials, type ServiceDefinition } from '@grpc/grpc-js';

export interface Rec {
  id: number;
  payload: Buffer;
}

// Records as JSON, for an example without a .proto file: real services have one.
const serialize = ({ id, payload }: Rec): Buffer =>
  Buffer.from(JSON.stringify({ id, payload: payload.toString('base64') }));
const deserialize = (bytes: Buffer): Rec => {
  const { id, payload } = JSON.parse(String(bytes)) as { id: number; payload: string };
  return { id, payload: Buffer.from(payload, 'base64') };
};

const exchange = {
  path: '/zlease.example.Records/Exchange',
  requestStream: true,
  responseStream: true,
  requestSerialize: serialize,
  requestDeserialize: deserialize,
  responseSerialize: serialize,
  responseDeserialize: deserialize,
} as const;

/** Serves `handle`, sends it 1,000 gzipped records, and checks that each comes back as plain text, in order. */
export async function run(handle: (call: Duplex) => void): Promise<void> {
  const server = new Server();
  server.addService({ exchange } as ServiceDefinition, { exchange: handle as never });
  const port = await new Promise<number>((resolve, reject) => {
    server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
      error ? reject(error) : resolve(bound),
    );
  });
  const client = new Client(`127.0.0.1:${port}`, credentials.createInsecure());
  const call = client.makeBidiStreamRequest(exchange.path, serialize, deserialize);
  let received = 0;
  call.on('data', ({ id, payload }: Rec) => {
    if (id !== received || String(payload) !== text(id)) throw new Error(`Record ${id} is not as it was sent`);
    received += 1;
  });
  const ended = once(call, 'end');
  for (let id = 0; id < 1_000; id++) call.write({ id, payload: gzipSync(text(id)) });
  call.end();
  await ended;
  client.close();
  server.forceShutdown();
  console.log(`${received} records`);
}

function text(id: number): string {
  return `record ${id} `.repeat(50);
}

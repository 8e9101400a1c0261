/**
 * A grpc-js server, unchanged but for what was preloaded: `server.ts '<channel options>' <library>`. It answers messages by
 * their digests. grpc-js's servers never compress: what they decompress is requests.
 */
import { once } from 'node:events';
import {
  type Metadata,
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type ServerUnaryCall,
  type ServerWritableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import { digest } from './messages.ts';
import { Gate, run } from './program.ts';
import { service } from './service.ts';

const gate = new Gate();

/** Calls with 'together' in their metadata are answered when so many have come in whole, or 'never'. */
async function allHere(metadata: Metadata): Promise<void> {
  const [together] = metadata.get('together');
  if (together === 'never') await new Promise(() => undefined);
  if (together !== undefined) await gate.pass(Number(together));
}

const answer = (bytes: Uint8Array): Buffer => Buffer.from(digest(bytes));

const handlers = {
  async unary(call: ServerUnaryCall<Buffer, Buffer>, reply: sendUnaryData<Buffer>) {
    await allHere(call.metadata);
    reply(null, answer(call.request));
  },
  async clientStream(call: ServerReadableStream<Buffer, Buffer>, reply: sendUnaryData<Buffer>) {
    const digests: string[] = [];
    call.on('data', (message: Buffer) => digests.push(digest(message)));
    call.on('error', () => undefined);
    await once(call, 'end').catch(() => undefined);
    await allHere(call.metadata);
    reply(null, Buffer.from(digests.join('\n')));
  },
  async serverStream(call: ServerWritableStream<Buffer, Buffer>) {
    await allHere(call.metadata);
    call.write(answer(call.request));
    call.end();
  },
  async bidi(call: ServerDuplexStream<Buffer, Buffer>) {
    const together = call.metadata.get('together').length > 0;
    const answers: Buffer[] = [];
    call.on('data', (message: Buffer) => {
      if (together) answers.push(answer(message));
      else call.write(answer(message));
    });
    call.on('error', () => undefined);
    await once(call, 'end').catch(() => undefined);
    await allHere(call.metadata);
    for (const one of answers) call.write(one);
    call.end();
  },
};

const server = new Server(JSON.parse(process.argv[2] as string));
server.addService(service, handlers);
const port = await new Promise<number>((resolve, reject) => {
  server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) => {
    if (error === null) resolve(bound);
    else reject(error);
  });
});

await run({ port: () => port }, () => server.forceShutdown());

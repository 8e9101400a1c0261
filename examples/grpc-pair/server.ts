/**
 * The server, in a process of its own. Its code knows node:zlib only. Preloaded, zlease/register
 * puts a pool behind it. Sends its port to its parent when it is ready. Answers 'start', which begins
 * the measurement, and 'usage'. It ends with its parent.
 */
import './usage.ts';
import type { Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { createGunzip, gzip } from 'node:zlib';
import {
  Server,
  ServerCredentials,
  type ServerDuplexStream,
  type ServerReadableStream,
  type sendUnaryData,
} from '@grpc/grpc-js';
import through2 from 'through2';
import { messageBytes, toStatus } from 'zlease/grpc';
import { inspect } from './inspect.ts';
import { Files, type Piece, type Receipt } from './service.ts';
import { startUsage, usage } from './usage.ts';

async function put(call: ServerReadableStream<Piece, Receipt>, reply: sendUnaryData<Receipt>): Promise<void> {
  try {
    reply(null, await pipeline(call, messageBytes<Piece>('data'), createGunzip(), inspect));
  } catch (error) {
    reply(toStatus(error));
  }
}

/** grpc-js does not compress replies. So the messages have compressed data. */
function echo(call: ServerDuplexStream<Piece, Piece>): void {
  const compress = through2.obj(
    ({ data }: Piece, _encoding: string, done: (error: Error | null, reply: Piece) => void) => {
      gzip(data, (error, compressed) => done(error, { data: compressed }));
    },
  );
  pipeline(call, compress, call as unknown as Writable).catch((error: Error) => call.destroy(error));
}

const server = new Server();
server.addService(Files.service, { put, echo });
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.send?.({ answer: port });
});

process.on('message', (what) => {
  if (what === 'start') startUsage();
  process.send?.({ answer: usage() });
});
process.on('disconnect', () => process.exit());

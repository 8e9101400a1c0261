/**
 * The server: one pipeline a call, from messages to a receipt, with a pooled gunzip in it. Speaks with the
 * process that forked it: sends { port } when it is ready, and the pool's stats in answer to 'stop'.
 */
import { pipeline } from 'node:stream/promises';
import { Server, ServerCredentials, type ServerReadableStream, type sendUnaryData, status } from '@grpc/grpc-js';
import { createGunzip, defaultPool } from 'zlease';
import { type Piece, type Receipt, Upload } from './service.ts';
import { inspect, messageBytes } from './stages.ts';

async function put(call: ServerReadableStream<Piece, Receipt>, reply: sendUnaryData<Receipt>): Promise<void> {
  try {
    reply(null, await pipeline(call, messageBytes(), createGunzip(), inspect));
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    reply({ code: status.INTERNAL, details: `${code}: ${message}` });
  }
}

const server = new Server();
server.addService(Upload.service, { put });
server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, port) => {
  if (error !== null) throw error;
  process.send?.({ port });
});

process.on('message', (message) => {
  if (message !== 'stop') return;
  server.tryShutdown(async () => {
    await defaultPool.close();
    process.send?.({ stats: defaultPool.stats }, () => process.disconnect());
  });
});

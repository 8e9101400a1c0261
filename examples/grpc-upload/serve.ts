/**
 * The server, whatever its gunzip is: one pipeline a call, from messages to a receipt. Speaks with the process that forked
 * it: sends { port } when it is ready, and the pool's stats in answer to 'stop'.
 */
import type { Duplex } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { Server, ServerCredentials, type ServerReadableStream, type sendUnaryData } from '@grpc/grpc-js';
import { defaultPool } from 'zlease';
import { messageBytes, toStatus } from 'zlease/grpc';
import { inspect } from './inspect.ts';
import { type Piece, type Receipt, Upload } from './service.ts';

export function serve(createGunzip: () => Duplex): void {
  async function put(call: ServerReadableStream<Piece, Receipt>, reply: sendUnaryData<Receipt>): Promise<void> {
    try {
      reply(null, await pipeline(call, messageBytes<Piece>('data'), createGunzip(), inspect));
    } catch (error) {
      reply(toStatus(error));
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
}

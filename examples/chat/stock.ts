/** `npx tsx examples/chat/stock.ts`: a stream of node:zlib for each connection, flushed after each message. */
import { constants, createInflate } from 'node:zlib';
import { chat } from './gateway.ts';

await chat(() => {
  const inflate = createInflate();
  const failed = new Promise<never>((_, reject) => inflate.on('error', reject));
  failed.catch(() => {});
  return {
    async decode(message) {
      inflate.write(message);
      await Promise.race([failed, new Promise<void>((resolve) => inflate.flush(constants.Z_SYNC_FLUSH, resolve))]);
      return inflate.read() ?? Buffer.alloc(0);
    },
    close: () => inflate.close(),
  };
});

/** The gateway with node:zlib: frames cut by hand, a new engine for every message. */
import { promisify } from 'node:util';
import { gunzip, inflate } from 'node:zlib';
import { run } from './gateway.ts';

const decompress: Record<string, (message: Buffer) => Promise<Buffer>> = {
  gzip: promisify(gunzip),
  deflate: promisify(inflate),
};

await run(async (body, encoding) => {
  let rest = Buffer.alloc(0);
  let messages = 0;
  let bytes = 0;
  for await (const chunk of body) {
    rest = Buffer.concat([rest, chunk]);
    while (rest.length >= 5 && rest.length >= 5 + rest.readUInt32BE(1)) {
      const payload = rest.subarray(5, 5 + rest.readUInt32BE(1));
      const message = rest.readUInt8(0) === 1 ? await decompress[encoding]?.(payload) : payload;
      messages += 1;
      bytes += message?.length ?? 0;
      rest = rest.subarray(5 + payload.length);
    }
  }
  return { messages, bytes };
});

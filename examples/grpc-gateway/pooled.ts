/** The same on the pool: frameDecoder() knows the frames, the encodings and the limits. */
import { pipeline } from 'node:stream/promises';
import { defaultPool } from 'zlease';
import { frameDecoder } from 'zlease/grpc';
import { run } from './gateway.ts';

await run((body, encoding) =>
  pipeline(body, frameDecoder({ encoding, maxMessageLength: 1_000_000 }), async (decoded: AsyncIterable<Buffer>) => {
    let messages = 0;
    let bytes = 0;
    for await (const message of decoded) {
      messages += 1;
      bytes += message.length;
    }
    return { messages, bytes };
  }),
);
const { created, reused, leased } = defaultPool.stats;
console.log(`${created} engine made, ${reused} times used again, ${leased} still out`);

/** `npx tsx examples/chat/pooled.ts`: a lease for each connection, and a call for each message: no stream, no promise. */
import { ZlibPool } from 'zlease';
import { chat } from './gateway.ts';

const pool = new ZlibPool({ maxOutputLength: 1_000_000 });

await chat(async () => {
  const lease = await pool.lease('deflate');
  return {
    decode: (message) => lease.writeSync(message),
    close: () => lease.release(),
  };
});

await pool.close();
const { created, reused, failed, leased } = pool.stats;
console.log(`${created} engines made, ${reused} used again, ${failed} failed, ${leased} leased`);

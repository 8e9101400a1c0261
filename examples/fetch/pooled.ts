/** `npx tsx examples/fetch/pooled.ts`: with an interceptor that decodes on a pool of one's own. */
import { ZlibPool } from 'zlease';
import { get, MAX_BODY_LENGTH } from './get.ts';
import { decode } from './interceptor.ts';

const pool = new ZlibPool({ maxOutputLength: MAX_BODY_LENGTH });

await get(decode({ pool }));

await pool.close();
const { reused, failed, leased } = pool.stats;
console.log(`used again ${reused} times, ${failed} failed, ${leased} leased`);

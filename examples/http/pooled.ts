/** `npx tsx examples/http/pooled.ts`: requests decoded on a pool of its own, for body-parser and for handlers that read the request. */
import { ZlibPool } from 'zlease';
import { decodeRequests } from 'zlease/http';
import { MAX_LENGTH, serve } from './service.ts';

const pool = new ZlibPool({ maxOutputLength: MAX_LENGTH });

await serve(decodeRequests({ pool }));

await pool.close();
const { created, reused, failed, leased } = pool.stats;
console.log(`${created + reused} leases, ${reused} of them of engines used again, ${failed} failed, ${leased} leased`);

/** `npx tsx examples/connect/pooled.ts`: the same as stock.ts, on pooled engines. */
import { ZlibPool } from 'zlease';
import { createCompressions } from 'zlease/connect';
import { call } from './calls.ts';

const pool = new ZlibPool();

await call(createCompressions({ pool }));

console.table(pool.stats);
await pool.close();

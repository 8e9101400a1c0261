/** The same on the pool: an engine is leased while a record is decompressed, and not between records. */
import { type Duplex, pipeline } from 'node:stream';
import { defaultPool } from 'zlease';
import { decompressMessages } from 'zlease/grpc';
import { type Rec, run } from './records.ts';

await run((call: Duplex) => {
  pipeline(call, decompressMessages<Rec>({ format: 'gzip', field: 'payload' }), call, () => {});
});
const { created, reused, leased } = defaultPool.stats;
console.log(`${created} engine made, ${reused} times used again, ${leased} still out`);

/**
 * `npx tsx examples/batches/pooled.ts`: the same with `pool.decompressSync()`: a new engine for none of the batches but the
 * first, and those behind a bad one.
 */
import { type Format, ZlibPool } from 'zlease';
import type { Codec } from './batch.ts';
import { consume, MAX_BATCH_LENGTH } from './consume.ts';

const pool = new ZlibPool({ maxOutputLength: MAX_BATCH_LENGTH });

const formats: { [codec in Codec]?: Format } = { gzip: 'gzip', zstd: 'zstd' };

await consume((payload, codec) => {
  if (codec === 'none') return payload;
  const format = formats[codec];
  if (format !== undefined) return pool.decompressSync(payload, format);
  throw Object.assign(new Error(`nothing reads ${codec} here`), { code: 'ERR_CODEC' });
});

await pool.close();
const { created, reused, failed, leased } = pool.stats;
console.log(`${created} engines made, ${reused} used again, ${failed} failed, ${leased} leased`);

/** `npx tsx examples/batches/stock.ts`: a consumer of record batches with node:zlib. See pooled.ts. */
import zlib, { type ZlibOptions } from 'node:zlib';
import type { Codec } from './batch.ts';
import { consume, MAX_BATCH_LENGTH } from './consume.ts';

type Decompress = (payload: Buffer, options?: ZlibOptions) => Buffer;

// Node 20 has no zstd, nor have its types.
const { zstdDecompressSync } = zlib as { zstdDecompressSync?: Decompress };

const decompress: { [codec in Codec]?: Decompress | undefined } = {
  none: (payload) => payload,
  gzip: zlib.gunzipSync,
  zstd: zstdDecompressSync,
};

await consume((payload, codec) => {
  const decompressSync = decompress[codec];
  if (decompressSync !== undefined) return decompressSync(payload, { maxOutputLength: MAX_BATCH_LENGTH });
  throw Object.assign(new Error(`nothing reads ${codec} here`), { code: 'ERR_CODEC' });
});

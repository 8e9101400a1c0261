/** `npx tsx examples/fastify/pooled.ts`: request bodies decompressed on a pool of one's own. (`zlib: zlease`, after `import * as zlease`, is the default pool.) */
import type { FastifyCompressOptions } from '@fastify/compress';
import { type DecompressOptions, ZlibPool } from 'zlease';
import { BODY_LIMIT, serve } from './service.ts';

// A stream with a limit stops at it. If fastify's bodyLimit is the only one, the rest of a bomb is decompressed to its end in vain.
const pool = new ZlibPool({ maxOutputLength: BODY_LIMIT });

// The plugin calls these without `this`. What is not here, all that compresses, it takes from node:zlib.
const zlib = {
  createGunzip: (options?: DecompressOptions) => pool.createGunzip(options),
  createInflate: (options?: DecompressOptions) => pool.createInflate(options),
  createBrotliDecompress: (options?: DecompressOptions) => pool.createBrotliDecompress(options),
  createZstdDecompress: (options?: DecompressOptions) => pool.createZstdDecompress(options),
};

const onInvalidRequestPayload: FastifyCompressOptions['onInvalidRequestPayload'] = (_encoding, _request, error) => {
  const { code, message } = error as NodeJS.ErrnoException;
  return Object.assign(new Error(message), { code, statusCode: code === 'ERR_BUFFER_TOO_LARGE' ? 413 : 400 });
};

await serve({ zlib, onInvalidRequestPayload });

await pool.close();
const { created, reused, failed, leased, bytesOut } = pool.stats;
console.log(`${created + reused} streams, ${Math.round(bytesOut / 1e6)} MB, ${failed} failed, ${leased} leased`);

/**
 * The library under test. `spec/broken/promises.mocha.ts` runs the promise specs once more against broken copies of it, to
 * see that they are caught; SPEC_LIB is the folder of such a copy.
 */
import { pathToFileURL } from 'node:url';

const folder = process.env.SPEC_LIB === undefined ? '../../lib' : pathToFileURL(process.env.SPEC_LIB).href;

export const {
  ZlibPool,
  Lease,
  CompressStream,
  DecompressStream,
  createGunzip,
  createInflate,
  createInflateRaw,
  createUnzip,
  createBrotliDecompress,
  createZstdDecompress,
  gunzip,
  defaultPool,
  install,
} = (await import(`${folder}/index.ts`)) as typeof import('../../lib/index.ts');

/** The same as an object, for functions that are looked up by name. */
export const library = (await import(`${folder}/index.ts`)) as typeof import('../../lib/index.ts');

/** Not exported from the package: the engine behind a lease, to look at. */
export const { engineOf } = (await import(`${folder}/pool/lease.ts`)) as typeof import('../../lib/pool/lease.ts');
export const { NativeEngine } = (await import(
  `${folder}/engine/native.ts`
)) as typeof import('../../lib/engine/native.ts');
/** Not exported from the package: the results of the probe, and how a codec is found. */
export const { isNative, results: probed } = (await import(
  `${folder}/engine/probe.ts`
)) as typeof import('../../lib/engine/probe.ts');
export const { codecs, decoder, encoder } = (await import(
  `${folder}/engine/codecs.ts`
)) as typeof import('../../lib/engine/codecs.ts');
/** Not exported from the package: settings by options. */
export const { messageSettings, streamSettings } = (await import(
  `${folder}/streams/settings.ts`
)) as typeof import('../../lib/streams/settings.ts');

export const { collectPool } = (await import(`${folder}/prometheus.ts`)) as typeof import('../../lib/prometheus.ts');

export const { createCompressions } = (await import(`${folder}/connect.ts`)) as typeof import('../../lib/connect.ts');

export const { CompressionStream, DecompressionStream } = (await import(
  `${folder}/web.ts`
)) as typeof import('../../lib/web.ts');
/** Not exported from the package: its time, and its queues. */
export const { clock } = (await import(`${folder}/schedule/clock.ts`)) as typeof import('../../lib/schedule/clock.ts');
/** Not exported from the package: where its steps run. */
export const { place } = (await import(`${folder}/schedule/place.ts`)) as typeof import('../../lib/schedule/place.ts');
/** Not exported from the package: its threadpool, and another copy as it is in a process with so many threads. */
export const { threadpool } = (await import(
  `${folder}/schedule/threadpool.ts`
)) as typeof import('../../lib/schedule/threadpool.ts');
export async function threadpoolWith(threads: string): Promise<typeof threadpool> {
  const { UV_THREADPOOL_SIZE: before } = process.env;
  process.env.UV_THREADPOOL_SIZE = threads;
  try {
    return (await import(`${folder}/schedule/threadpool.ts?threads=${threads}`)).threadpool;
  } finally {
    if (before === undefined) delete process.env.UV_THREADPOOL_SIZE;
    else process.env.UV_THREADPOOL_SIZE = before;
  }
}
/** Not exported from the package: how its errors are made. */
export const { codedError, errorCodes } = (await import(`${folder}/errors.ts`)) as typeof import('../../lib/errors.ts');
export const { decodeBody, decodeRequests, decodeResponse } = (await import(
  `${folder}/http.ts`
)) as typeof import('../../lib/http.ts');
/** Not exported from the package either. */
export const { acceptEncoding, codingsOf } = (await import(
  `${folder}/http/content-encoding.ts`
)) as typeof import('../../lib/http/content-encoding.ts');

export const { compressMessages, decompressMessages, frameDecoder, frameEncoder, messageBytes, toStatus } =
  (await import(`${folder}/grpc.ts`)) as typeof import('../../lib/grpc.ts');
/** Not exported from the package. */
export const { httpError } = (await import(
  `${folder}/http/http-errors.ts`
)) as typeof import('../../lib/http/http-errors.ts');

/** Both twins: each promise is to hold on each. */
export const engines = ['native', 'public'] as const;

/** The leases that streams of `pool` take from now on. */
export function watchLeases(pool: InstanceType<typeof ZlibPool>): InstanceType<typeof Lease>[] {
  const leases: InstanceType<typeof Lease>[] = [];
  const leaseNow = pool.leaseNow.bind(pool);
  pool.leaseNow = (...args) => {
    const lease = leaseNow(...args);
    leases.push(lease);
    return lease;
  };
  return leases;
}

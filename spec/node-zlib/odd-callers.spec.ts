/** Callers that do what no caller should: they get node:zlib's answer or a clear error, and nobody else notices. */
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import * as zlib from 'node:zlib';
import { expect } from 'chai';
import { engines, ZlibPool } from '../support/library.ts';
import { bytesOf } from '../support/outcome.ts';

const PLAIN = Buffer.from('hello '.repeat(40));
const GZIP = zlib.gzipSync(PLAIN);

describe('An odd caller', () => {
  for (const engine of engines)
    for (const [name, valid, invalid] of [
      ['flush', 0, 99],
      ['finishFlush', 4, 99],
      ['windowBits', 15, 99],
      ['chunkSize', 64, 1],
    ] as const)
      it(`whose getter of ${name} changes its value is served by the first (${engine})`, async () => {
        const pool = new ZlibPool({ engine });
        let reads = 0;
        const options = Object.defineProperty({}, name, { get: () => (reads++ === 0 ? valid : invalid) });
        expect((await bytesOf(pool.createGunzip(options), GZIP)).equals(PLAIN)).to.equal(true);
        reads = 0;
        expect(zlib.gunzipSync(await bytesOf(pool.createGzip(options), PLAIN)).equals(PLAIN)).to.equal(true);
        reads = 0;
        expect(pool.gunzipSync(GZIP, options).equals(PLAIN)).to.equal(true);
      });

  for (const engine of engines)
    it(`who asks deflate-raw for a window of 8 bits gets one of 9 (${engine})`, async () => {
      const [options, frozen] = [{ windowBits: 8 }, Object.freeze({ windowBits: 8, level: 9 })];
      const pool = new ZlibPool({ engine });
      for (const given of [options, frozen])
        expect(await bytesOf(pool.createDeflateRaw(given), PLAIN)).to.deep.equal(
          zlib.deflateRawSync(PLAIN, { ...given, windowBits: 9 }),
        );
      expect(options).to.deep.equal({ windowBits: 8 });
    });

  for (const [name, act] of Object.entries<(stream: zlib.Gzip) => void>({
    'close(null)': (stream) => stream.close(null as never),
    'close(0)': (stream) => stream.close(0 as never),
    'flush(2, null)': (stream) => stream.flush(2, null as never),
    'flush(undefined, null)': (stream) => stream.flush(undefined as never, null as never),
    'flush(2, {})': (stream) => stream.flush(2, {} as never),
    'flush(2, null) after end()': (stream) => stream.end().flush(2, null as never),
  }))
    it(`has the answer of node:zlib to ${name}`, async () => {
      const played = async (stream: zlib.Gzip): Promise<unknown> => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk: Buffer) => chunks.push(chunk)).on('error', () => {});
        const closed = once(stream, 'close');
        stream.write(PLAIN);
        act(stream);
        if (!stream.destroyed && !stream.writableEnded) stream.end();
        await closed;
        return stream.writableFinished && Buffer.concat(chunks).toString('hex');
      };
      expect(await played(new ZlibPool().createGzip() as never)).to.deep.equal(await played(zlib.createGzip()));
    });

  it('that destroys a pool with null gets ERR_POOL_CLOSED everywhere', async () => {
    const pool = new ZlibPool({ maxLeased: 1 });
    const long = zlib.gzipSync(Buffer.alloc(2_000_000, 'a'));
    // The first is in the threadpool, the second in the queue, the third after the end.
    const messages = [pool.decompress(long, 'gzip'), pool.decompress(GZIP, 'gzip')];
    await nextTurn();
    pool.destroy(null);
    messages.push(pool.decompress(GZIP, 'gzip'));
    for (const { status, ...rest } of await Promise.allSettled(messages)) {
      expect(status).to.equal('rejected');
      expect(rest).to.have.nested.property('reason.code', 'ERR_POOL_CLOSED');
    }
  });

  for (const signal of [{}, 1, null, 'now'] as never[])
    it(`that gives ${JSON.stringify(signal)} for a signal has no place in the queue`, async () => {
      const pool = new ZlibPool({ maxLeased: 1 });
      const lease = await pool.lease('gzip');
      const calls = [
        () => pool.lease('gzip', { signal }),
        () => pool.decompress(GZIP, 'gzip', { signal }),
        () => pool.compress(PLAIN, 'gzip', { signal }),
      ];
      for (const call of calls) {
        expect(await call().catch((error: unknown) => error)).to.include({ code: 'ERR_INVALID_ARG_TYPE' });
      }
      expect(pool.stats.waiting).to.equal(0);
      lease.release();
      expect(pool.stats).to.include({ leased: 0, idle: 1 });
    });

  it('whose Error.prepareStackTrace throws can close and destroy pools, and has its leases counted', async () => {
    const { prepareStackTrace } = Error;
    const pools = [new ZlibPool(), new ZlibPool({ leakDetection: 'all' })];
    Error.prepareStackTrace = () => {
      throw new Error('of the program');
    };
    try {
      for (const pool of pools) {
        expect(pool.gunzipSync(GZIP).equals(PLAIN)).to.equal(true);
        await pool.close();
        pool.destroy();
      }
    } finally {
      Error.prepareStackTrace = prepareStackTrace;
    }
    for (const pool of pools) expect(pool.stats).to.include({ leased: 0, idle: 0, evicted: 1 });
  });

  it('that changes shared memory while it is compressed gets a valid member of gzip', async () => {
    const pool = new ZlibPool();
    for (let i = 0; i < 8; i++) {
      const shared = new Uint8Array(new SharedArrayBuffer(400_000)).fill(65);
      const stream = pool.createGzip();
      const output = bytesOf(stream, Buffer.from(shared.buffer));
      for (let turns = 0; turns < 4; turns++) await nextTurn();
      shared.fill(66);
      expect(zlib.gunzipSync(await output)).to.have.lengthOf(shared.length);
    }
  });
});

/** P9 bounded, for encoders: back-pressure, `maxOutputLength`, `maxLeased` and the wait for an engine. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { constants, gunzipSync, gzip } from 'node:zlib';
import { expect } from 'chai';
import { encoder } from '../../lib/engine/codecs.ts';
import { engineKind } from '../../lib/engine/kind.ts';
import type { CompressFormat, ZlibPool as Pool } from '../../lib/index.ts';
import { withClock } from '../support/clock.ts';
import { engines, library, watchLeases, ZlibPool } from '../support/library.ts';
import { bytesOf, closed } from '../support/outcome.ts';
import { formats, json } from '../support/samples.ts';
import { stockCompress, stockCompressStream } from '../support/stock.ts';

const compressFormats = formats.filter((format) => format !== 'unzip') as CompressFormat[];
const { idleLength } = engineKind(encoder('gzip'));
const places = { 'main thread': {}, threadpool: { inputLength: 0 } };

async function codeOf(act: () => unknown): Promise<string | undefined> {
  try {
    await act();
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

/** Until nothing more is made: for longer than a write in the threadpool takes. */
async function standstill(stream: Duplex): Promise<number> {
  const long = Buffer.alloc(3_000_000);
  // The first output takes as long as the encoder has to wait for a core.
  for (let before = 0; before === 0 || before !== stream.readableLength; ) {
    before = stream.readableLength;
    await Promise.all(Array.from({ length: 8 }, () => promisify(gzip)(long)));
    await nextTurn();
  }
  return stream.readableLength;
}

type Way = (pool: Pool, format: CompressFormat, message: Buffer, maxOutputLength: number) => unknown;

const ways: Record<string, Way> = {
  stream: (pool, format, message, maxOutputLength) =>
    bytesOf(pool.createCompress(format, { maxOutputLength }), message),
  'one-shot function': (pool, format, message, maxOutputLength) =>
    promisify(pool[encoder(format).names.once as 'gzip'].bind(pool))(message, { maxOutputLength }),
  'compress()': (pool, format, message, maxOutputLength) => pool.compress(message, format, { maxOutputLength }),
  'compressSync()': (pool, format, message, maxOutputLength) => pool.compressSync(message, format, { maxOutputLength }),
  async 'writeSync()'(pool, format, message, maxOutputLength) {
    using lease = await pool.lease(format, { compress: true, maxOutputLength });
    return lease.writeSync(message, encoder(format).finishFlush);
  },
};

describe('P9 bounded: an encoder', () => {
  for (const engine of engines) {
    for (const [where, inline] of Object.entries(places)) {
      // The public engine has no main thread.
      if (engine === 'public' && where === 'main thread') continue;
      const on = `(${engine}, ${where})`;

      for (const [name, way] of Object.entries(ways)) {
        it(`makes maxOutputLength bytes and not one more, by ${name} ${on}`, async () => {
          const pool = new ZlibPool({ engine, inline });
          for (const format of compressFormats) {
            for (const message of [json(900, 1), randomBytes(70_000)]) {
              const exact = await way(pool, format, message, 100_000);
              const { length } = exact as Buffer;
              expect(await way(pool, format, message, length)).to.have.lengthOf(length);
              const code = await codeOf(() => way(pool, format, message, length - 1));
              expect(code, format).to.equal('ERR_BUFFER_TOO_LARGE');
            }
          }
          await nextTurn();
          expect(pool.stats.leased).to.equal(0);
        });
      }

      it(`has at most maxLeased engines at once, and serves all streams and messages ${on}`, async () => {
        const pool = new ZlibPool({ engine, inline, maxLeased: 3 });
        let most = 0;
        const leases = watchLeases(pool);
        await Promise.all(
          Array.from({ length: 60 }, async (_, i) => {
            const message = json(2_000 + 100 * i, i);
            const bytes =
              i % 2 === 0 ? await bytesOf(pool.createGzip(), message) : await pool.compress(message, 'gzip');
            expect(bytes.equals(stockCompress('gzip', message))).to.equal(true);
            most = Math.max(most, pool.stats.leased);
          }),
        );
        await nextTurn();
        expect(leases).to.have.length(60);
        expect(most).to.be.within(1, 3);
        expect(pool.stats).to.include({ leased: 0, waiting: 0, discarded: 0 });
        if (engine === 'native') expect(pool.stats.created).to.be.at.most(3);
      });
    }

    const quick = { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } };
    for (const [what, format, length, options, least, most] of [
      ['gzip of 20 KB', 'gzip', 20_000, {}, 4, 8],
      ['Brotli of 4 KB', 'br', 4_000, quick, 9, 64],
      // One more: while a message is between two writes, the next is admitted.
      ['Brotli of 100 KB', 'br', 100_000, quick, 4, 9],
    ] as const) {
      it(`leases no more than ${most} engines for 200 messages at once: ${what} (${engine})`, async () => {
        const pool = new ZlibPool({ engine, inline: { inputLength: 0 } });
        const message = json(length, 1);
        let ended = false;
        const all = Promise.all(Array.from({ length: 200 }, () => pool.compress(message, format, options))).finally(
          () => {
            ended = true;
          },
        );
        let highest = 0;
        for (; !ended; await nextTurn()) highest = Math.max(highest, pool.stats.leased);
        expect(highest).to.be.within(least, most);
        const expected = stockCompress(format, message, options);
        for (const output of await all) expect(output.equals(expected)).to.equal(true);
      });
    }

    it(`ignores the limits of its pool, which are for decompression (${engine})`, async () => {
      const pool = new ZlibPool({ engine, maxOutputLength: 10, maxRatio: 1, ratioFloorLength: 0 });
      const message = json(3_000, 1);
      for (const [name, way] of Object.entries(ways)) {
        const bytes = (await way(pool, 'gzip', message, 1_000_000)) as Buffer;
        expect(gunzipSync(bytes).equals(message), name).to.equal(true);
      }
      expect((await pool.compress(message, 'gzip')).length).to.be.above(10);
    });

    for (const [reader, stop] of Object.entries({
      'that is paused': (stream: Duplex) => void stream.on('data', () => {}).pause(),
      'that is not there': () => undefined,
    })) {
      it(`lets no more than a few times what waits in node:zlib wait for a reader ${reader} (${engine})`, async () => {
        const data = randomBytes(1_000_000);
        const [stock, ours] = [stockCompressStream('gzip'), new ZlibPool({ engine }).createGzip()];
        const lengths: number[] = [];
        for (const stream of [stock, ours]) {
          stop(stream);
          stream.end(data);
          lengths.push(await standstill(stream));
          stream.destroy();
        }
        expect(lengths[1]).to.be.within(1, 4 * (lengths[0] as number));
      });
    }

    it(`refuses input that node:zlib would cut off, in its own stream or promise (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const long = Buffer.allocUnsafeSlow(2 ** 32);
      expect(await codeOf(() => pool.compress(long, 'gzip'))).to.equal('ERR_BUFFER_TOO_LARGE');
      expect(await codeOf(() => pool.compressSync(long, 'gzip'))).to.equal('ERR_BUFFER_TOO_LARGE');
      const stream = pool.createGzip();
      const failed = once(stream, 'error');
      stream.write(long);
      expect((await failed)[0]).to.include({ code: 'ERR_BUFFER_TOO_LARGE' });
      await closed(stream);
      expect(pool.stats.leased).to.equal(0);
    });

    it(`waits in one queue with the decoders, and leaves it by a signal, by destroy() and by close() (${engine})`, async () => {
      const pool = new ZlibPool({ engine, maxLeased: 1 });
      const held = await pool.lease('gzip', { compress: true });
      const gone = new AbortController();
      const aborted = codeOf(() => pool.compress(json(100, 1), 'gzip', { signal: gone.signal }));
      const stream = pool.createGzip();
      stream.write('x', () => {});
      const decoded = pool.decompress(stockCompress('gzip', json(100, 2)), 'gzip');
      await nextTurn();
      expect(pool.stats.waiting).to.equal(3);
      gone.abort();
      stream.destroy();
      expect(pool.stats.waiting).to.equal(1);
      expect(await aborted).to.equal('ABORT_ERR');
      held.release();
      expect((await decoded).equals(json(100, 2))).to.equal(true);
      const again = await pool.lease('gzip', { compress: true });
      const refused = codeOf(() => pool.compress(json(100, 1), 'gzip'));
      const closing = pool.close();
      expect(await refused).to.equal('ERR_POOL_CLOSED');
      again.release();
      await closing;
      expect(pool.stats).to.include({ leased: 0, waiting: 0, idle: 0 });
    });
  }

  it('keeps idle engines within maxIdleLength, of all kinds together', async () => {
    expect(idleLength).to.be.within(200_000, 300_000);
    for (const fit of [0, 1, 3]) {
      const pool = new ZlibPool({ engine: 'native', maxIdleLength: fit * idleLength + 100 });
      const leases = Array.from({ length: 6 }, () => pool.tryLease('gzip', { compress: true }));
      for (const lease of leases) lease?.release();
      expect(pool.stats).to.include({ idle: fit, evicted: 6 - fit, discarded: 0 });
      // A smaller engine does not fit into what is left.
      pool.tryLease('deflate-raw')?.release();
      expect(pool.stats.idle).to.equal(fit);
      // An engine that is leased again makes room.
      const [one, two] = [pool.tryLease('gzip', { compress: true }), pool.tryLease('deflate', { compress: true })];
      two?.release();
      one?.release();
      expect(pool.stats.idle).to.equal(fit);
      await pool.close();
      expect(pool.stats.idle).to.equal(0);
    }
    const wide = new ZlibPool({ maxIdleLength: Number.POSITIVE_INFINITY });
    const leases = Array.from({ length: 200 }, () => wide.tryLease('gzip', { compress: true }));
    for (const lease of leases) lease?.release();
    expect(wide.stats.idle).to.equal(200);
    await wide.close();
    expect(library.defaultPool.settings.maxIdleLength).to.equal(33_554_432);
  });

  it('keeps many idle encoders with parameters, whose memory is freed, beside others', () => {
    for (const format of compressFormats.filter((each) => each === 'br' || each === 'zstd')) {
      const { probeParams: params } = encoder(format);
      const pool = new ZlibPool({ engine: 'native' });
      const leases = Array.from({ length: 100 }, () => pool.tryLease(format, { compress: true, params } as object));
      for (const lease of leases) lease?.release();
      pool.tryLease('gzip', { compress: true })?.release();
      expect(pool.stats, format).to.include({ idle: 101, evicted: 0 });
    }
  });

  it('frees its share of maxIdleLength when it is evicted for age, and when a lease takes it', () => {
    withClock((clock) => {
      const pool = new ZlibPool({ maxIdleLength: 300_000, idleTimeoutMs: 1_000 });
      for (let i = 0; i < 3; i++) {
        pool.tryLease('gzip', { compress: true })?.release();
        expect(pool.stats).to.include({ idle: 1, created: i + 1 });
        clock.pass(3_000);
        expect(pool.stats).to.include({ idle: 0, evicted: i + 1 });
      }
      for (let i = 0; i < 3; i++) pool.tryLease('gzip', { compress: true })?.release();
      expect(pool.stats).to.include({ idle: 1, created: 4, reused: 2 });
    });
  });
});

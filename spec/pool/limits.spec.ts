/** What may come out of one stream or message: by length and by ratio. Of every format, on both engines, to the byte. */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import zlib, { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { Format, Limits, ZlibPool as Pool } from '../../lib/index.ts';
import { engines, ZlibPool } from '../support/library.ts';
import { closed } from '../support/outcome.ts';
import { compress, formats, json, pieces } from '../support/samples.ts';

interface Result {
  length: number;
  code?: string | undefined;
}

type Way = (pool: Pool, format: Format, data: Buffer, limits: Limits) => Promise<Result>;

function codeOf(error: unknown): Result {
  return { length: 0, code: (error as NodeJS.ErrnoException).code };
}

/** All roads to bytes. */
const ways: Record<string, Way> = {
  async stream(pool, format, data, limits) {
    const stream = pool.createDecompress(format, limits);
    const result: Result = { length: 0 };
    stream.on('data', (chunk) => {
      result.length += chunk.length;
    });
    stream.on('error', ({ code }: NodeJS.ErrnoException) => {
      result.code = code;
    });
    stream.end(data);
    await closed(stream);
    return result;
  },
  async 'stream, in pieces'(pool, format, data, limits) {
    const stream = pool.createDecompress(format, limits);
    const result: Result = { length: 0 };
    stream.on('data', (chunk) => {
      result.length += chunk.length;
    });
    stream.on('error', ({ code }: NodeJS.ErrnoException) => {
      result.code = code;
    });
    for (const piece of pieces(data, 1_009)) stream.write(piece, () => {});
    stream.end();
    await closed(stream);
    return result;
  },
  message: (pool, format, data, limits) =>
    pool.decompress(data, format, limits).then(({ length }) => ({ length }), codeOf),
  async 'message at once'(pool, format, data, limits) {
    try {
      return { length: pool.decompressSync(data, format, limits).length };
    } catch (error) {
      return codeOf(error);
    }
  },
};

const places = { 'main thread': {}, threadpool: { inputLength: 0 } };

describe('Limits', () => {
  for (const engine of engines) {
    for (const [where, inline] of Object.entries(places)) {
      for (const [name, way] of Object.entries(ways)) {
        const on = `(${engine}, ${where}, ${name})`;

        it(`allow maxOutputLength and not a byte more ${on}`, async () => {
          const pool = new ZlibPool({ engine, inline });
          for (const format of formats) {
            for (const length of [1, 5_000, 65_536, 200_000]) {
              const data = compress(format, json(length, length).subarray(0, length));
              expect(await way(pool, format, data, { maxOutputLength: length })).to.deep.equal({ length });
              if (length === 1) continue;
              const over = await way(pool, format, data, { maxOutputLength: length - 1 });
              expect(over.code).to.equal('ERR_BUFFER_TOO_LARGE');
              expect(over.length).to.be.below(length);
            }
          }
          await nextTurn();
          expect(pool.stats.leased).to.equal(0);
        });

        it(`stop what expands by more than maxRatio, once it is longer than ratioFloorLength ${on}`, async () => {
          const pool = new ZlibPool({ engine, inline, maxRatio: 50, ratioFloorLength: 100_000 });
          for (const format of formats) {
            const bomb = compress(format, Buffer.alloc(1_000_000));
            const stopped = await way(pool, format, bomb, {});
            expect(stopped.code, format).to.equal('ERR_RATIO_TOO_HIGH');
            // It stops at the first step that is over: a slab, at most.
            expect(stopped.length).to.be.below(100_000 + 262_144);
            // Short, or not so compressible, or allowed.
            const short = compress(format, Buffer.alloc(100_000));
            expect(await way(pool, format, short, {})).to.deep.equal({ length: 100_000 });
            const plain = json(300_000, 7);
            const good = await way(pool, format, compress(format, plain), {});
            expect(good).to.deep.equal({ length: plain.length });
            expect(await way(pool, format, bomb, { maxRatio: 1e9 })).to.deep.equal({ length: 1_000_000 });
            expect(await way(pool, format, bomb, { ratioFloorLength: 1_000_000 })).to.deep.equal({ length: 1_000_000 });
          }
          await nextTurn();
          expect(pool.stats.leased).to.equal(0);
        });

        it(`make no other error of bad data ${on}`, async () => {
          const pool = new ZlibPool({ engine, inline });
          const good = gzipSync(json(5_000, 3));
          const corrupt = Buffer.from(good);
          corrupt[good.length >> 1] = (good[good.length >> 1] as number) ^ 0xff;
          const limits = { maxRatio: 1_000, maxOutputLength: 1e6 };
          const bad = {
            corrupt,
            truncated: good.subarray(0, -9),
            none: Buffer.alloc(0),
            'with garbage behind it': Buffer.concat([good, Buffer.from('garbage')]),
            'with half a header behind it': Buffer.concat([good, Buffer.from([0x1f])]),
            'with zeros behind it': Buffer.concat([good, Buffer.alloc(40), good]),
          };
          for (const [what, data] of Object.entries(bad)) {
            for (const format of ['gzip', 'unzip'] as const) {
              const { code } = await way(pool, format, data, {});
              expect((await way(pool, format, data, limits)).code, `${what}, ${format}`).to.equal(code);
            }
          }
        });
      }
    }
  }

  it('of a stream begin again with reset()', async () => {
    const pool = new ZlibPool({ maxOutputLength: 10 });
    const stream = pool.createGunzip();
    const chunks: string[] = [];
    stream.on('data', (chunk) => chunks.push(String(chunk)));
    for (const text of ['ten bytes.', 'ten more..']) {
      await new Promise((resolve) => stream.write(gzipSync(text), resolve));
      stream.reset();
    }
    stream.destroy();
    expect(chunks).to.deep.equal(['ten bytes.', 'ten more..']);
  });

  it('are those of the stream, where it has its own, and of the pool for the rest', async () => {
    const pool = new ZlibPool({ maxOutputLength: 1_000, maxRatio: 2, ratioFloorLength: 100 });
    const two = Buffer.concat([gzipSync('a'.repeat(900)), gzipSync('b'.repeat(900))]);
    const { stream } = ways as Record<'stream', Way>;
    expect(await stream(pool, 'gzip', two, { maxOutputLength: 1_800 })).to.include({ code: 'ERR_RATIO_TOO_HIGH' });
    expect(await stream(pool, 'gzip', two, { maxRatio: 100 })).to.include({ code: 'ERR_BUFFER_TOO_LARGE' });
    const own = { maxRatio: 100, maxOutputLength: 1_800 };
    expect(await stream(pool, 'gzip', two, own)).to.deep.equal({ length: 1_800 });
  });

  it('that make no sense are refused by streams and messages', async () => {
    const pool = new ZlibPool();
    const nonsense = [{ maxRatio: 0 }, { maxRatio: Number.NaN }, { ratioFloorLength: -1 }];
    for (const limits of nonsense) {
      expect(() => pool.createGunzip(limits))
        .to.throw(RangeError)
        .with.property('code', 'ERR_OUT_OF_RANGE');
      expect(() => pool.decompressSync(Buffer.alloc(0), 'gzip', limits)).to.throw(RangeError);
      expect(await pool.decompress(Buffer.alloc(0), 'gzip', limits).catch(codeOf)).to.include({
        code: 'ERR_OUT_OF_RANGE',
      });
    }
    expect(() => pool.createGunzip({ maxRatio: '1' as never }))
      .to.throw(TypeError)
      .with.property('code', 'ERR_INVALID_ARG_TYPE');
  });
});

describe('Limits of a stream that is flushed', () => {
  const { Z_SYNC_FLUSH, Z_FULL_FLUSH } = zlib.constants;

  /** One side of a connection that keeps its window from one message to the next, as ws with context takeover. */
  function sender(): (message: Buffer) => Promise<Buffer> {
    const deflate = zlib.createDeflateRaw();
    return async (message) => {
      const chunks: Buffer[] = [];
      const keep = (chunk: Buffer) => chunks.push(chunk);
      deflate.on('data', keep).write(message);
      await new Promise<void>((resolve) => deflate.flush(Z_SYNC_FLUSH, resolve));
      deflate.off('data', keep);
      return Buffer.concat(chunks);
    };
  }

  /** The other side. Resolves with the code of the error that the stream ends with, or the length of the message. */
  function receiver(stream: Duplex & { flush(callback: () => void): void }): (data: Buffer) => Promise<unknown> {
    let length = 0;
    stream.on('data', (chunk: Buffer) => {
      length += chunk.length;
    });
    return (data) =>
      new Promise((resolve) => {
        length = 0;
        const onError = ({ code }: NodeJS.ErrnoException) => resolve(code);
        stream.once('error', onError);
        for (const piece of pieces(data, Math.max(1, data.length >> 1))) stream.write(piece, () => {});
        stream.flush(() => {
          stream.off('error', onError);
          resolve(length);
        });
      });
  }

  for (const engine of engines) {
    for (const [where, inline] of Object.entries(places)) {
      it(`count from one flush() to the next (${engine}, ${where})`, async () => {
        const pool = new ZlibPool({ engine, inline, maxOutputLength: 5_000, maxRatio: 20, ratioFloorLength: 1_000 });
        const send = sender();
        const receive = receiver(pool.createInflateRaw());
        for (let i = 0; i < 40; i++) {
          const message = Buffer.concat([json(4_000, i), Buffer.alloc(1_000)]).subarray(-5_000);
          expect(await receive(await send(message)), `message ${i}`).to.equal(5_000);
        }
        // Not a byte more in one message, however many there were before.
        expect(await receive(await send(json(6_000, 1).subarray(0, 5_001)))).to.equal('ERR_BUFFER_TOO_LARGE');
      });

      it(`hold for what comes between two flushes, by its ratio (${engine}, ${where})`, async () => {
        const pool = new ZlibPool({ engine, inline, maxRatio: 20, ratioFloorLength: 1_000 });
        const send = sender();
        const receive = receiver(pool.createInflateRaw());
        expect(await receive(await send(json(30_000, 1)))).to.be.a('number');
        expect(await receive(await send(Buffer.alloc(100_000)))).to.equal('ERR_RATIO_TOO_HIGH');
      });

      it(`are not lifted by an option that flushes each write (${engine}, ${where})`, async () => {
        const pool = new ZlibPool({ engine, inline, maxOutputLength: 5_000 });
        const stream = pool.createInflateRaw({ flush: Z_SYNC_FLUSH, finishFlush: Z_FULL_FLUSH });
        const send = sender();
        const failed = once(stream.resume(), 'error');
        for (let i = 0; i < 3; i++) stream.write(await send(json(3_000, i)), () => {});
        expect((await failed)[0]).to.include({ code: 'ERR_BUFFER_TOO_LARGE' });
      });
    }
  }
});

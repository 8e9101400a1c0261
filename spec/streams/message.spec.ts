/** Whole messages: decompress() and decompressSync(), beside node:zlib's one-shot functions. */
import { AsyncLocalStorage } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import zlib from 'node:zlib';
import { expect } from 'chai';
import type { Format, ZlibPool as Pool } from '../../lib/index.ts';
import { engines, ZlibPool } from '../support/library.ts';
import { compress, formats, json, sample } from '../support/samples.ts';
import { dice, seed } from '../support/seed.ts';

type OneShot = (data: Uint8Array, options?: { maxOutputLength?: number }) => Buffer;

const oneShots: Record<Format, string> = {
  gzip: 'gunzipSync',
  deflate: 'inflateSync',
  'deflate-raw': 'inflateRawSync',
  unzip: 'unzipSync',
  br: 'brotliDecompressSync',
  zstd: 'zstdDecompressSync',
};

function stock(format: Format): OneShot {
  return (zlib as never as Record<string, OneShot>)[oneShots[format]] as OneShot;
}

interface Answer {
  bytes?: Buffer;
  code?: unknown;
  errno?: unknown;
  name?: string;
}

function answerOf(act: () => Buffer): Answer {
  try {
    return { bytes: act() };
  } catch (error) {
    return failureOf(error);
  }
}

function failureOf(error: unknown): Answer {
  const { code, errno, name } = error as NodeJS.ErrnoException;
  return { code, errno, name };
}

/** Both ways. */
async function answers(
  pool: Pool,
  message: Buffer,
  format: Format,
  options?: { maxOutputLength: number },
): Promise<Answer[]> {
  return [
    answerOf(() => pool.decompressSync(message, format, options)),
    await pool.decompress(message, format, options).then((bytes) => ({ bytes }), failureOf),
  ];
}

function settled(pool: Pool): void {
  const { leased, created, idle, discarded, evicted, leaked } = pool.stats;
  expect({ leased, leaked, created }).to.deep.equal({ leased: 0, leaked: 0, created: idle + discarded + evicted });
}

/** Lengths around those at which scratch memory or a slab is full. */
const lengths = [0, 1, 1_000, 65_535, 65_536, 65_537, 200_000, 600_000];

describe('A message', () => {
  for (const engine of engines) {
    for (const format of formats) {
      it(`comes out whole, whatever its length (${format}, ${engine})`, async () => {
        const messages = lengths.flatMap((length) =>
          [json(length, 1), Buffer.alloc(length)].map((plain) => ({ length, plain, message: compress(format, plain) })),
        );
        for (const inline of [undefined, { inputLength: 0 }, { turnLength: 1e9, inputLength: 1e9 }]) {
          const pool = new ZlibPool({ engine, inline });
          for (const { length, plain, message } of messages) {
            for (const { bytes, code } of await answers(pool, message, format)) {
              expect(bytes?.equals(plain), `${length} ${String(code)}`).to.equal(true);
            }
          }
          expect(pool.stats.discarded).to.equal(0);
          settled(pool);
        }
      });

      it(`has the limit that it is given, to the byte (${format}, ${engine})`, async () => {
        const pool = new ZlibPool({ engine });
        for (const length of lengths.slice(1)) {
          const message = compress(format, json(length, 2));
          for (const answer of await answers(pool, message, format, { maxOutputLength: length })) {
            expect(answer.bytes?.length).to.equal(length);
          }
          if (length === 1) continue;
          for (const answer of await answers(pool, message, format, { maxOutputLength: length - 1 })) {
            expect(answer).to.include({ code: 'ERR_BUFFER_TOO_LARGE', name: 'RangeError' });
          }
        }
        settled(pool);
      });

      it(`fails as node:zlib's one-shot function fails (${format}, ${engine}, seed ${seed})`, async () => {
        const { below, one } = dice();
        const pool = new ZlibPool({ engine });
        for (let i = 0; i < 40; i++) {
          const { data } = sample(one([50, 3_000, 90_000]), i, format);
          const at = below(data.length);
          const flipped = Buffer.from(data);
          flipped[at] = (flipped[at] as number) ^ (1 << below(8));
          const message = one<Buffer>([
            data.subarray(0, at),
            flipped,
            Buffer.concat([data, Buffer.alloc(1 + below(40))]),
            Buffer.concat([data, Buffer.from('garbage')]),
            Buffer.concat([data, compress(format, 'second')]),
          ]);
          const theirs = answerOf(() => stock(format)(message));
          for (const ours of await answers(pool, message, format)) {
            if (format === 'zstd' && theirs.code !== undefined) expect(ours.code).to.be.a('string');
            else expect(ours).to.deep.equal(theirs);
          }
        }
        settled(pool);
      });
    }

    it(`can be given up at any moment, at once (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      // Without a trailer that tells its length: in many steps.
      const { data } = sample(3_000_000, 1, 'deflate');
      for (let turns = 0; turns < 4; turns++) {
        const abort = new AbortController();
        const message = pool.decompress(data, 'deflate', { signal: abort.signal });
        for (let i = 0; i < turns; i++) await nextTurn();
        abort.abort(new Error('why'));
        const error = await message.catch((reason: Error) => reason);
        expect(error).to.include({ name: 'AbortError', code: 'ABORT_ERR' });
        expect((error as Error).cause).to.have.property('message', 'why');
      }
      const aborted = await pool.decompress(data, 'deflate', { signal: AbortSignal.abort() }).catch(failureOf);
      expect(aborted).to.include({ name: 'AbortError', code: 'ABORT_ERR' });
      while (pool.stats.leased > 0) await nextTurn();
      expect(pool.stats.discarded).to.equal(4);
      // A signal is left alone once its message is out.
      const late = new AbortController();
      expect((await pool.decompress(data, 'deflate', { signal: late.signal })).length).to.be.above(2_900_000);
      late.abort();
      settled(pool);
    });

    it(`gets the error of a pool that is destroyed (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const { data } = sample(3_000_000);
      const message = pool.decompress(data, 'gzip').catch((error: Error) => error.message);
      pool.destroy(new Error('the end of the pool'));
      expect(await message).to.equal('the end of the pool');
      expect(await pool.decompress(data, 'gzip').catch((error: Error) => error.message)).to.equal(
        'the end of the pool',
      );
      expect(() => pool.decompressSync(data, 'gzip')).to.throw('the end of the pool');
      await pool.close();
      settled(pool);
    });

    it(`is the caller's alone: its bytes are never written again (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const messages = Array.from({ length: 80 }, (_, i) => sample([100, 5_000, 80_000, 300_000][i % 4] as number, i));
      const first = await Promise.all(messages.map(({ data }) => pool.decompress(data, 'gzip')));
      for (const bytes of first.slice(0, 40)) bytes.fill(0xff);
      const second = await Promise.all(messages.map(({ data }) => pool.decompress(data, 'gzip')));
      messages.forEach(({ plain }, i) => {
        if (i >= 40) expect(first[i]?.equals(plain)).to.equal(true);
        expect(second[i]?.equals(plain)).to.equal(true);
      });
      settled(pool);
    });
  }

  it('has no memory of its own beyond its length, where a gzip trailer lies about it', async () => {
    const pool = new ZlibPool();
    const plain = json(100_000, 3);
    for (const claim of [0, 1, 65_537, 99_999, 100_001, 1_000_000, 0xffffffff]) {
      const message = compress('gzip', plain);
      message.writeUInt32LE(claim, message.length - 4);
      const codes = (await answers(pool, message, 'gzip')).map(({ code }) => code);
      expect(codes, String(claim)).to.deep.equal(['Z_DATA_ERROR', 'Z_DATA_ERROR']);
      // Of two members, the trailer is the second one's.
      const two = Buffer.concat([compress('gzip', plain), compress('gzip', json(claim % 200_000, 4))]);
      for (const { bytes } of await answers(pool, two, 'gzip')) {
        expect(bytes?.length).to.equal(100_000 + (claim % 200_000));
        expect(bytes?.buffer.byteLength).to.be.at.most(Math.max(8_192, (bytes as Buffer).length));
      }
    }
    settled(pool);
  });

  it('is inflated before the call returns where it is small, and in a later turn where the turn is used up', async () => {
    // Of messages that count as 2 KB each.
    const pool = new ZlibPool({ inline: { turnLength: 8_000 } });
    const { data } = sample(1_000);
    const order: number[] = [];
    const all = Array.from({ length: 12 }, (_, i) => pool.decompress(data, 'gzip').then(() => order.push(i)));
    expect(pool.stats.bytesOut).to.be.within(4_000, 5_000);
    await Promise.all(all);
    expect(order).to.deep.equal([...order].sort((a, b) => a - b));
    settled(pool);
  });

  it('goes to the threadpool where its input or output is long', async () => {
    const pool = new ZlibPool({ inline: { inputLength: 2_000, outputLength: 10_000, turnLength: 1e9 } });
    const bomb = compress('deflate', Buffer.alloc(500_000));
    const message = pool.decompress(bomb, 'deflate');
    expect(pool.stats.bytesOut).to.equal(10_000);
    expect((await message).length).to.equal(500_000);
    const long = pool.decompress(sample(20_000).data, 'gzip');
    const alsoLong = pool.decompress(compress('gzip', Buffer.alloc(10_001)), 'gzip');
    expect(pool.stats.bytesOut).to.equal(500_000);
    await Promise.all([long, alsoLong]);
    let filled = false;
    void pool.decompress(compress('gzip', Buffer.alloc(10_000)), 'gzip').then(() => {
      filled = true;
    });
    // Nothing comes back from the threadpool between ticks.
    await new Promise((resolve) => process.nextTick(resolve));
    expect(filled, 'filled to the byte').to.equal(true);
    settled(pool);
  });

  it('runs what it calls back in the context of its caller', async () => {
    const storage = new AsyncLocalStorage<string>();
    const pool = new ZlibPool();
    const seen = await Promise.all(
      ['a', 'b'].map((name) =>
        storage.run(name, () => pool.decompress(sample(900_000).data, 'gzip').then(() => storage.getStore())),
      ),
    );
    expect(seen).to.deep.equal(['a', 'b']);
  });

  it('refuses what makes no sense', async () => {
    const pool = new ZlibPool();
    const { data } = sample(10);
    const cases: Array<[args: unknown[], code: string]> = [
      [['text', 'gzip'], 'ERR_INVALID_ARG_TYPE'],
      [[undefined, 'gzip'], 'ERR_INVALID_ARG_TYPE'],
      [[data, 'zip'], 'ERR_INVALID_ARG_VALUE'],
      [[data, 'gzip', { maxOutputLength: 0 }], 'ERR_OUT_OF_RANGE'],
      [[data, 'gzip', { maxOutputLength: 1.5 }], 'ERR_OUT_OF_RANGE'],
      [[data, 'gzip', { maxOutputLength: '1' }], 'ERR_INVALID_ARG_TYPE'],
    ];
    for (const [args, code] of cases) {
      expect(await pool.decompress(...(args as [Buffer, Format])).catch(failureOf)).to.include({ code });
      expect(answerOf(() => pool.decompressSync(...(args as [Buffer, Format])))).to.include({ code });
    }
    expect(pool.stats.created).to.equal(0);
  });

  it('takes any Uint8Array, also a part of a larger one', async () => {
    const pool = new ZlibPool();
    const { plain, data } = sample(900);
    const memory = new Uint8Array(data.length + 20).fill(7);
    memory.set(data, 9);
    const part = memory.subarray(9, 9 + data.length);
    expect((await pool.decompress(part, 'gzip')).equals(plain)).to.equal(true);
    expect(pool.decompressSync(part, 'gzip').equals(plain)).to.equal(true);
  });
});

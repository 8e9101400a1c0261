/** What may come out of one stream or message: by length, by ratio, by members. Of every format, on both engines, to the byte. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import zlib, { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { Format, Limits, ZlibPool as Pool } from '../lib/index.ts';
import { engines, ZlibPool } from './support/library.ts';
import { closed } from './support/outcome.ts';
import { compress, formats, json, pieces, random } from './support/samples.ts';
import { seed } from './support/seed.ts';

/** Not in the types of Node 20, which has it from 20.15 on. */
const { crc32 } = zlib as never as { crc32(data: Buffer): number };

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
            const bomb = compress(format, Buffer.alloc(3_000_000));
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
            expect(await way(pool, format, bomb, { maxRatio: 1e9 })).to.deep.equal({ length: 3_000_000 });
            expect(await way(pool, format, bomb, { ratioFloorLength: 3_000_000 })).to.deep.equal({ length: 3_000_000 });
          }
          await nextTurn();
          expect(pool.stats.leased).to.equal(0);
        });

        it(`allow maxMembers and not one more ${on}`, async () => {
          const pool = new ZlibPool({ engine, inline });
          for (const format of ['gzip', 'unzip'] as const) {
            for (const count of [1, 2, 7, 300]) {
              const data = Buffer.concat(Array.from({ length: count }, (_, i) => gzipSync(`member ${i}, ${i % 3}`)));
              const { length } = await way(pool, format, data, {});
              expect(await way(pool, format, data, { maxMembers: count })).to.deep.equal({ length });
              if (count === 1) continue;
              expect(await way(pool, format, data, { maxMembers: count - 1 })).to.include({
                code: 'ERR_TOO_MANY_MEMBERS',
              });
            }
          }
          await nextTurn();
          expect(pool.stats.leased).to.equal(0);
        });

        it(`make no other error of bad data ${on}`, async () => {
          const pool = new ZlibPool({ engine, inline });
          const good = gzipSync(json(5_000, 3));
          const corrupt = Buffer.from(good);
          corrupt[good.length >> 1] = (good[good.length >> 1] as number) ^ 0xff;
          const limits = { maxMembers: 3, maxRatio: 1_000, maxOutputLength: 1e6 };
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
    const pool = new ZlibPool({ maxOutputLength: 10, maxMembers: 1 });
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
    const pool = new ZlibPool({ maxOutputLength: 1_000, maxMembers: 1 });
    const two = Buffer.concat([gzipSync('a'.repeat(900)), gzipSync('b'.repeat(900))]);
    const { stream } = ways as Record<'stream', Way>;
    expect(await stream(pool, 'gzip', two, {})).to.include({ code: 'ERR_TOO_MANY_MEMBERS' });
    expect(await stream(pool, 'gzip', two, { maxMembers: 2 })).to.include({ code: 'ERR_BUFFER_TOO_LARGE' });
    expect(await stream(pool, 'gzip', two, { maxMembers: 2, maxOutputLength: 1_800 })).to.deep.equal({ length: 1_800 });
  });

  it('that make no sense are refused by streams and messages', async () => {
    const pool = new ZlibPool();
    const nonsense = [{ maxRatio: 0 }, { maxRatio: Number.NaN }, { ratioFloorLength: -1 }, { maxMembers: 0 }];
    for (const limits of nonsense) {
      expect(() => pool.createGunzip(limits))
        .to.throw(RangeError)
        .with.property('code', 'ERR_OUT_OF_RANGE');
      expect(() => pool.decompressSync(Buffer.alloc(0), 'gzip', limits)).to.throw(RangeError);
      expect(await pool.decompress(Buffer.alloc(0), 'gzip', limits).catch(codeOf)).to.include({
        code: 'ERR_OUT_OF_RANGE',
      });
    }
    expect(() => pool.createGunzip({ maxMembers: '1' as never }))
      .to.throw(TypeError)
      .with.property('code', 'ERR_INVALID_ARG_TYPE');
  });
});

describe('Members', () => {
  /** gzip within gzip, not compressed again: full of headers and trailers that are none. */
  const decoys = gzipSync(Buffer.concat(Array.from({ length: 40 }, (_, i) => gzipSync(`decoy ${i}`))), { level: 0 });

  it(`are told from what looks like them, however the data is cut (seed ${seed})`, async () => {
    const roll = random(seed);
    for (const engine of engines) {
      const pool = new ZlibPool({ engine });
      for (let run = 0; run < (engine === 'native' ? 400 : 60); run++) {
        const count = 1 + Math.floor(roll() * 5);
        const members = Array.from({ length: count }, (_, i) =>
          roll() < 0.4 ? decoys : gzipSync(json(Math.floor(roll() * 400), i)),
        );
        const data = Buffer.concat(members);
        for (const maxMembers of [count, Math.max(1, count - 1)]) {
          const stream = pool.createGunzip({ maxMembers }).resume();
          let code: string | undefined;
          stream.on('error', (error: NodeJS.ErrnoException) => {
            code = error.code;
          });
          for (const piece of pieces(data, 1 + Math.floor(roll() * 60))) stream.write(piece, () => {});
          stream.end();
          await closed(stream);
          expect(code).to.equal(maxMembers < count ? 'ERR_TOO_MANY_MEMBERS' : undefined);
        }
      }
    }
  });

  it('are told from each other where the output of one is longer than its room', async () => {
    const long = compress('gzip', json(334_842, 5));
    for (const engine of engines) {
      for (const inline of Object.values(places)) {
        const pool = new ZlibPool({ engine, inline });
        for (const chunkSize of [64, 1_000, 16_384]) {
          const three = Buffer.concat([gzipSync('a'), long, gzipSync('b')]);
          const lengths = await Promise.all(
            [3, 2].map(async (maxMembers) => {
              const stream = pool.createGunzip({ maxMembers, chunkSize });
              let length: number | string = 0;
              stream.on('error', ({ code }: NodeJS.ErrnoException) => {
                length = code as string;
              });
              stream.on('data', (chunk) => {
                length += chunk.length;
                stream.pause();
                setImmediate(() => stream.resume());
              });
              for (const piece of pieces(three, 5_000)) stream.write(piece, () => {});
              stream.end();
              await closed(stream);
              return length;
            }),
          );
          expect(lengths).to.deep.equal([334_844, 'ERR_TOO_MANY_MEMBERS']);
        }
      }
    }
  });

  it('with all that a header may have are counted at once too', () => {
    const body = gzipSync('x').subarray(10);
    const header = (flags: number, ...rest: number[]) => Buffer.from([0x1f, 0x8b, 8, flags, 0, 0, 0, 0, 0, 3, ...rest]);
    const name = [...Buffer.from('name\0')];
    const headers = [
      header(0),
      header(8, ...name),
      header(16, ...name),
      header(4, 3, 0, 0x1f, 0x8b, 8),
      header(4 + 8 + 16, 2, 0, 1, 2, ...name, ...name),
    ];
    const checked = header(2, 0, 0);
    checked.writeUInt16LE(crc32(checked.subarray(0, -2)) & 0xffff, 10);
    const members = [...headers, checked].map((start) => Buffer.concat([start, body]));
    const data = Buffer.concat(members);
    for (const engine of engines) {
      const pool = new ZlibPool({ engine });
      expect(String(pool.decompressSync(data, 'gzip', { maxMembers: 6 }))).to.equal('xxxxxx');
      expect(() => pool.decompressSync(data, 'gzip', { maxMembers: 5 }))
        .to.throw()
        .with.property('code', 'ERR_TOO_MANY_MEMBERS');
    }
  });

  it('are those of gzip: unzip goes no other way on, and zlib data has none', async () => {
    const pool = new ZlibPool({ maxMembers: 2 });
    const [gzip, deflate] = [gzipSync('a'), compress('deflate', 'b')];
    // As createGunzip, and not as node:zlib's createUnzip without a limit.
    const mixed = Buffer.concat([gzip, deflate]);
    expect(await pool.decompress(mixed, 'unzip').catch(codeOf)).to.include({ code: 'Z_DATA_ERROR' });
    expect(String(await pool.decompress(deflate, 'unzip'))).to.equal('b');
    for (const first of [1, 2]) {
      const stream = pool.createUnzip();
      const chunks: Buffer[] = [];
      stream.on('data', (chunk) => chunks.push(chunk));
      stream.write(gzip.subarray(0, first));
      await nextTurn();
      stream.end(Buffer.concat([gzip.subarray(first), gzip]));
      await closed(stream);
      expect(String(Buffer.concat(chunks))).to.equal('aa');
    }
    expect(String(await pool.decompress(compress('br', 'c'), 'br'))).to.equal('c');
  });
});

/** P5 clean, for encoders: no byte of an earlier owner's data influences the output of a later owner. */
import { createHook } from 'node:async_hooks';
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { constants, type Deflate } from 'node:zlib';
import { expect } from 'chai';
import { encoder } from '../../lib/engine/codecs.ts';
import { engineKind } from '../../lib/engine/kind.ts';
import type { CompressFormat, CompressOptions, CompressStream, ZlibPool as Pool } from '../../lib/index.ts';
import { engines, NativeEngine, ZlibPool } from '../support/library.ts';
import { bytesOf, closed } from '../support/outcome.ts';
import { json, pieces, random } from '../support/samples.ts';
import { dice, seed } from '../support/seed.ts';
import { refusesReset, stockCompress, stockCompressStream, stockStream } from '../support/stock.ts';
import { until } from '../support/until.ts';

const { Z_NO_FLUSH, Z_SYNC_FLUSH, Z_FINISH, Z_RLE, Z_HUFFMAN_ONLY, Z_FIXED } = constants;
const zlibFormats = ['gzip', 'deflate', 'deflate-raw'] as const;
const encoded = (['gzip', 'deflate', 'deflate-raw', 'br', 'zstd'] as const).filter((format) => {
  try {
    return encoder(format) !== undefined;
  } catch {
    return false;
  }
});
const places = { 'main thread': {}, threadpool: { inputLength: 0 } };

/** All output of a stream that is written to and flushed, and not ended. */
async function flushed(stream: CompressStream, message: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.write(message);
  await new Promise<void>((resolve) => stream.flush(Z_SYNC_FLUSH, resolve));
  stream.destroy();
  await closed(stream);
  return Buffer.concat(chunks);
}

type Way = (pool: Pool, format: CompressFormat, message: Buffer, options?: CompressOptions) => Promise<Buffer>;

/** All ways to the output of a message. */
const ways: Record<string, Way> = {
  async 'a stream'(pool, format, message, options) {
    const stream = pool.createCompress(format, options);
    const bytes = await bytesOf(stream, message);
    await closed(stream);
    return bytes;
  },
  async 'a stream, written in pieces'(pool, format, message, options) {
    const stream = pool.createCompress(format, options);
    // Without a reader, the callback of a write may wait for one, as with node:zlib.
    const bytes = buffer(stream);
    for (const piece of pieces(message, 1 + (message.length >> 1))) {
      await new Promise((resolve) => stream.write(piece, resolve));
    }
    stream.end();
    await closed(stream);
    return bytes;
  },
  'a one-shot function': (pool, format, message, options = {}) =>
    promisify(pool[encoder(format).names.once as 'gzip'].bind(pool))(message, options),
  'a synchronous one-shot function': async (pool, format, message, options) =>
    pool[encoder(format).names.sync as 'gzipSync'](message, options),
  'compress()': (pool, format, message, options) => pool.compress(message, format, options as object),
  'compressSync()': async (pool, format, message, options) => pool.compressSync(message, format, options as object),
  async 'a lease'(pool, format, message, options) {
    using lease = await pool.lease(format, { ...(options as object), compress: true });
    return lease.writeSync(message, encoder(format).finishFlush);
  },
};

type Once = (message: Buffer, options?: object) => Promise<Buffer>;

/** The same without the end of the data. */
const flushingWays: Record<string, Way> = {
  'a stream that flushes': (pool, format, message) => flushed(pool.createCompress(format), message),
  async 'a lease that flushes'(pool, format, message) {
    using lease = await pool.lease(format, { compress: true });
    return lease.writeSync(message, Z_SYNC_FLUSH);
  },
};

/** Ways in which an earlier owner leaves an engine with its message. */
const predecessors: Record<string, (...args: Parameters<Way>) => Promise<unknown>> = {
  'a stream that ended': (...args) => ways['a stream']?.(...args) as Promise<Buffer>,
  'compress()': (...args) => ways['compress()']?.(...args) as Promise<Buffer>,
  async 'a stream destroyed after its write'(pool, format, message, options) {
    const stream = pool.createCompress(format, options).resume();
    await new Promise((resolve) => stream.write(message, resolve));
    stream.destroy();
    await closed(stream);
  },
  'a stream destroyed after a flush': (pool, format, message, options) =>
    flushed(pool.createCompress(format, options), message),
  async 'a stream destroyed with output pending'(pool, format, message, options) {
    const stream = pool.createCompress(format, { ...options, chunkSize: 64, readableHighWaterMark: 1 });
    stream.end(message);
    await once(stream, 'readable');
    await nextTurn();
    stream.destroy();
    await closed(stream);
  },
  async 'a stream that was reset and went on'(pool, format, message, options) {
    const stream = pool.createCompress(format, options).resume();
    await new Promise((resolve) => stream.write(message, resolve));
    // Node 26.12 and later refuse this reset for gzip and Zstandard.
    stream.on('error', ({ code }: NodeJS.ErrnoException) => expect(code).to.equal('ERR_ZLIB_INCOMPLETE_FRAME'));
    stream.reset();
    if (stream.destroyed) await closed(stream);
    else await ended(stream, 'short');
  },
  async 'a lease'(pool, format, message, options) {
    using lease = await pool.lease(format, { ...(options as object), compress: true });
    lease.writeSync(message, Z_NO_FLUSH);
  },
};

async function ended(stream: CompressStream, last: string): Promise<void> {
  stream.resume().end(last);
  await closed(stream);
}

const SECRET = 'k7';
const ALPHABET = '7akq';
/** Near enough for the smallest window. */
const AT = 200;
const MARK = 'QZJ';

/** A message with the secret at `at`. */
function victim(at = AT, length = at + 100): Buffer {
  const message = Buffer.alloc(length, '{"user":"alice","balance":"12345"} ');
  message.write(SECRET, at);
  return message;
}

/**
 * A message that has `guess` behind its first MARK, and that ends with MARK right before the place of a
 * byte of the secret. zlib hashes four bytes there, and the fourth is not of this message.
 */
function question(end: number, guess: string): Buffer {
  const next = random(end);
  // Bytes that a block without compression is no shorter for.
  const message = Buffer.from(Array.from({ length: end }, () => 33 + Math.floor(next() * 48)));
  message.write(MARK + guess, 2, 'latin1');
  message.write(MARK, end - MARK.length, 'latin1');
  return message;
}

/**
 * Reads the secret through an encoder that several owners use, one after another. A question mark: no
 * guess had other output than that of a new encoder.
 */
async function read(
  sendSecret: () => Promise<unknown> | unknown,
  ask: (message: Buffer) => Promise<Buffer> | Buffer,
  stock: (message: Buffer) => Buffer,
): Promise<string> {
  let found = '';
  for (let i = 0; i < SECRET.length; i++) {
    let hit = '?';
    for (const guess of ALPHABET) {
      await sendSecret();
      const message = question(AT + i, guess);
      if (!(await ask(message)).equals(stock(message))) hit = guess;
    }
    found += hit;
  }
  return found;
}

const UNREAD = '?'.repeat(SECRET.length);

describe('P5 clean: the secret of an earlier owner', () => {
  for (const format of zlibFormats) {
    it(`is read from an engine that is only reset (${format})`, async () => {
      const naive = new NativeEngine(engineKind(encoder(format)));
      const output = Buffer.alloc(10_000);
      const compress = (message: Buffer): Buffer => {
        naive.writeSync(Z_FINISH, message, 0, message.length, output, output.length);
        const made = Buffer.from(output.subarray(0, output.length - naive.availOut));
        naive.reset();
        return made;
      };
      const found = await read(
        () => compress(victim()),
        compress,
        (message) => stockCompress(format, message),
      );
      naive.close();
      expect(found).to.equal(SECRET);
    });
  }

  for (const engine of engines) {
    for (const [where, inline] of Object.entries(places)) {
      // The public engine has no main thread.
      if (engine === 'public' && where === 'main thread') continue;
      for (const [name, leave] of Object.entries(predecessors)) {
        it(`is not read from an engine that was used by ${name} (${engine}, ${where})`, async () => {
          for (const [i, [way, ask]] of Object.entries({ ...ways, ...flushingWays }).entries()) {
            // The public engine makes a new stream for each owner. So it takes longer, and one is enough.
            if (engine === 'public' && i % 3 !== 0) continue;
            const format = zlibFormats[i % 3] as CompressFormat;
            const pool = new ZlibPool({ engine, inline });
            const options = way in flushingWays ? { finishFlush: Z_SYNC_FLUSH } : undefined;
            const found = await read(
              () => leave(pool, format, victim()),
              (message) => ask(pool, format, message),
              (message) => stockCompress(format, message, options),
            );
            expect(found, `${way}, ${format}`).to.equal(UNREAD);
            // In the threadpool, its next write may be in flight when a stream is destroyed.
            const isAborted = where === 'threadpool' && name.endsWith('pending');
            if (engine === 'native' && !isAborted) expect(pool.stats.created, way).to.be.below(3);
          }
        });
      }
    }
  }

  it('is not read from the window of a message that was longer than it', async () => {
    const pool = new ZlibPool({ engine: 'native' });
    // zlib has moved it to AT.
    const long = victim(65_536 + AT, 100_000);
    const found = await read(
      () => pool.compressSync(long, 'gzip'),
      (message) => pool.compressSync(message, 'gzip'),
      (message) => stockCompress('gzip', message),
    );
    expect(found).to.equal(UNREAD);
  });

  it('is not read with other settings, nor through an owner in between', async () => {
    const pool = new ZlibPool({ engine: 'native' });
    for (const options of [
      { windowBits: 9 },
      { memLevel: 1 },
      { memLevel: 9 },
      { level: 1 },
      { level: 9 },
      { strategy: constants.Z_FILTERED },
      { level: 3, windowBits: 10, memLevel: 2, strategy: Z_FIXED },
    ]) {
      for (const format of zlibFormats) {
        const compress = (message: Buffer) => pool.compressSync(message, format, options);
        const stock = (message: Buffer) => stockCompress(format, message, options);
        expect(await read(() => compress(victim()), compress, stock)).to.equal(UNREAD);
        const before = () => compress(victim()) && compress(Buffer.from('x'));
        expect(await read(before, compress, stock)).to.equal(UNREAD);
      }
    }
    expect(pool.stats.created).to.equal(21);
  });
});

describe('P5 clean: an encoder', () => {
  for (const engine of engines) {
    it(`gives random messages the bytes of a new encoder, whatever it did before (${engine}, seed ${seed})`, async () => {
      const roll = dice();
      const pool = new ZlibPool({ engine, inline: { inputLength: 300 } });
      const settings = Array.from({ length: 8 }, () => ({
        level: roll.below(11) - 1,
        memLevel: 1 + roll.below(9),
        strategy: roll.below(5),
        windowBits: 9 + roll.below(7),
      }));
      const all = Object.entries(ways);
      const count = engine === 'native' ? 500 : 60;
      for (let i = 0; i < count; i++) {
        const format = roll.onceIn(12) ? roll.one(encoded) : roll.one(zlibFormats);
        const options = (zlibFormats as readonly string[]).includes(format) ? roll.one(settings) : undefined;
        const message = json(1 + roll.below(roll.onceIn(20) ? 40_000 : 600), i);
        const text = message.subarray(0, 1 + roll.below(message.length));
        const [way, compress] = roll.one(all);
        // The output depends on the pieces, and on the cut of node:zlib's output.
        const isCutSensitive = format === 'zstd' || options?.level === 0;
        if (way.endsWith('pieces') && isCutSensitive) continue;
        const bytes = await compress(pool, format, text, options);
        const isNow = !isCutSensitive || way.endsWith('Sync()') || way.includes('synchronous') || way === 'a lease';
        const stock = isNow
          ? stockCompress(format, text, options)
          : way === 'a stream'
            ? await bytesOf(stockCompressStream(format, options), text)
            : await (promisify(encoder(format).once) as Once)(text, options);
        expect(bytes.equals(stock), `${i}: ${way}, ${format}, ${JSON.stringify(options)}`).to.equal(true);
        if (roll.onceIn(4)) {
          const [, leave] = roll.one(Object.entries(predecessors));
          await leave(pool, roll.one(encoded), text);
        }
      }
      await nextTurn();
      expect(pool.stats.leased).to.equal(0);
      if (engine === 'native') expect(pool.stats.reused).to.be.above(200);
    });

    for (const format of encoded) {
      for (const [name, leave] of Object.entries(predecessors)) {
        it(`serves a message after ${name} as a new one does (${engine}, ${format})`, async () => {
          const pool = new ZlibPool({ engine });
          await leave(pool, format, json(9_000, 1));
          const { discarded, created } = pool.stats;
          const message = json(3_000, 2);
          const stream = pool.createCompress(format);
          const bytes = await bytesOf(stream, message);
          expect(bytes.equals(await bytesOf(stockCompressStream(format), message))).to.equal(true);
          expect(stream.bytesWritten).to.equal(message.length);
          await closed(stream);
          // In the threadpool, the write of a destroyed stream may be in flight.
          if (engine === 'native') expect(discarded).to.equal(0);
          expect(pool.stats.reused).to.equal(engine === 'native' ? 1 : 0);
          expect(pool.stats.created - created).to.equal(engine === 'native' ? 0 : 1);
        });
      }

      it(`gives no output of a message that was left at any chunk to the next (${engine}, ${format})`, async () => {
        const pool = new ZlibPool({ engine });
        const next = json(500, 2);
        const expected = stockCompress(format, next);
        // Of each length, so that a chunk ends at each byte of a trailer.
        for (let length = 100; length < (engine === 'native' && format !== 'br' ? 200 : 108); length++) {
          const message = json(1_000, 1).subarray(0, length);
          const whole = stockCompress(format, message).length;
          const stream = pool.createCompress(format, { chunkSize: 64, readableHighWaterMark: 1 });
          let given = 0;
          stream.on('data', (chunk: Buffer) => {
            given += chunk.length;
            if (given + 64 > whole) stream.destroy();
          });
          stream.end(message);
          await closed(stream);
          expect(given).to.be.below(whole + 1);
          expect(pool.compressSync(next, format).equals(expected), String(length)).to.equal(true);
        }
        if (engine === 'native') expect(pool.stats.created).to.equal(1);
      });

      it(`serves a message after a stream that was destroyed in mid-write (${engine}, ${format})`, async () => {
        const pool = new ZlibPool({ engine, inline: { inputLength: 0 } });
        const stream = pool.createCompress(format).resume();
        stream.write(json(format === 'br' ? 20_000 : 400_000, 1));
        await new Promise((resolve) => process.nextTick(resolve));
        stream.destroy();
        await closed(stream);
        expect(pool.stats).to.include({ leased: 0, idle: 0, discarded: 1 });
        const message = json(3_000, 2);
        expect(
          (await bytesOf(pool.createCompress(format), message)).equals(
            await bytesOf(stockCompressStream(format), message),
          ),
        ).to.equal(true);
      });
    }

    for (const format of zlibFormats) {
      it(`keeps no level and no strategy that params() of an earlier owner set (${engine}, ${format})`, async () => {
        const pool = new ZlibPool({ engine });
        const message = json(4_000, 1);
        const changes: Array<[level: number, strategy: number]> = [
          [1, 0],
          [9, Z_RLE],
          [0, Z_HUFFMAN_ONLY],
          [-1, Z_FIXED],
        ];
        for (const options of [{}, { level: 1 }, { level: 9, strategy: Z_FIXED }, { level: 0 }]) {
          for (const [level, strategy] of changes) {
            for (const writes of ['before', 'after', 'never']) {
              const stream = pool.createCompress(format, options).resume();
              if (writes === 'before') await new Promise((resolve) => stream.write(message, resolve));
              await new Promise<void>((resolve) => stream.params(level, strategy, resolve));
              if (writes !== 'never') await new Promise((resolve) => stream.write(message, resolve));
              // The driver applies it with the next write.
              else await new Promise<void>((resolve) => stream.flush(resolve));
              stream.destroy();
              await closed(stream);
              const bytes = pool.compressSync(message, format, options);
              expect(bytes.equals(stockCompress(format, message, options)), `${level} ${strategy} ${writes}`).to.equal(
                true,
              );
            }
          }
        }
        if (engine === 'native') expect(pool.stats).to.include({ created: 4, discarded: 0 });
      });

      // What it does otherwise is in spec/node-zlib/compress.spec.ts.
      if (refusesReset(format)) continue;

      it(`keeps level and strategy over its owner's own reset(), as node:zlib's (${engine}, ${format})`, async () => {
        const pool = new ZlibPool({ engine });
        const message = json(20_000, 1);
        const play = async (stream: Deflate): Promise<Buffer> => {
          const all = bytesOf(stream);
          const write = () => new Promise((resolve) => stream.write(message, resolve));
          await write();
          await new Promise<void>((resolve) => stream.params(1, Z_HUFFMAN_ONLY, resolve));
          await write();
          stream.reset();
          await write();
          stream.end(message);
          return all;
        };
        const ours = await play(pool.createCompress(format) as never);
        expect(ours.equals(await play(stockCompressStream(format) as never))).to.equal(true);
      });

      it(`keeps level and strategy over a reset() with output pending (${engine}, ${format})`, async () => {
        const pool = new ZlibPool({ engine });
        const message = json(200_000, 1);
        const play = async (stream: Deflate): Promise<Buffer> => {
          stream.resume();
          await new Promise<void>((resolve) => stream.params(1, Z_HUFFMAN_ONLY, resolve));
          stream.pause();
          stream.write(message);
          await until(() => stream.readableLength > 0);
          stream.reset();
          const all = bytesOf(stream, message);
          stream.resume();
          return all;
        };
        const options = { readableHighWaterMark: 1, chunkSize: 1_024 };
        const ours = await play(pool.createCompress(format, options) as never);
        expect(ours.equals(await play(stockCompressStream(format, options as never) as never))).to.equal(true);
      });
    }
  }
});

const { BROTLI_PARAM_QUALITY, BROTLI_PARAM_LGWIN, BROTLI_PARAM_MODE, BROTLI_MODE_TEXT } = constants;
const {
  ZSTD_c_compressionLevel: LEVEL = 100,
  ZSTD_c_windowLog: WINDOW = 101,
  ZSTD_c_checksumFlag: CHECKSUM = 201,
} = constants as typeof constants & Record<string, number>;

/** Sets of parameters that no two messages below have the same output by. */
const parameters: Partial<Record<CompressFormat, ReadonlyArray<Record<number, number>>>> = {
  br: [
    { [BROTLI_PARAM_QUALITY]: 0 },
    { [BROTLI_PARAM_QUALITY]: 4 },
    { [BROTLI_PARAM_QUALITY]: 4, [BROTLI_PARAM_LGWIN]: 10 },
    { [BROTLI_PARAM_QUALITY]: 6, [BROTLI_PARAM_MODE]: BROTLI_MODE_TEXT },
  ],
  zstd: [{ [LEVEL]: -20 }, { [LEVEL]: 1, [CHECKSUM]: 1 }, { [LEVEL]: 9 }, { [LEVEL]: 9, [WINDOW]: 10 }],
};

/** Output of node:zlib by the same way. It tells some encoders the length, or cuts their input. */
function stockWay(way: string, format: CompressFormat, message: Buffer, options: object): Promise<Buffer> | Buffer {
  if (way === 'a one-shot function' || way === 'compress()') {
    return promisify(encoder(format).once)(message, options) as Promise<Buffer>;
  }
  if (!way.startsWith('a stream')) return stockCompress(format, message, options);
  const streams = { createCompress: stockCompressStream } as never;
  return ways[way]?.(streams, format, message, options) as Promise<Buffer>;
}

describe('P5 clean: the parameters of an encoder', () => {
  const message = json(3_000, 1);
  for (const format of encoded.filter((each) => parameters[each] !== undefined)) {
    const sets = parameters[format] as ReadonlyArray<Record<number, number>>;

    it(`decide about its output, so that the others would be noticed (${format})`, () => {
      const outputs = [undefined, ...sets].map((params) =>
        stockCompress(format, message, { params }).toString('base64'),
      );
      expect(new Set(outputs).size).to.equal(sets.length + 1);
    });

    for (const engine of engines) {
      for (const [where, inline] of Object.entries(places)) {
        if (engine === 'public' && where === 'main thread') continue;
        for (const [name, leave] of Object.entries(predecessors)) {
          it(`are its own after ${name} (${format}, ${engine}, ${where})`, async () => {
            for (const [way, ask] of Object.entries(ways)) {
              const pool = new ZlibPool({ engine, inline });
              for (const round of [0, 1]) {
                for (const [i, params] of sets.entries()) {
                  await leave(pool, format, json(2_000, 2 + i), { params });
                  const output = await ask(pool, format, message, { params });
                  const expected = await stockWay(way, format, message, { params });
                  expect(output.equals(expected), `${way}, ${round}, ${JSON.stringify(params)}`).to.equal(true);
                }
              }
            }
          });
        }
      }
    }

    it(`is kept for the next owner with the same ones, and for no other (${format})`, async () => {
      const pool = new ZlibPool({ engine: 'native' });
      for (const round of [1, 2, 3]) {
        for (const params of sets) await ways['a stream']?.(pool, format, message, { params });
        await ways['a stream']?.(pool, format, message);
        expect(pool.stats).to.include({ created: sets.length + 1, reused: (round - 1) * (sets.length + 1) });
      }
    });

    it(`are its own though an async hook creates a decoder beside its engine (${format})`, async () => {
      const [params] = sets;
      const expected = stockCompress(format, message, { params });
      const pool = new ZlibPool({ engine: 'native' });
      // The probe creates no engine later.
      await ways['a synchronous one-shot function']?.(pool, format, message, { params: sets[1] } as object);
      let created = 0;
      let isIn = false;
      const hook = createHook({
        after() {
          if (isIn) return;
          isIn = true;
          stockStream(format).destroy();
          created += 1;
          isIn = false;
        },
      }).enable();
      try {
        for (let round = 0; round < 3; round++) {
          const output = pool[encoder(format).names.sync as 'gzipSync'](message, { params } as object);
          expect(output.equals(expected), String(round)).to.equal(true);
        }
      } finally {
        hook.disable();
      }
      expect(created).to.be.greaterThan(0);
    });

    it(`are lost by a reset of the owner, where those of node:zlib are (${format})`, async () => {
      const [params] = sets;
      const reset = async (stream: Duplex & { reset(): void }): Promise<Buffer> => {
        stream.on('error', () => {});
        stream.reset();
        return bytesOf(stream, message);
      };
      const expected = await reset(stockCompressStream(format, { params } as CompressOptions));
      const pool = new ZlibPool({ engine: 'native' });
      // An engine that was cleaned before.
      await ways['a stream']?.(pool, format, message, { params } as CompressOptions);
      const stream = pool.createCompress(format, { params } as CompressOptions);
      expect((await reset(stream)).equals(expected)).to.equal(true);
    });
  }
});

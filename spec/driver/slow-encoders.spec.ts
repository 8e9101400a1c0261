/** Encoders that take long for a short message: they may not stop the main thread. */
import { promisify } from 'node:util';
import { constants } from 'node:zlib';
import { expect } from 'chai';
import type { CompressFormat, CompressOptions } from '../../lib/index.ts';
import { encoder, NativeEngine, ZlibPool } from '../support/library.ts';
import { bytesOf, closed } from '../support/outcome.ts';
import { formats, json } from '../support/samples.ts';
import { stockCompressStream } from '../support/stock.ts';

const { BROTLI_PARAM_QUALITY: QUALITY, BROTLI_PARAM_LGWIN: LGWIN } = constants;

interface Writes {
  main: number;
  threadpool: number;
}

/** The writes with input that native engines make during `work`. */
async function writesOf(work: () => Promise<unknown>): Promise<Writes> {
  const { writeSync, write } = NativeEngine.prototype;
  const writes = { main: 0, threadpool: 0 };
  NativeEngine.prototype.writeSync = function (...args) {
    if (args[3] > 0) writes.main += 1;
    writeSync.apply(this, args);
  };
  NativeEngine.prototype.write = function (...args) {
    if (args[3] > 0) writes.threadpool += 1;
    write.apply(this, args);
  };
  try {
    await work();
  } finally {
    Object.assign(NativeEngine.prototype, { writeSync, write });
  }
  return writes;
}

type Case = [name: string, format: CompressFormat, params: CompressOptions['params'], length: number];

const slow: Case[] = [
  ['Brotli of quality 11, the default', 'br', undefined, 100],
  ['Brotli of quality 9', 'br', { [QUALITY]: 9 }, 100],
  ['Brotli of the default quality, set as -1', 'br', { [QUALITY]: -1 }, 100],
  ['Brotli of quality 9, by another name', 'br', { '0x1': 9 } as never, 100],
  ['Brotli of a large window and no quality', 'br', { [LGWIN]: 24 }, 100],
  ['Brotli of quality 4', 'br', { [QUALITY]: 4 }, 16_000],
  ['Zstandard of level 4', 'zstd', { 100: 4 }, 100],
  ['Zstandard of level 12', 'zstd', { 100: 12 }, 100],
  ['Zstandard of level 22', 'zstd', { 100: 22 }, 100],
  ['Zstandard of level 19, by another name', 'zstd', { '0x64': 19 } as never, 100],
  // ZSTD_c_windowLog, ZSTD_c_hashLog, ZSTD_c_chainLog, ZSTD_c_strategy
  ['Zstandard of a large window', 'zstd', { 101: 25 }, 100],
  ['Zstandard of a large hash table', 'zstd', { 102: 24 }, 100],
  ['Zstandard of a large chain table', 'zstd', { 100: 1, 103: 24 }, 100],
  ['Zstandard of the slowest strategy', 'zstd', { 107: 9 }, 100],
];
const quick: Case[] = [
  ['Brotli of quality 4', 'br', { [QUALITY]: 4 }, 1_000],
  ['Brotli of quality 5', 'br', { [QUALITY]: 5 }, 800],
  ['Zstandard of the default level', 'zstd', undefined, 1_000],
  ['Zstandard of level 1 with a checksum', 'zstd', { 100: 1, 201: 1 }, 1_000],
  ['gzip of the default level', 'gzip', undefined, 1_000],
];

describe('An encoder that takes long for a short message', () => {
  for (const [cases, where] of [
    [slow, 'threadpool'],
    [quick, 'main'],
  ] as const) {
    for (const [name, format, params, length] of cases.filter(([, each]) => formats.includes(each))) {
      it(`works ${where === 'main' ? 'on the main thread all the same' : 'in the threadpool'}: ${name}`, async () => {
        const pool = new ZlibPool({ engine: 'native' });
        const message = json(length, 1);
        const options = (params === undefined ? {} : { params }) as CompressOptions;
        const expected = await bytesOf(stockCompressStream(format, options), message);
        const stream = async (): Promise<void> => {
          const ours = pool.createCompress(format, options);
          expect((await bytesOf(ours, message)).equals(expected)).to.equal(true);
          await closed(ours);
        };
        const once = promisify(pool[encoder(format).names.once as 'gzip'].bind(pool));
        // The probes write on the main thread.
        await stream();
        const writes = await writesOf(async () => {
          // Alone, and beside others.
          await stream();
          await once(message, options);
          if (where === 'threadpool') await Promise.all([stream(), stream(), once(message, options)]);
        });
        expect(writes[where], JSON.stringify(writes)).to.be.greaterThan(0);
        expect(writes[where === 'main' ? 'threadpool' : 'main'], JSON.stringify(writes)).to.equal(0);
      });
    }
  }

  it('works in the threadpool once its input that is not flushed takes long', async () => {
    const pool = new ZlibPool({ engine: 'native' });
    const stream = pool.createBrotliCompress({ params: { [QUALITY]: 4 } }).resume();
    const writes = await writesOf(async () => {
      for (let i = 0; i < 20; i++) await new Promise((resolve) => stream.write(json(1_000, i), resolve));
    });
    expect(writes).to.deep.equal({ main: 8, threadpool: 12 });
    await new Promise<void>((resolve) => stream.flush(resolve));
    const later = await writesOf(() => new Promise((resolve) => stream.write(json(1_000, 1), resolve)));
    expect(later).to.deep.equal({ main: 1, threadpool: 0 });
    stream.destroy();
    await closed(stream);
  });

  if (formats.includes('zstd'))
    it('works on the main thread once its tables are there, one short flush after the other', async () => {
      const pool = new ZlibPool({ engine: 'native' });
      const stream = pool.createZstdCompress({ params: { 100: 5, 101: 20 } } as CompressOptions).resume();
      await new Promise((resolve) => stream.write(json(100, 1), resolve));
      const writes = await writesOf(async () => {
        for (let i = 0; i < 10; i++) {
          await new Promise((resolve) => stream.write(json(100, i), resolve));
          await new Promise<void>((resolve) => stream.flush(resolve));
        }
      });
      expect(writes).to.deep.equal({ main: 10, threadpool: 0 });
      stream.destroy();
      await closed(stream);
    });
});

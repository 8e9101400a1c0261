/** Compressing streams and leases beside node:zlib's: their shape, params(), chunks, errors of arguments, and the kept window. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import zlib, { constants, createInflateRaw, type Deflate } from 'node:zlib';
import { expect } from 'chai';
import type { CompressFormat } from '../../lib/index.ts';
import {
  CompressStream,
  DecompressStream,
  defaultPool,
  engineOf,
  engines,
  install,
  library,
  watchLeases,
  ZlibPool,
} from '../support/library.ts';
import { bytesOf, closed, thrownBy } from '../support/outcome.ts';
import { formats, json } from '../support/samples.ts';
import { stockCompress, stockCompressStream, stockDecompress } from '../support/stock.ts';
import { until } from '../support/until.ts';

const { Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_FINISH, Z_NO_FLUSH, Z_HUFFMAN_ONLY, Z_RLE } = constants;
const compressFormats = formats.filter((format) => format !== 'unzip') as CompressFormat[];
const zlibFormats = ['gzip', 'deflate', 'deflate-raw'] as const;
const factories: Record<string, string> = {
  gzip: 'createGzip',
  deflate: 'createDeflate',
  'deflate-raw': 'createDeflateRaw',
  br: 'createBrotliCompress',
  zstd: 'createZstdCompress',
};
const message = json(20_000, 1);
const pool = new ZlibPool();

/** Parts of a stream that code of others reads. */
const shown = (stream: unknown) => {
  const given = stream as Deflate & { _level: number; _strategy: number };
  return {
    _level: given._level,
    _strategy: given._strategy,
    bytesWritten: given.bytesWritten,
    name: given.constructor.name,
  };
};

describe('A compressing stream', () => {
  it('works on the main thread beside others if its work is short, and otherwise in the threadpool', async () => {
    for (const [length, level, busy] of [
      [3_000, -1, 0],
      [3_100, -1, 4],
      [4_500, 1, 0],
      [1_600, 9, 4],
    ] as const) {
      const own = new ZlibPool({ engine: 'native' });
      const leases = watchLeases(own);
      await nextTurn();
      const messages = Array.from({ length: 4 }, (_, i) => json(length, i));
      const outputs = messages.map((each) => bytesOf(own.createGzip({ level }), each));
      await new Promise((resolve) => process.nextTick(resolve));
      const found = leases.filter((lease) => !lease.released && engineOf(lease).busy).length;
      expect({ length, busy: found }).to.deep.equal({ length, busy });
      for (const [i, output] of (await Promise.all(outputs)).entries()) {
        expect(output.equals(stockCompress('gzip', messages[i] as Buffer, { level }))).to.equal(true);
      }
    }
  });

  for (const format of compressFormats) {
    it(`is an instance of node:zlib's class and of CompressStream (${format})`, () => {
      const name = factories[format] as 'createGzip';
      const Stock = (zlib as never as Record<string, new () => object>)[name.replace('create', '')] as new () => object;
      for (const stream of [pool.createCompress(format), pool[name](), library[name]()]) {
        expect(stream).to.be.instanceOf(Stock).and.instanceOf(CompressStream);
        expect(stream).not.to.be.instanceOf(DecompressStream);
        expect(stream.constructor).to.equal(Stock);
        expect(shown(stream)).to.deep.equal(shown(stockCompressStream(format)));
      }
      class Own extends CompressStream {}
      const own = new Own(pool, format);
      expect(own).to.be.instanceOf(Own).and.instanceOf(CompressStream);
      expect(pool.createCompress(format)).not.to.be.instanceOf(Own);
    });

    it(`works as a subclass does that has methods of its own (${format})`, async () => {
      class Counting extends CompressStream {
        chunks = 0;
        override push(chunk: unknown): boolean {
          if (chunk !== null) this.chunks += 1;
          return super.push(chunk);
        }
      }
      const stream = new Counting(pool, format);
      expect(stockDecompress(format, await bytesOf(stream, message)).equals(message)).to.equal(true);
      expect(stream.chunks).to.be.above(0);
    });
  }

  for (const format of zlibFormats) {
    it(`shows _level and _strategy as node:zlib's, at first and after params() (${format})`, async () => {
      const optionSets = [
        {},
        { level: 3 },
        { strategy: Z_RLE },
        { level: 0, strategy: 2 },
        { level: Number.NaN },
        undefined,
      ];
      for (const options of optionSets) {
        const both = [
          pool.createCompress(format, options),
          stockCompressStream(format, options),
        ] as unknown as Deflate[];
        const [ours, theirs] = both.map(shown);
        // node:zlib takes NaN for "not given".
        expect(ours).to.deep.equal(theirs);
        for (const stream of both) {
          stream.resume();
          await new Promise<void>((resolve) => stream.params(9, Z_HUFFMAN_ONLY, resolve));
        }
        expect(shown(both[0])).to.deep.equal(shown(both[1])).and.include({ _level: 9, _strategy: Z_HUFFMAN_ONLY });
        for (const stream of both) stream.destroy();
      }
    });

    for (const engine of engines) {
      it(`gives the bytes of node:zlib's with params() between writes, with and without a callback (${format}, ${engine})`, async () => {
        const own = new ZlibPool({ engine });
        const play = async (stream: Deflate): Promise<Buffer> => {
          const all = bytesOf(stream);
          const write = () => new Promise((resolve) => stream.write(message, resolve));
          await write();
          // No change: no flush.
          await new Promise<void>((resolve) => stream.params(-1, 0, resolve));
          await write();
          await new Promise<void>((resolve) => stream.params(1, Z_HUFFMAN_ONLY, resolve));
          await write();
          (stream.params as (level: number, strategy: number) => void)(9, Z_RLE);
          // A write before that would be in flight when node:zlib sets them.
          await until(() => shown(stream)._level === 9);
          await write();
          stream.end();
          return all;
        };
        const theirs = await play(stockCompressStream(format) as never);
        expect((await play(own.createCompress(format) as never)).equals(theirs)).to.equal(true);
      });
    }

    it(`refuses the arguments of params() that node:zlib refuses, with its errors (${format})`, () => {
      const bad: unknown[][] = [
        [10, 0],
        [-2, 0],
        [1, 5],
        [1, -1],
        ['1', 0],
        [1, '0'],
        [1.5, 9],
        [{}, 0],
        [Number.POSITIVE_INFINITY, 0],
      ];
      for (const args of bad) {
        const ours = pool.createCompress(format) as never as Record<string, (...args: unknown[]) => void>;
        const theirs = stockCompressStream(format) as never as typeof ours;
        const error = thrownBy(() => theirs.params?.(...args));
        expect(
          thrownBy(() => ours.params?.(...args)),
          String(args),
        ).to.deep.equal(error);
        expect(error).not.to.equal(undefined);
      }
    });
  }

  for (const format of compressFormats) {
    it(`refuses the options that node:zlib refuses, with its errors (${format})`, () => {
      const bad: object[] = [
        { level: 10 },
        { level: -2 },
        { level: '6' },
        { memLevel: 0 },
        { memLevel: 10 },
        { strategy: 5 },
        { strategy: 'rle' },
        { windowBits: 7 },
        { windowBits: 16 },
        { windowBits: 0 },
        { dictionary: 'words' },
        { dictionary: 7 },
        { flush: 9 },
        { finishFlush: -1 },
        { chunkSize: 63 },
        { chunkSize: '64' },
        { params: 3 },
        { params: { 99999: 1 } },
        { params: { [constants.BROTLI_PARAM_QUALITY]: 'best' } },
        { params: { [constants.BROTLI_PARAM_QUALITY]: 99 } },
        { pledgedSrcSize: 'long' },
        { maxOutputLength: 0 },
        { maxOutputLength: -1 },
      ];
      for (const options of bad) {
        const theirs = thrownBy(() => stockCompressStream(format, options).close());
        expect(
          thrownBy(() => pool.createCompress(format, options).close()),
          JSON.stringify(options),
        ).to.deep.equal(theirs);
      }
    });

    it(`cuts its output by chunkSize as node:zlib's, also that of a whole message (${format})`, async () => {
      for (const engine of engines) {
        for (const inline of [{}, { inputLength: 0 }]) {
          const own = new ZlibPool({ engine, inline });
          for (const chunkSize of [64, 1_000, 16_383, 100_000]) {
            const [ours, theirs] = await Promise.all(
              [own.createCompress(format, { chunkSize }), stockCompressStream(format, { chunkSize })].map(
                async (stream) => {
                  const chunks: Buffer[] = [];
                  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
                  stream.end(message);
                  await closed(stream as never);
                  return chunks;
                },
              ),
            );
            const lengths = (chunks: Buffer[] | undefined) => chunks?.map(({ length }) => length).join(' ');
            expect(lengths(ours), `${engine}, ${chunkSize}`).to.equal(lengths(theirs));
            expect(Buffer.concat(ours as Buffer[]).equals(Buffer.concat(theirs as Buffer[]))).to.equal(true);
          }
        }
      }
    });
  }
});

for (const engine of engines) {
  describe(`Lease.writeSync() of an encoder (${engine})`, () => {
    const own = new ZlibPool({ engine });

    it('keeps the window from one message to the next, for a peer that keeps it too', async () => {
      using lease = await own.lease('deflate-raw', { compress: true });
      const inflate = createInflateRaw();
      let received: Buffer[] = [];
      inflate.on('data', (chunk: Buffer) => received.push(chunk));
      const texts = [1, 2, 3].map((seed) => Buffer.concat([json(3_000, 7), json(200, seed)]));
      const lengths: number[] = [];
      for (const flush of [Z_SYNC_FLUSH, Z_FULL_FLUSH]) {
        for (const text of texts) {
          const bytes = lease.writeSync(text, flush);
          lengths.push(bytes.length);
          inflate.write(bytes);
          await new Promise<void>((resolve) => inflate.flush(Z_SYNC_FLUSH, resolve));
          expect(Buffer.concat(received).equals(text)).to.equal(true);
          received = [];
        }
      }
      inflate.close();
      // The second repeats most of the first. A full flush forgets the window.
      expect(lengths[1]).to.be.below((lengths[0] as number) / 3);
      expect(lengths[5]).to.be.above((lengths[0] as number) / 2);
    });

    for (const format of compressFormats) {
      it(`gives all output of its input, in pieces and at the end (${format})`, async () => {
        const { lastFlush, finishFlush, fullFlush } = { lastFlush: 0, ...flushesOf(format) };
        using lease = await own.lease(format, { compress: true });
        const pieces = [0, 5_000, 10_000].map((at) => lease.writeSync(message.subarray(at, at + 5_000), Z_NO_FLUSH));
        pieces.push(
          lease.writeSync(message.subarray(15_000), fullFlush),
          lease.writeSync(Buffer.alloc(0), finishFlush),
        );
        expect(stockDecompress(format, Buffer.concat(pieces)).equals(message)).to.equal(true);
        lease.reset();
        expect(lease.writeSync(message, finishFlush).equals(stockCompress(format, message))).to.equal(true);
        for (const flush of [-1, lastFlush || finishFlush + 10, 0.5, '2']) {
          expect(thrownBy(() => lease.writeSync(message, flush as never))).to.include({ code: 'ERR_OUT_OF_RANGE' });
        }
      });
    }

    it('has the options of its engine, and its own limit', async () => {
      for (const options of [
        { level: 1 },
        { level: 9, memLevel: 3 },
        { strategy: Z_RLE, windowBits: 10 },
        { dictionary: json(600, 1) },
      ]) {
        using lease = await own.lease('deflate', { compress: true, ...options });
        expect(lease.writeSync(message, Z_FINISH).equals(stockCompress('deflate', message, options))).to.equal(true);
      }
      const params = { [constants.BROTLI_PARAM_QUALITY]: 3 };
      using br = await own.lease('br', { compress: true, params });
      const bytes = br.writeSync(message, constants.BROTLI_OPERATION_FINISH);
      expect(bytes.equals(stockCompress('br', message, { params }))).to.equal(true);
      using small = await own.lease('gzip', { compress: true, maxOutputLength: 100 });
      expect(thrownBy(() => small.writeSync(message, Z_FINISH))).to.include({ code: 'ERR_BUFFER_TOO_LARGE' });
      expect(thrownBy(() => small.writeSync(message, Z_FINISH))).to.include({ code: 'ERR_LEASE_SEALED' });
      for (const bad of [{ level: 99 }, { memLevel: 0 }, { compress: 1 }, { maxOutputLength: 'x' }]) {
        expect(thrownBy(() => own.tryLease('deflate', { compress: true, ...(bad as object) }))?.code).to.match(
          /^ERR_(OUT_OF_RANGE|INVALID_ARG_TYPE)$/,
        );
      }
      expect(thrownBy(() => own.tryLease('unzip', { compress: true }))).to.include({ code: 'ERR_INVALID_ARG_VALUE' });
    });
  });
}

function flushesOf(format: CompressFormat): { finishFlush: number; fullFlush: number } {
  if (format === 'zstd') return { finishFlush: 2, fullFlush: 1 };
  if (format === 'br')
    return { finishFlush: constants.BROTLI_OPERATION_FINISH, fullFlush: constants.BROTLI_OPERATION_FLUSH };
  return { finishFlush: Z_FINISH, fullFlush: Z_FULL_FLUSH };
}

describe('install({ compress: false })', () => {
  it('leaves the compressing half as it was, or to an earlier install()', async () => {
    const [first, second] = [new ZlibPool(), new ZlibPool()];
    const undoFirst = install({ pool: first });
    const undoSecond = install({ pool: second, compress: false });
    try {
      zlib.gunzipSync(zlib.gzipSync('x'));
      await bytesOf(zlib.createGzip(), message);
      expect([first.stats.created + first.stats.reused, second.stats.created]).to.deep.equal([2, 1]);
      undoFirst();
      expect(zlib.createGzip()).not.to.be.instanceOf(CompressStream);
      expect(zlib.createGunzip()).to.be.instanceOf(DecompressStream);
      expect(zlib.gunzipSync(zlib.gzipSync('x')).toString()).to.equal('x');
      expect(second.stats.bytesIn).to.be.above(0);
    } finally {
      undoFirst();
      undoSecond();
    }
    expect(thrownBy(() => install({ compress: 1 as never }))).to.include({ code: 'ERR_INVALID_ARG_TYPE' });
    expect(defaultPool.stats.leased).to.equal(0);
  });
});

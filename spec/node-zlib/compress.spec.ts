/** P8 same as zlib: the compressing streams and functions, beside node:zlib's. Output is equal to the byte. */
import { promisify } from 'node:util';
import { constants } from 'node:zlib';
import { expect } from 'chai';
import { encoder } from '../../lib/engine/codecs.ts';
import type { CompressFormat, CompressStream as Stream } from '../../lib/index.ts';
import { CompressStream, engines, ZlibPool } from '../support/library.ts';
import { closed, outcome } from '../support/outcome.ts';
import { formats, random, sample } from '../support/samples.ts';
import { stockCompressStream } from '../support/stock.ts';

const { Z_SYNC_FLUSH, Z_PARTIAL_FLUSH, Z_FINISH, Z_HUFFMAN_ONLY, BROTLI_PARAM_QUALITY } = constants;
const compressFormats = formats.filter((format): format is CompressFormat => format !== 'unzip');
const byZlib: ReadonlySet<string> = new Set(['gzip', 'deflate', 'deflate-raw']);

const roll = random(1);
const noise = Buffer.from(Array.from({ length: 40_000 }, () => roll() * 256));
const json = sample(40_000).plain;

type Compress = (...args: unknown[]) => Promise<Buffer>;

/** Options that have an effect on the output of a format. */
function optionsOf(format: CompressFormat): object[] {
  if (format === 'br') return [{ params: { [BROTLI_PARAM_QUALITY]: 1 } }, { chunkSize: 100 }];
  // ZSTD_c_compressionLevel
  if (format === 'zstd') return [{}, { params: { 100: 1 } }, { chunkSize: 100 }];
  return [
    {},
    { level: 0 },
    { level: 0, chunkSize: 100 },
    { level: 1 },
    { level: 9, memLevel: 9 },
    { level: 3, memLevel: 1, windowBits: 9 },
    { strategy: Z_HUFFMAN_ONLY },
    { chunkSize: 64 },
    ...(format === 'gzip' ? [] : [{ dictionary: json.subarray(0, 200) }]),
  ];
}

/** What a stream is written, and how. */
const courses: Record<string, (stream: Stream) => void> = {
  'ended at once': (stream) => void stream.end(json.subarray(0, 900)),
  'ended with a long chunk': (stream) => void stream.end(json),
  'ended with noise': (stream) => void stream.end(noise),
  'ended without data': (stream) => void stream.end(),
  'written twice': (stream) => {
    stream.write(json.subarray(0, 700));
    stream.end(json.subarray(0, 1_400));
  },
  'flushed on its way': (stream) => {
    stream.write(json.subarray(0, 700));
    stream.flush();
    stream.write(noise);
    stream.flush(() => stream.end(json));
  },
  'flushed before its data': (stream) => stream.flush(() => stream.end(json.subarray(0, 900))),
};

for (const engine of engines) {
  describe(`Compressing beside node:zlib (${engine})`, function () {
    this.timeout(60_000);

    for (const format of compressFormats) {
      const { once, sync, names } = encoder(format);
      const compress = promisify(once as (...args: unknown[]) => void) as Compress;

      it(`${names.once}() and its twins have node:zlib's output`, async () => {
        const pool = new ZlibPool({ engine });
        const own = pool as unknown as Record<string, (...args: unknown[]) => void>;
        const pooled = (promisify(own[names.once] as (...args: unknown[]) => void) as Compress).bind(pool);
        for (const options of optionsOf(format)) {
          for (const input of [json.subarray(0, 0), json.subarray(0, 1), json.subarray(0, 900), json, noise]) {
            const what = `${input.length} bytes, ${JSON.stringify(options)}`;
            const theirs = await compress(input, options);
            expect(theirs.equals(await pooled(input, options)), what).to.equal(true);
            expect(theirs.equals(await pool.compress(input, format, options)), `compress(), ${what}`).to.equal(true);
            const now = sync(input, options);
            expect(now.equals(pool.compressSync(input, format, options)), `compressSync(), ${what}`).to.equal(true);
          }
        }
        expect(pool.stats.leased).to.equal(0);
      });

      for (const [name, course] of Object.entries(courses)) {
        it(`a stream of ${format} that is ${name} has node:zlib's output and events`, async () => {
          const pool = new ZlibPool({ engine });
          for (const options of optionsOf(format)) {
            const theirs = await outcome(stockCompressStream(format, options), course as never);
            const ours = await outcome(pool.createCompress(format, options), course as never);
            const what = JSON.stringify(options);
            expect(ours.error?.code, what).to.equal(theirs.error?.code);
            expect(ours.bytes.equals(theirs.bytes), what).to.equal(true);
            expect(ours.bytesWritten, what).to.equal(theirs.bytesWritten);
          }
          expect(pool.stats.leased).to.equal(0);
        });
      }
    }

    // The inner stream of the public engine has chunks of its own.
    if (engine === 'native') {
      it('a flush that does not finish is repeated where node:zlib repeats it, by the length of its chunks', async () => {
        const pool = new ZlibPool({ engine });
        const compress = promisify(encoder('deflate').once as (...args: unknown[]) => void) as Compress;
        for (const finishFlush of [Z_PARTIAL_FLUSH, Z_SYNC_FLUSH]) {
          for (let length = 0; length < 130; length++) {
            const options = { finishFlush, chunkSize: 64, level: 1 };
            const theirs = await compress(noise.subarray(0, length), options);
            const ours = await promisify(pool.deflate.bind(pool))(noise.subarray(0, length), options);
            expect(ours.equals(theirs), `${finishFlush}, ${length}`).to.equal(true);
          }
        }
      });
    }

    it('params() changes level and strategy for later data, as in node:zlib, and not for gzip', async () => {
      const pool = new ZlibPool({ engine });
      const course = (stream: Stream) => {
        stream.write(json);
        stream.params(1, Z_HUFFMAN_ONLY, () => {
          stream.write(json);
          stream.params(0, 0, () => void stream.end(noise));
        });
      };
      for (const format of compressFormats.filter((name) => byZlib.has(name))) {
        const theirs = await outcome(stockCompressStream(format), course as never);
        const stream = pool.createCompress(format);
        const ours = await outcome(stream, course as never);
        expect(ours.bytes.equals(theirs.bytes), format).to.equal(true);
        expect(stream).to.include({ _level: 0, _strategy: 0 });
        expect(() => stream.params(10, 0, () => {}))
          .to.throw()
          .with.property('code', 'ERR_OUT_OF_RANGE');
        // The next owner has the level of its own.
        expect(pool.compressSync(json, format).equals(encoder(format).sync(json)), format).to.equal(true);
      }
    });

    it('reset() keeps the level and the strategy that params() has set, as in node:zlib', async () => {
      const pool = new ZlibPool({ engine });
      const course = (stream: Stream) => {
        stream.write(json);
        stream.params(1, Z_HUFFMAN_ONLY, () => {
          stream.flush(Z_FINISH, () => {
            stream.reset();
            stream.end(json);
          });
        });
      };
      const theirs = await outcome(stockCompressStream('deflate'), course as never);
      const ours = await outcome(pool.createDeflate(), course as never);
      expect(ours.error?.code).to.equal(theirs.error?.code);
      expect(ours.bytes.equals(theirs.bytes)).to.equal(true);
    });

    it('reset() in the middle of the data gives the error of node:zlib, or none', async () => {
      const pool = new ZlibPool({ engine });
      const moments: Array<(stream: Stream, then: () => void) => void> = [
        (_stream, then) => then(),
        (stream, then) => void stream.write(json, then),
        (stream, then) => stream.flush(then),
        (stream, then) => void stream.write(json, () => stream.flush(then)),
      ];
      for (const format of compressFormats) {
        for (const moment of moments) {
          const course = (stream: Stream) =>
            moment(stream, () => {
              stream.reset();
              if (!stream.destroyed) stream.end(json);
            });
          const theirs = await outcome(stockCompressStream(format), course as never);
          const ours = await outcome(pool.createCompress(format), course as never);
          const what = `${format}: ${moment}`;
          expect(ours.error, what).to.deep.equal(theirs.error);
          expect(ours.bytes.equals(theirs.bytes), what).to.equal(true);
        }
      }
      expect(pool.stats.leased).to.equal(0);
    });

    it('functions give the output of node:zlib at lengths around those of blocks and chunks', async () => {
      const pool = new ZlibPool({ engine });
      const long = Buffer.concat([sample(300_000).plain, noise]);
      for (const format of compressFormats.filter((each) => each !== 'br')) {
        const { names, once } = encoder(format);
        const ours = promisify(
          (pool as never as Record<string, () => void>)[names.once]?.bind(pool) as () => void,
        ) as Compress;
        const theirs = promisify(once as (...args: unknown[]) => void) as Compress;
        for (const length of [0, 1, 131_072, 262_143, 262_144, 262_145]) {
          for (const options of [undefined, { finishFlush: encoder(format).fullFlush }]) {
            const input = long.subarray(0, length);
            const what = `${names.once}() of ${length} bytes, ${JSON.stringify(options)}`;
            expect((await ours(input, options)).equals(await theirs(input, options)), what).to.equal(true);
          }
        }
      }
    });

    it('the functions of Brotli give the output of node:zlib for input that fills a block', async () => {
      const pool = new ZlibPool({ engine });
      const { once, sync } = encoder('br');
      const theirs = promisify(once as (...args: unknown[]) => void) as Compress;
      const ours = promisify(pool.brotliCompress.bind(pool)) as Compress;
      const settings: Array<{ [key: number]: number }> = [
        { 0: 0, 1: 2, 2: 13, 3: 24, 5: 1_000, 7: 0 },
        { 1: 5, 2: 10 },
      ];
      for (const params of settings) {
        for (const input of [Buffer.alloc(65_536), Buffer.alloc(131_072), sample(131_072).plain]) {
          const what = `${input.length} ${JSON.stringify(params)}`;
          expect((await ours(input, { params })).equals(await theirs(input, { params })), what).to.equal(true);
          expect(pool.brotliCompressSync(input, { params }).equals(sync(input, { params })), what).to.equal(true);
          const write = (stream: Stream) => void stream.end(input);
          const stream = await outcome(pool.createBrotliCompress({ params }), write as never);
          const stock = await outcome(stockCompressStream('br', { params } as never), write as never);
          expect(stream.bytes.equals(stock.bytes), `stream, ${what}`).to.equal(true);
        }
      }
    });

    it('functions read the options that those of node:zlib read, inherited or hidden ones too', async () => {
      const pool = new ZlibPool({ engine });
      for (const format of compressFormats) {
        const { once, sync, names, finishFlush } = encoder(format);
        const theirs = promisify(once as (...args: unknown[]) => void) as Compress;
        const ours = promisify(pool[names.once as 'gzip'].bind(pool)) as Compress;
        const own = { ...optionsOf(format).at(-1), level: 1, params: { [format === 'zstd' ? 100 : 1]: 1 } };
        const cases = {
          inherited: Object.create(own),
          'beside one of its own': Object.assign(Object.create(own), { chunkSize: 1_024 }),
          hidden: Object.defineProperties({}, { level: { value: 1 }, params: { value: own.params } }),
          'inherited finishFlush': Object.create({ finishFlush: finishFlush === 2 ? 1 : 2 }),
          'inherited maxOutputLength': Object.create({ maxOutputLength: 100_000 }),
        };
        for (const [what, options] of Object.entries(cases)) {
          const input = json.subarray(0, 5_000);
          const title = `${names.once}, ${what}`;
          expect((await ours(input, options)).equals(await theirs(input, options)), title).to.equal(true);
          const now = pool[names.sync as 'gzipSync'](input, options);
          expect(now.equals(sync(input, options)), title).to.equal(true);
        }
      }
    });

    it('maxOutputLength is honoured, to the byte', async () => {
      const pool = new ZlibPool({ engine, maxOutputLength: 10 });
      // The limit of the pool is for decompression.
      const { length } = pool.gzipSync(json);
      expect(length).to.be.above(10);
      expect(pool.gzipSync(json, { maxOutputLength: length })).to.have.length(length);
      for (const compress of [
        () => pool.compress(json, 'gzip', { maxOutputLength: length - 1 }),
        async () => pool.gzipSync(json, { maxOutputLength: length - 1 }),
        () => promisify(pool.gzip.bind(pool))(json, { maxOutputLength: length - 1 }),
      ]) {
        const error = await compress().then(
          () => undefined,
          (reason) => reason,
        );
        expect(error).to.include({ code: 'ERR_BUFFER_TOO_LARGE' });
      }
      const stream = pool.createGzip({ maxOutputLength: 5 }).resume();
      const failed = new Promise((resolve) => stream.once('error', resolve));
      stream.end(json);
      expect(await failed).to.include({ code: 'ERR_BUFFER_TOO_LARGE' });
      await closed(stream);
      expect(pool.stats.leased).to.equal(0);
    });

    it('a lease for a codec keeps its window', () => {
      const pool = new ZlibPool({ engine });
      const lease = pool.tryLease('deflate-raw', { compress: true, level: 9 }) as NonNullable<
        ReturnType<typeof pool.tryLease>
      >;
      const text = json.subarray(0, 5_000);
      const first = lease.writeSync(text, Z_SYNC_FLUSH);
      const second = lease.writeSync(text, Z_SYNC_FLUSH);
      expect(second.length).to.be.below(first.length / 2);
      const whole = pool.inflateRawSync(Buffer.concat([first, second, lease.writeSync(Buffer.alloc(0), Z_FINISH)]));
      expect(whole.equals(Buffer.concat([text, text]))).to.equal(true);
      lease.release();
      expect(() => pool.tryLease('unzip', { compress: true }))
        .to.throw('format must be one of')
        .with.property('code', 'ERR_INVALID_ARG_VALUE');
      expect(() => pool.tryLease('gzip', { compress: 1 as never }))
        .to.throw('options.compress must be a boolean')
        .with.property('code', 'ERR_INVALID_ARG_TYPE');
    });

    it('streams are instances of CompressStream and of the class of node:zlib, and can be subclassed', async () => {
      const pool = new ZlibPool({ engine });
      for (const format of compressFormats) {
        const stream = pool.createCompress(format);
        expect(stream).to.be.instanceOf(CompressStream).and.instanceOf(encoder(format).Stock);
      }
      class Own extends CompressStream {}
      const { bytes } = await outcome(new Own(pool, 'gzip'), (stream) => void stream.end(json));
      expect(bytes.equals(encoder('gzip').sync(json))).to.equal(true);
    });
  });
}

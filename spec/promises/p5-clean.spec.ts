/** P5 clean: an engine is reset before reuse; one that can't be proven clean is closed instead. */
import { randomBytes } from 'node:crypto';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { constants } from 'node:zlib';
import { expect } from 'chai';
import type { DecompressOptions, DecompressStream, Format } from '../../lib/index.ts';
import { engines, ZlibPool } from '../support/library.ts';
import { bytesOf, closed, outcome } from '../support/outcome.ts';
import { compress, formats, json, sample } from '../support/samples.ts';
import { stockStream } from '../support/stock.ts';

/** How the stream before came to its end; whether its engine may be used again: by zlib, if it is zlib's and native. */
const predecessors: Array<
  [name: string, reused: boolean | 'by zlib', end: (stream: DecompressStream, data: Buffer) => unknown]
> = [
  ['a whole message', true, (stream, data) => stream.end(data)],
  [
    'half a message, then destroy()',
    true,
    (stream, data) => stream.write(data.subarray(0, data.length >> 1), () => stream.destroy()),
  ],
  ['an empty flush, then destroy()', true, (stream) => stream.flush(() => stream.destroy())],
  ['a message with a tail', true, (stream, data) => stream.end(Buffer.concat([data, Buffer.alloc(40)]))],
  ['a truncated message', 'by zlib', (stream, data) => stream.end(data.subarray(0, -3))],
  [
    'a corrupt message',
    'by zlib',
    (stream, data) => stream.end(Buffer.concat([data.subarray(0, 30), Buffer.alloc(900, 0xff)])),
  ],
  ['no input', 'by zlib', (stream) => stream.end()],
  [
    'half a message, then destroy(error)',
    false,
    (stream, data) => stream.write(data.subarray(0, 50), () => stream.destroy(new Error('x'))),
  ],
  ['more than it may make', false, (stream, data) => stream.end(data)],
];

describe('P5 clean', () => {
  for (const engine of engines) {
    for (const format of formats) {
      for (const [name, reused, end] of predecessors) {
        it(`serves a good message after ${name} (${engine}, ${format})`, async () => {
          const { plain, data } = sample(30_000, 1, format);
          const pool = new ZlibPool({ engine });
          const before = pool.createDecompress(
            format,
            name === 'more than it may make' ? { maxOutputLength: 29_999 } : undefined,
          );
          let failed = false;
          before
            .on('error', () => {
              failed = true;
            })
            .resume();
          end(before, data);
          await closed(before);
          // An unzip engine that was flushed or ended before it saw what it has to decode is of no use to another stream.
          const undecided = format === 'unzip' && (name.startsWith('an empty flush') || name === 'no input');
          const byZlib = engine === 'native' && format !== 'br' && format !== 'zstd' && !undecided;
          // Node 22 takes truncated Zstandard data for whole.
          const clean = reused === true || (reused === 'by zlib' && byZlib) || (format === 'zstd' && !failed);
          expect(pool.stats).to.include({
            idle: clean && !undecided ? 1 : 0,
            evicted: clean && undecided ? 1 : 0,
            discarded: clean ? 0 : 1,
          });
          const after = pool.createDecompress(format);
          expect((await bytesOf(after, data)).equals(plain)).to.equal(true);
          expect(after.bytesWritten).to.equal(data.length);
          expect(pool.stats.reused).to.equal(clean && !undecided ? 1 : 0);
        });
      }
    }

    for (const format of formats) {
      it(`ignores bytes after the data, however much of a chunk the owner before has filled (${engine}, ${format})`, async () => {
        const noise = randomBytes(constants.Z_DEFAULT_CHUNK);
        for (const length of [1, 100, noise.length - 1]) {
          const pool = new ZlibPool({ engine });
          const before = compress(format, noise.subarray(0, length));
          await bytesOf(pool.createDecompress(format), before);
          // Both outputs together fill one chunk of node:zlib's.
          const data = Buffer.concat([compress(format, noise.subarray(length)), Buffer.alloc(9, 0xaa)]);
          const [ours, theirs] = [pool.createDecompress(format), stockStream(format)].map((stream) =>
            outcome(stream, (to) => void to.end(data)),
          );
          expect(await ours).to.deep.equal(await theirs);
          expect(pool.stats).to.include({ created: 1, reused: 1 });
        }
      });
    }

    it(`never hands a gzip engine to a deflate stream, nor one of another window (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const kinds: Array<[Format, number | undefined]> = [];
      for (const format of ['gzip', 'deflate', 'deflate-raw'] as const) {
        for (const windowBits of [undefined, 10, 15]) kinds.push([format, windowBits]);
      }
      for (let round = 0; round < 2; round++) {
        for (const [format, windowBits] of kinds) {
          const stream = pool.createDecompress(format, windowBits === undefined ? undefined : { windowBits });
          expect(await bytesOf(stream, compress(format, 'abc', { windowBits: 10 }))).to.deep.equal(Buffer.from('abc'));
          await closed(stream);
        }
      }
      // 15 is what undefined means: one kind.
      expect(pool.stats).to.include({ created: 6, idle: 6, reused: 12 });
      // A window of 1 KB refuses data that was made with one of 32 KB; the next one over 15 bits takes it.
      const far = compress('deflate', Buffer.alloc(20_000, 'far away '));
      const small = await outcome(pool.createInflate({ windowBits: 10 }), (stream) => void stream.end(far));
      expect(small.error).to.include({ code: 'Z_DATA_ERROR', message: 'invalid window size' });
      expect((await bytesOf(pool.createInflate(), far)).length).to.equal(20_000);
    });

    it(`closes engines of windowBits 0 and with a dictionary after one stream (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const dictionary = Buffer.from('the words that come often');
      const { deflateSync } = await import('node:zlib');
      const data = deflateSync('words that come often', { dictionary });
      for (let i = 0; i < 3; i++) {
        const stream = pool.createInflate({ dictionary });
        expect((await bytesOf(stream, data)).toString()).to.equal('words that come often');
        await closed(stream);
        const zero = pool.createInflate({ windowBits: 0 });
        expect((await bytesOf(zero, compress('deflate', 'abc'))).toString()).to.equal('abc');
        await closed(zero);
      }
      expect(pool.stats).to.include({ created: 6, reused: 0, idle: 0, evicted: 6, discarded: 0 });
      const without = await outcome(pool.createInflate(), (stream) => void stream.end(data));
      expect(without.error).to.include({ code: 'Z_NEED_DICT', message: 'Missing dictionary' });
    });

    it(`keeps unzip engines by what they have decoded, which they stay with (${engine})`, async () => {
      const gzip = compress('gzip', 'gzip ');
      const deflate = compress('deflate', 'deflate ');
      const pool = new ZlibPool({ engine });
      // Once it has seen gzip, node:zlib's unzip goes on after the end of the data; once it has seen deflate, it stops there.
      const messages: Array<[input: Buffer, output: string]> = [
        [Buffer.concat([gzip, deflate]), 'gzip deflate '],
        [Buffer.concat([deflate, gzip]), 'deflate '],
        [Buffer.concat([gzip, gzip]), 'gzip gzip '],
      ];
      for (let round = 0; round < 3; round++) {
        for (const [input, output] of messages) {
          expect(String(await bytesOf(stockStream('unzip'), input))).to.equal(output);
          const stream = pool.createUnzip();
          expect(String(await bytesOf(stream, input))).to.equal(output);
          await closed(stream);
        }
      }
      expect(pool.stats).to.include({ created: 2, reused: 7, idle: 2 });
      // One byte does not tell: such a stream has an engine for itself.
      const split = pool.createUnzip();
      split.write(gzip.subarray(0, 1));
      expect(String(await bytesOf(split, gzip.subarray(1)))).to.equal('gzip ');
      await closed(split);
      expect(pool.stats).to.include({ created: 3, idle: 2, evicted: 1 });
    });

    it(`closes Brotli and Zstandard engines with parameters or a dictionary after one stream (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const { BROTLI_DECODER_PARAM_LARGE_WINDOW, ZSTD_d_windowLogMax } = constants as Record<string, number>;
      const optionSets: Array<[Format, DecompressOptions]> = [
        ['br', { params: { [BROTLI_DECODER_PARAM_LARGE_WINDOW as number]: true } }],
        ['br', { dictionary: Buffer.from('abc') }],
      ];
      if (formats.includes('zstd')) optionSets.push(['zstd', { params: { [ZSTD_d_windowLogMax as number]: 20 } }]);
      for (const [format, options] of optionSets) {
        for (let i = 0; i < 2; i++) {
          const stream = pool.createDecompress(format, options);
          expect(String(await bytesOf(stream, compress(format, 'abc')))).to.equal('abc');
          await closed(stream);
        }
      }
      expect(pool.stats).to.include({ created: 2 * optionSets.length, reused: 0, evicted: 2 * optionSets.length });
      const limits: Array<[Format, DecompressOptions]> = [['br', {}]];
      if (formats.includes('zstd')) limits.push(['zstd', { params: { [ZSTD_d_windowLogMax as number]: 10 } }]);
      for (const [format, options] of limits) {
        const data = compress(format, json(300_000, 1));
        const ours = await outcome(pool.createDecompress(format, options), (stream) => void stream.end(data));
        const theirs = await outcome(stockStream(format, options), (stream) => void stream.end(data));
        expect(ours.error).to.deep.equal(theirs.error);
        expect(theirs.error === undefined).to.equal(format === 'br');
      }
    });

    it(`closes a Zstandard engine that has grown a big window (${engine})`, async () => {
      if (!formats.includes('zstd')) {
        const pool = new ZlibPool({ engine });
        expect(() => pool.createZstdDecompress())
          .to.throw()
          .with.property('code', 'ERR_FORMAT_UNAVAILABLE');
        return;
      }
      const pool = new ZlibPool({ engine });
      for (const [length, idle] of [
        [1_000, 1],
        [400_000, 0],
        [262_144, 1],
      ] as const) {
        const stream = pool.createZstdDecompress();
        expect((await bytesOf(stream, compress('zstd', Buffer.alloc(length, 'big ')))).length).to.equal(length);
        await closed(stream);
        expect(pool.stats.idle).to.equal(idle);
      }
      expect(pool.stats).to.include({ created: 2, reused: 1, evicted: 1, discarded: 0 });
    });

    it(`starts bytesWritten of each stream at 0 (${engine})`, async () => {
      const { data } = sample(1_000);
      const pool = new ZlibPool({ engine });
      for (let i = 0; i < 3; i++) {
        const stream = pool.createGunzip();
        expect(stream.bytesWritten).to.equal(0);
        await bytesOf(stream, data);
        expect(stream.bytesWritten).to.equal(data.length);
        await closed(stream);
        await nextTurn();
      }
      expect(pool.stats.created).to.equal(1);
    });
  }
});

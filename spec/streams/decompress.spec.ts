/** The stream: its methods and options beside node:zlib's, and how it shares the main thread and the threadpool. */
import { once } from 'node:events';
import { Transform } from 'node:stream';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import {
  constants,
  deflateRawSync,
  deflateSync,
  createGunzip as stockGunzip,
  createInflate as stockInflate,
  createInflateRaw as stockInflateRaw,
  type ZlibOptions,
} from 'node:zlib';
import { expect } from 'chai';
import type { DecompressOptions, DecompressStream as Stream } from '../../lib/index.ts';
import {
  createBrotliDecompress,
  createGunzip,
  createInflate,
  createInflateRaw,
  createUnzip,
  createZstdDecompress,
  DecompressStream,
  defaultPool,
  engineOf,
  engines,
  watchLeases,
  ZlibPool,
} from '../support/library.ts';
import { bytesOf, closed, outcome, thrownBy } from '../support/outcome.ts';
import { compress, formats, pieces, random, sample } from '../support/samples.ts';
import { uncaughtDuring } from '../support/uncaught.ts';
import { until } from '../support/until.ts';

const { plain, data } = sample(3_000);
const big = sample(1_000_000);

describe('DecompressStream', () => {
  it('comes from the factories of the package, on the default pool', async () => {
    const streams = [createGunzip(), createInflate(), createInflateRaw(), createUnzip(), createBrotliDecompress()];
    const messages = (['gzip', 'deflate', 'deflate-raw', 'unzip', 'br'] as const).map((format) =>
      compress(format, plain),
    );
    if (formats.includes('zstd')) {
      streams.push(createZstdDecompress());
      messages.push(compress('zstd', plain));
    } else {
      expect(thrownBy(createZstdDecompress)).to.include({ code: 'ERR_FORMAT_UNAVAILABLE' });
    }
    for (const [i, stream] of streams.entries()) {
      expect(stream).to.be.instanceOf(Transform);
      expect((await bytesOf(stream, messages[i])).equals(plain)).to.equal(true);
    }
    expect(defaultPool.stats.created).to.be.at.least(3);
    expect(defaultPool.stats.leased).to.be.at.most(1);
  });

  describe('options', () => {
    const values: unknown[] = [
      0,
      -1,
      1,
      5,
      6,
      8,
      9,
      15,
      16,
      63,
      64,
      1.5,
      2 ** 40,
      Number.NaN,
      null,
      '9',
      {},
      Number.POSITIVE_INFINITY,
      true,
      [],
    ];
    const names = [
      'chunkSize',
      'flush',
      'finishFlush',
      'windowBits',
      'level',
      'memLevel',
      'strategy',
      'dictionary',
      'maxOutputLength',
      'highWaterMark',
      'rejectGarbageAfterEnd',
    ];
    for (const name of names) {
      it(`throw for ${name} what node:zlib throws, and only then`, () => {
        for (const value of values) {
          const options = { [name]: value };
          // A buffer of such a size would be made at once.
          if (name === 'chunkSize' && (value as number) > 2 ** 31) continue;
          const theirs = thrownBy(() => stockInflate(options as ZlibOptions).close());
          const ours = thrownBy(() => new ZlibPool().createInflate(options as DecompressOptions));
          expect(ours, `${name}: ${String(value)}`).to.deep.equal(theirs);
        }
      });
    }

    it('take all that is valid, and behave alike', async () => {
      const valid: ZlibOptions[] = [
        { chunkSize: 64 },
        { flush: constants.Z_SYNC_FLUSH },
        { flush: 2.7, finishFlush: constants.Z_SYNC_FLUSH },
        { windowBits: 15, level: 9, memLevel: 9, strategy: 1 },
        { dictionary: Buffer.from('unused') },
        { highWaterMark: 10 } as ZlibOptions,
        { objectMode: true, encoding: 'utf8', writableObjectMode: true } as ZlibOptions,
        { readableObjectMode: true } as ZlibOptions,
      ];
      for (const engine of engines) {
        for (const options of valid) {
          const theirs = await outcome(stockGunzip(options), (stream) => void stream.end(data));
          const ours = await outcome(new ZlibPool({ engine }).createGunzip(options), (stream) => void stream.end(data));
          expect(ours, JSON.stringify(options)).to.deep.equal(theirs);
        }
      }
    });

    it('cut chunks where node:zlib cuts them, with a chunkSize', async () => {
      for (const engine of engines) {
        for (const chunkSize of [64, 1_000, 16_384, 100_000]) {
          const lengths = async (stream: Transform) => {
            const all: number[] = [];
            stream.on('data', (chunk) => all.push(chunk.length));
            for (const piece of pieces(big.data, 30_000)) await new Promise((resolve) => stream.write(piece, resolve));
            await once(stream.end(), 'end');
            return all;
          };
          const ours = await lengths(new ZlibPool({ engine }).createGunzip({ chunkSize }));
          expect(Math.max(...ours)).to.be.at.most(chunkSize);
          if (engine === 'native') expect(ours).to.deep.equal(await lengths(stockGunzip({ chunkSize })));
        }
      }
    });

    it('finish without an error where finishFlush says so, and hand out all there is', async () => {
      for (const engine of engines) {
        const stream = new ZlibPool({ engine }).createGunzip({ finishFlush: constants.Z_SYNC_FLUSH });
        const bytes = await bytesOf(stream, data.subarray(0, -20));
        expect(bytes.length).to.be.above(2_500);
        expect(plain.subarray(0, bytes.length).equals(bytes)).to.equal(true);
      }
    });

    it('reject garbage after the end, on every Node', async () => {
      for (const engine of engines) {
        const tail = (bytes: Buffer) => Buffer.concat([deflateSync(plain), bytes]);
        const stream = new ZlibPool({ engine }).createInflate({ rejectGarbageAfterEnd: true });
        const { error } = await outcome(stream, () => void stream.end(tail(Buffer.from('x'))));
        expect(error).to.deep.equal({
          code: 'ERR_TRAILING_JUNK_AFTER_STREAM_END',
          errno: undefined,
          message: 'Trailing junk found after the end of the compressed stream',
        });
        const clean = new ZlibPool({ engine }).createInflate({ rejectGarbageAfterEnd: true });
        expect((await bytesOf(clean, tail(Buffer.alloc(0)))).equals(plain)).to.equal(true);
      }
    });
  });

  for (const engine of engines) {
    describe(`methods (${engine})`, () => {
      it('flush() calls back once what was written is out', async () => {
        const { deflateRawSync } = await import('node:zlib');
        const half = deflateRawSync(plain, { finishFlush: constants.Z_SYNC_FLUSH });
        const stream = new ZlibPool({ engine }).createInflateRaw();
        let length = 0;
        stream.on('data', (chunk) => {
          length += chunk.length;
        });
        stream.write(half);
        await new Promise<void>((resolve) => stream.flush(resolve));
        expect(length).to.equal(plain.length);
        await new Promise<void>((resolve) => stream.flush(constants.Z_SYNC_FLUSH, resolve));
        stream.flush();
        stream.end(half);
        const order: string[] = [];
        stream.on('end', () => order.push('end'));
        stream.flush(() => order.push('flushed'));
        stream.on('error', () => order.push('error'));
        await closed(stream);
        // The data never ends with a last block: an error, and a flush that waits for 'end' is never called.
        expect(order).to.deep.equal(['error']);
      });

      it('flush() after the end calls back at once', async () => {
        const stream = new ZlibPool({ engine }).createGunzip();
        await bytesOf(stream, data);
        await new Promise<void>((resolve) => stream.flush(resolve));
      });

      it('flush() throws for a bad kind what node:zlib throws', () => {
        for (const kind of [-1, 6, 99, 1.5, 'x', {}, null, Number.POSITIVE_INFINITY]) {
          const ours = thrownBy(() => new ZlibPool({ engine }).createGunzip().flush(kind as number));
          const theirs = thrownBy(() => stockGunzip().flush(kind as number));
          expect(ours, String(kind)).to.deep.equal(theirs);
        }
      });

      it('reset() makes one stream serve many messages', async () => {
        const pool = new ZlibPool({ engine, maxOutputLength: 4_000 });
        const stream = pool.createGunzip();
        stream.reset();
        const chunks: Buffer[] = [];
        stream.on('data', (chunk) => chunks.push(chunk));
        for (let i = 0; i < 5; i++) {
          await new Promise((resolve) => stream.write(data, resolve));
          expect(Buffer.concat(chunks.splice(0)).equals(plain)).to.equal(true);
          stream.reset();
        }
        expect(stream.bytesWritten).to.equal(5 * data.length);
        stream.close();
        await closed(stream);
        expect(pool.stats).to.include({ created: 1, idle: 1 });
      });

      it('reset() inside data drops the rest of the message, as in node:zlib', async () => {
        const run = async (stream: Transform & { reset(): void; bytesWritten: number }) => {
          const result = await outcome(stream, () => {
            stream.once('data', () => stream.reset());
            stream.end(big.data);
          });
          return { ...result, bytes: 0 };
        };
        const options = { chunkSize: 16_384 };
        const theirs = await run(stockGunzip(options) as never);
        expect(theirs.error?.code).to.equal('Z_DATA_ERROR');
        const ours = await run(new ZlibPool({ engine }).createGunzip(options));
        // The public engine runs ahead: what it has used up by then is another part of the data.
        if (engine === 'native') expect(ours).to.deep.equal(theirs);
        else expect(ours.error?.code).to.equal('Z_DATA_ERROR');
      });

      it('reset() throws while a write is in progress', async () => {
        const stream = new ZlibPool({ engine }).createGunzip();
        stream.resume().write(big.data);
        expect(() => stream.reset()).to.throw('Cannot reset zlib stream while a write is in progress');
        await new Promise((resolve) => process.nextTick(resolve));
        expect(() => stream.reset()).to.throw('Cannot reset zlib stream while a write is in progress');
        stream.destroy();
        await closed(stream);
      });

      it('reset() throws while the last flush is under way, as found by seed 1940427493', async () => {
        const stream = new ZlibPool({ engine }).createGunzip();
        let thrown: unknown;
        stream.on('prefinish', () => {
          thrown = thrownBy(() => stream.reset())?.message;
        });
        expect((await bytesOf(stream, data)).equals(plain)).to.equal(true);
        expect(thrown).to.equal('Cannot reset zlib stream while a write is in progress');
      });

      it('emits an error in a later turn than that of its write, as undici needs it', async () => {
        const stream = new ZlibPool({ engine }).createGunzip();
        const order: string[] = [];
        stream.on('error', () => order.push('error'));
        stream.end(Buffer.from('this was never compressed'));
        await Promise.resolve();
        process.nextTick(() => process.nextTick(() => void Promise.resolve().then(() => order.push('this turn'))));
        await closed(stream);
        expect(order).to.deep.equal(['this turn', 'error']);
      });

      it('emits no error once it is destroyed, though it was found before', async () => {
        const stream = new ZlibPool({ engine }).createGunzip();
        const errors: unknown[] = [];
        stream.on('error', (error) => errors.push(error));
        stream.end(Buffer.from('this was never compressed'));
        await new Promise((resolve) => process.nextTick(resolve));
        await Promise.resolve();
        stream.destroy();
        await closed(stream);
        expect(errors).to.deep.equal([]);
      });

      it('close() calls back when closed, with the premature close that node:zlib reports', async () => {
        const stream = new ZlibPool({ engine }).createGunzip();
        stream.write(data);
        const error = await new Promise<Error | null | undefined>((resolve) => stream.close(resolve));
        expect(stream.closed).to.equal(true);
        const theirs = stockGunzip();
        theirs.write(data);
        const stock = await new Promise<unknown>((resolve) => theirs.close(resolve as () => void));
        expect(error).to.have.property('code', (stock as NodeJS.ErrnoException).code);
      });

      it('write callbacks of a destroyed stream come in the order of node:zlib', async () => {
        const run = async (stream: Transform) => {
          const order: string[] = [];
          stream.on('close', () => order.push('close'));
          for (const i of [1, 2, 3])
            stream.write(data, (error) => order.push(`write ${i} ${(error as NodeJS.ErrnoException)?.code}`));
          stream.destroy();
          await until(() => order.length === 4);
          return order;
        };
        expect(await run(new ZlibPool({ engine }).createGunzip())).to.deep.equal(await run(stockGunzip()));
      });
    });

    describe(`back-pressure (${engine})`, () => {
      it('stops between slabs while nobody reads, and goes on when somebody does', async () => {
        const zeros = compress('gzip', Buffer.alloc(20_000_000));
        const pool = new ZlibPool({ engine });
        const stream = pool.createGunzip();
        stream.end(zeros);
        let held: number;
        do {
          held = pool.stats.bytesOut;
          await delay(50);
        } while (held === 0 || pool.stats.bytesOut > held);
        expect(held).to.be.within(1, 2_000_000);
        let length = 0;
        for await (const chunk of stream) length += chunk.length;
        expect(length).to.equal(20_000_000);
      });

      it('hands out in one piece a message of known length, up to 1 MB and 16 times its input', async () => {
        const lengthsOf = async (plain: Buffer) => {
          const lengths: number[] = [];
          const stream = new ZlibPool({ engine }).createGunzip();
          stream.on('data', (chunk: Buffer) => lengths.push(chunk.length));
          stream.end(compress('gzip', plain));
          await closed(stream);
          return lengths;
        };
        expect(await lengthsOf(sample(70_000).plain)).to.deep.equal([70_000]);
        expect(await lengthsOf(sample(1_048_576).plain)).to.deep.equal([1_048_576]);
        expect((await lengthsOf(sample(1_048_577).plain))[0]).to.equal(262_144);
        // What expands as nothing sent does, is not waited for by a slow reader in pieces of that size.
        expect(await lengthsOf(Buffer.alloc(262_144))).to.deep.equal([262_144]);
        expect(Math.max(...(await lengthsOf(Buffer.alloc(1_000_000))))).to.equal(262_144);
      });
    });
  }

  describe('the main thread', () => {
    /** Bytes made in the same turn of the event loop as the write: by the main thread. */
    async function madeAtOnce(inline: object, message: Buffer, count = 1): Promise<number> {
      const pool = new ZlibPool({ engine: 'native', inline });
      await nextTurn();
      const streams = Array.from({ length: count }, () => pool.createGunzip());
      for (const stream of streams) stream.resume().write(message);
      for (let i = 0; i < 3; i++) await new Promise((resolve) => process.nextTick(resolve));
      const { bytesOut } = pool.stats;
      for (const stream of streams) stream.destroy();
      await Promise.all(streams.map(closed));
      return bytesOut;
    }

    it('inflates a small message within the turn it was written in', async () => {
      expect(await madeAtOnce({}, data)).to.equal(3_000);
    });

    it('leaves all to the threadpool where any of its three limits is 0', async () => {
      for (const name of ['inputLength', 'outputLength', 'turnLength']) {
        expect(await madeAtOnce({ [name]: 0 }, data)).to.equal(0);
      }
    });

    it('leaves a long input to the threadpool', async () => {
      expect(await madeAtOnce({ inputLength: data.length - 1 }, data)).to.equal(0);
      expect(await madeAtOnce({ inputLength: data.length }, data)).to.equal(3_000);
    });

    it('makes at most outputLength of one chunk, however small it was', async () => {
      // The zeros behind it are padding: they hide the length that gzip's last bytes tell.
      const bomb = Buffer.concat([compress('gzip', Buffer.alloc(5_000_000)), Buffer.alloc(8)]);
      expect(bomb.length).to.be.below(16_384);
      expect(await madeAtOnce({}, bomb)).to.equal(65_536);
      expect(await madeAtOnce({ outputLength: 20_000 }, bomb)).to.equal(20_000);
    });

    it('leaves to the threadpool what gzip says to be longer than outputLength', async () => {
      expect(await madeAtOnce({ outputLength: 2_999 }, data)).to.equal(0);
      expect(await madeAtOnce({ outputLength: 3_000 }, data)).to.equal(3_000);
    });

    it('ends a message that fills outputLength to the byte without a way to the threadpool', async () => {
      const stream = new ZlibPool({ engine: 'native' }).createGunzip();
      await nextTurn();
      let ended = false;
      stream.resume().on('end', () => {
        ended = true;
      });
      stream.end(compress('gzip', Buffer.alloc(65_536)));
      // Nothing comes back from the threadpool between ticks.
      for (let i = 0; i < 20; i++) await new Promise((resolve) => process.nextTick(resolve));
      expect(ended).to.equal(true);
    });

    describe('with a message that comes in one chunk', () => {
      const deflated = deflateSync(sample(60_000).plain);
      const wrongSum = Buffer.concat([deflated.subarray(0, -4), Buffer.alloc(4)]);

      /** Lengths of the chunks, and the code of the error if there is one. */
      async function cuts(stream: Transform, message: Buffer): Promise<Array<number | string | undefined>> {
        const all: Array<number | string | undefined> = [];
        stream.on('data', (chunk) => all.push(chunk.length));
        stream.on('error', ({ code }: NodeJS.ErrnoException) => all.push(code));
        stream.end(message);
        await closed(stream);
        return all;
      }
      const ours = (options?: ZlibOptions) => new ZlibPool({ engine: 'native' }).createInflate(options);

      it('makes it in one piece, up to 64 KB', async () => {
        expect(await cuts(ours(), deflated)).to.deep.equal([60_000]);
        expect(await cuts(ours(), deflateSync(Buffer.alloc(65_536)))).to.deep.equal([65_536]);
        expect(await cuts(ours(), deflateSync(Buffer.alloc(65_537)))).to.deep.equal([65_536, 1]);
        const gunzip = new ZlibPool({ engine: 'native' }).createGunzip();
        expect(await cuts(gunzip, sample(50_000).data)).to.deep.equal([50_000]);
        expect(await cuts(stockInflate(), deflated)).to.deep.equal([16_384, 16_384, 16_384, 10_848]);
      });

      it('keeps no more memory than it is long, whatever its last bytes say', async () => {
        // Behind the end, for node:zlib to ignore; a reader of the trailer takes it for a length.
        const lie = Buffer.alloc(8);
        lie.writeUInt32LE(60_000, 4);
        const stream = new ZlibPool({ engine: 'native' }).createGunzip();
        const kept: number[] = [];
        stream.on('data', (chunk) => kept.push(chunk.buffer.byteLength));
        stream.end(Buffer.concat([sample(9_000).data, lie]));
        await closed(stream);
        expect(kept).to.deep.equal([9_000]);
      });

      it('makes it in the pieces of node:zlib with a chunkSize', async () => {
        const options = { chunkSize: 16_384 };
        expect(await cuts(ours(options), deflated)).to.deep.equal(await cuts(stockInflate(options), deflated));
      });

      it('hands out before an error what node:zlib does, though it was tried as a whole', async () => {
        for (const bad of [wrongSum, deflated.subarray(0, -1), deflated.subarray(0, deflated.length >> 1)]) {
          const theirs = await cuts(stockInflate(), bad);
          expect(theirs.at(-1)).to.match(/^Z_/);
          expect(await cuts(ours(), bad)).to.deep.equal(theirs);
        }
      });

      it('hands out nothing before an error that node:zlib finds at once, whatever the length hint says', async () => {
        for (const hint of [0, 1, 338, 765, 767, 20_000, 2 ** 31, 2 ** 32 - 1]) {
          const lie = compress('gzip', Buffer.alloc(766));
          lie.writeUInt32LE(hint, lie.length - 4);
          const theirs = await cuts(stockGunzip(), lie);
          expect(theirs).to.deep.equal(['Z_DATA_ERROR']);
          expect(await cuts(new ZlibPool({ engine: 'native' }).createGunzip(), lie)).to.deep.equal(theirs);
        }
      });

      it('finds what reaches back further than a small window where node:zlib finds it', async () => {
        const raw = deflateRawSync(sample(60_000).plain, { windowBits: 15 });
        const options = { windowBits: 9 };
        const theirs = await cuts(stockInflateRaw(options), raw);
        expect(theirs).to.deep.equal([16_384, 'Z_DATA_ERROR']);
        expect(await cuts(new ZlibPool({ engine: 'native' }).createInflateRaw(options), raw)).to.deep.equal(theirs);
      });

      /** How much of a good message comes out in the turn in which bad ones came before it. */
      async function madeBehind(bad: Buffer, count: number): Promise<number> {
        const pool = new ZlibPool({ engine: 'native', inline: { turnLength: 20_000 } });
        const all = Array.from({ length: count + 1 }, () => pool.createInflate());
        await nextTurn();
        for (const stream of all) stream.resume().on('error', () => {});
        for (const stream of all.slice(0, count)) stream.end(bad);
        all.at(-1)?.end(deflateSync(plain));
        for (let i = 0; i < 3; i++) await new Promise((resolve) => process.nextTick(resolve));
        const { bytesOut } = pool.stats;
        await Promise.all(all.map(closed));
        return bytesOut;
      }

      it('counts a try that failed to what the turn has done: of little input, little', async () => {
        const most = deflated.subarray(0, 1_400);
        // The try counts as 16 times its input, which is more than the turn may do.
        expect(await madeBehind(Buffer.concat([most, Buffer.alloc(100, 0xff)]), 1)).to.equal(0);
        // Four tries and four writes after them are 16 KB: a step is 2 KB at least.
        const cut = deflateSync('short').subarray(0, -2);
        expect(await madeBehind(cut, 4)).to.equal(4 * 'short'.length + plain.length);
      });
    });

    it('makes at most turnLength and one step in a turn, for all streams together', async () => {
      expect(await madeAtOnce({ turnLength: 30_000 }, data, 50)).to.equal(30_000);
      expect(await madeAtOnce({}, data, 100)).to.be.within(131_072, 131_072 + 3_000);
      expect(await madeAtOnce({ turnLength: 1e9 }, data, 100)).to.equal(300_000);
    });

    it('counts a step as 2 KB at least: a stream takes its time, however little it inflates', async () => {
      const tiny = compress('gzip', Buffer.alloc(100));
      expect(await madeAtOnce({ turnLength: 30_000 }, tiny, 50)).to.equal(100 * Math.ceil(30_000 / 2_048));
    });
  });

  describe('a small message in a turn that is used up', () => {
    const inline = { turnLength: 9_000 };

    it('waits for a later turn, first come first served', async () => {
      const pool = new ZlibPool({ engine: 'native', inline });
      await nextTurn();
      const order: number[] = [];
      const streams = Array.from({ length: 20 }, (_, i) => pool.createGunzip().on('data', () => order.push(i)));
      const bytes = streams.map((stream) => bytesOf(stream, data));
      const perTurn: number[] = [];
      for (let i = 0; i < 9; i++) {
        const before = pool.stats.bytesOut;
        await nextTurn();
        perTurn.push((pool.stats.bytesOut - before) / 3_000);
      }
      for (const message of await Promise.all(bytes)) expect(message.equals(plain)).to.equal(true);
      expect(order).to.deep.equal(Array.from({ length: 20 }, (_, i) => i));
      // 9,000 bytes are three messages.
      expect(perTurn.every((count) => count <= 6)).to.equal(true);
      expect(Math.max(...perTurn)).to.be.at.least(3);
    });

    it('may be destroyed while it waits, and holds up nobody when a listener throws', async () => {
      const pool = new ZlibPool({ engine: 'native', inline });
      const caught = await uncaughtDuring(async (caught) => {
        const streams = Array.from({ length: 12 }, () => pool.createGunzip());
        const bytes = streams.map((stream, i) => (i === 6 || i === 8 ? undefined : bytesOf(stream, data)));
        const [destroyed, thrower] = [streams[6], streams[8]] as [Stream, Stream];
        destroyed.write(data);
        thrower.on('data', () => {
          throw new Error('from a listener');
        });
        thrower.write(data);
        await new Promise((resolve) => process.nextTick(resolve));
        destroyed.destroy();
        for (const message of await Promise.all(bytes))
          if (message !== undefined) expect(message.equals(plain)).to.equal(true);
        await closed(destroyed);
        while (caught.length === 0) await nextTurn();
        thrower.destroy();
        await closed(thrower);
      });
      expect(caught).to.deep.equal(['Error: from a listener']);
      expect(pool.stats).to.include({ leased: 0 });
    });

    it('does not wait where it is not the turn that is used up', async () => {
      const bomb = compress('gzip', Buffer.alloc(500_000));
      expect(bomb.length).to.be.below(2_048);
      // What the main thread may make of a chunk ends within one of 1,000 bytes.
      const stream = new ZlibPool({ engine: 'native' }).createGunzip({ chunkSize: 1_000 });
      expect((await bytesOf(stream, bomb)).length).to.equal(500_000);
    });

    it('waits, whatever its length, where it is stored as it was', async () => {
      const noise = Buffer.from(Array.from({ length: 9_000 }, random(1)).map((value) => value * 256));
      const stored = compress('gzip', noise);
      expect(stored.length).to.be.within(9_001, 9_050);
      for (const format of ['gzip', 'deflate'] as const) {
        const pool = new ZlibPool({ engine: 'native', inline: { turnLength: 1 } });
        await nextTurn();
        const message = format === 'gzip' ? stored : deflateSync(noise);
        const all = Array.from({ length: 4 }, () => bytesOf(pool.createDecompress(format), message));
        // 'end' comes a run of ticks after 'finish'.
        for (let run = 0; run < 3; run++) await new Promise((resolve) => process.nextTick(resolve));
        const { leased } = pool.stats;
        // One is done, and the others wait for a turn without an engine. Deflate does not state its
        // length, so that it is taken for long work.
        expect({ format, leased }).to.deep.equal({ format, leased: format === 'gzip' ? 0 : 4 });
        for (const output of await Promise.all(all)) expect(output.equals(noise)).to.equal(true);
      }
    });

    it('goes to the threadpool if its work is long, and others wait or are there', async () => {
      const long = sample(20_000);
      const pool = new ZlibPool({ engine: 'native', inline: { turnLength: 1 } });
      const leases = watchLeases(pool);
      const busy = () => leases.filter((lease) => !lease.released && engineOf(lease).busy).length;
      await nextTurn();
      const alone = bytesOf(pool.createGunzip({ chunkSize: 16_384 }), long.data);
      await new Promise((resolve) => process.nextTick(resolve));
      // One step on the main thread, of 16 KB: then the turn was used up.
      expect({ busy: busy(), bytesOut: pool.stats.bytesOut }).to.deep.equal({ busy: 0, bytesOut: 16_384 });
      const others = Array.from({ length: 3 }, () => bytesOf(pool.createGunzip(), long.data));
      await new Promise((resolve) => process.nextTick(resolve));
      expect({ busy: busy(), bytesOut: pool.stats.bytesOut }).to.deep.equal({ busy: 3, bytesOut: 16_384 });
      for (const message of await Promise.all([alone, ...others])) expect(message.equals(long.plain)).to.equal(true);
    });
  });

  it('is exported for instanceof', () => {
    expect(createGunzip()).to.be.instanceOf(DecompressStream);
  });

  it('passes on error.cause-free errors of node:zlib unchanged in a stream that was never read', async () => {
    const stream = createGunzip();
    stream.end('not gzip');
    const [error] = await once(stream, 'error');
    expect({ ...error }).to.deep.equal({ errno: -3, code: 'Z_DATA_ERROR' });
  });
});

/** The outside of a stream: what code finds that looks for node:zlib's own streams, and for what those have of old. */
import { once } from 'node:events';
import { setFlagsFromString } from 'node:v8';
import { constants, type Gunzip, type ZlibOptions } from 'node:zlib';
import { expect } from 'chai';
import type { DecompressOptions, DecompressStream, Format } from '../../lib/index.ts';
import { engines, ZlibPool } from '../support/library.ts';
import { bytesOf, closed, thrownBy } from '../support/outcome.ts';
import { compress, formats, sample } from '../support/samples.ts';
import { stockCompressStream, stockStream } from '../support/stock.ts';

type Legacy = DecompressStream &
  Gunzip & {
    _handle: object | null;
    _closed: boolean;
    bytesRead: number;
    params(level: number, strategy: number, callback: () => void): void;
    _processChunk(chunk: Buffer, flush: number, callback?: () => void): Buffer | undefined;
  };

/** The same, done to a stream of node:zlib and to one of ours. */
function both<T>(format: Format, act: (stream: Legacy) => T, options?: DecompressOptions): [ours: T, theirs: T] {
  const theirs = stockStream(format, options as ZlibOptions) as unknown as Legacy;
  const ours = new ZlibPool().createDecompress(format, options) as Legacy;
  return [act(ours), act(theirs)];
}

async function bothAsync<T>(
  format: Format,
  act: (stream: Legacy) => Promise<T>,
  options?: DecompressOptions,
): Promise<void> {
  const [ours, theirs] = both(format, act, options);
  expect(await ours).to.deep.equal(await theirs);
}

describe('A stream, from outside', () => {
  for (const format of formats) {
    it(`refuses the options that node:zlib refuses, in its words (${format})`, () => {
      const refused: Record<string, unknown[]> = {
        chunkSize: [0, 63, -1, 'x', {}, Number.POSITIVE_INFINITY],
        windowBits: [7, 16, -1, 'x'],
        flush: [-1, 3, 4, 5, 6, 'x'],
        finishFlush: [-1, 2, 3, 4, 5, 6, 'x'],
        level: [99, 'x'],
        memLevel: [99],
        strategy: [99, 'x'],
        dictionary: ['a string', 5, {}, [], null],
        params: [{ 99: 1 }, { x: 1 }, { [-1]: 1 }, { 0: 'x' }, { 1: 'x' }, 5],
        pledgedSrcSize: [-1],
        maxOutputLength: [0, -1, 'x'],
        rejectGarbageAfterEnd: [1, 'x', null],
      };
      for (const [name, values] of Object.entries(refused)) {
        for (const value of values) {
          // Node 20 has no rejectGarbageAfterEnd.
          const options = { [name]: value };
          const theirs = thrownBy(() => stockStream(format, options).close());
          const ours = thrownBy(() => new ZlibPool().createDecompress(format, options as DecompressOptions).close());
          expect(ours, `${name}: ${String(value)}`).to.deep.equal(theirs);
        }
      }
    });

    it(`refuses the kinds of flush that node:zlib refuses, before the end and after it (${format})`, async () => {
      for (const kind of [-1, 0, 1, 2, 3, 4, 5, 6, 1.5, 'x', null, Number.NaN, undefined, {}]) {
        for (const ended of [false, true]) {
          const act = (stream: Legacy) => {
            stream.on('error', () => {});
            if (ended) stream.end();
            return thrownBy(() => stream.flush(kind as number, () => {}));
          };
          const [ours, theirs] = both(format, act);
          expect(ours, `${String(kind)}, ended: ${ended}`).to.deep.equal(theirs);
        }
      }
    });

    it(`has params() where node:zlib has it (${format})`, async () => {
      const [ours, theirs] = both(format, (stream) => 'params' in stream);
      expect(ours).to.equal(theirs);
      if (!ours) return;
      for (const args of [
        [99, 0],
        [-2, 0],
        [1, 99],
        ['x', 0],
        [undefined, undefined],
      ]) {
        const [a, b] = both(format, (stream) => thrownBy(() => stream.params(...(args as [number, number]), () => {})));
        expect(a, String(args)).to.deep.equal(b);
      }
      const { data } = sample(3_000, 1, format);
      // Its Z_SYNC_FLUSH means "finish" to Brotli.
      const split = format === 'br' ? data.length : 500;
      for (const levels of [[9], [-1], [9, 9], [9, 3, -1]]) {
        for (const options of [undefined, { level: 9, strategy: constants.Z_HUFFMAN_ONLY }]) {
          await bothAsync(
            format,
            async (stream) => {
              const order: string[] = [];
              stream.on('data', () => order.at(-1) !== 'data' && order.push('data'));
              await new Promise<unknown>((resolve) => stream.write(data.subarray(0, split), resolve));
              for (const level of levels) {
                await new Promise<void>((resolve) => {
                  stream.params(level, 0, () => {
                    order.push(`params ${level}`);
                    resolve();
                  });
                });
              }
              stream.end(data.subarray(split), () => order.push('end()'));
              await once(stream, 'end');
              return order;
            },
            options,
          );
        }
      }
    });

    it(`has the _level and _strategy of node:zlib, also for NaN (${format})`, () => {
      for (const options of [
        undefined,
        {},
        { level: 9, strategy: 2 },
        { level: 5.5 },
        { level: Number.NaN, strategy: Number.NaN },
      ]) {
        const levelsOf = (stream: object) => ['_level', '_strategy'].map((name) => Reflect.get(stream, name));
        const [ours, theirs] = both(format, levelsOf, options);
        expect(ours, JSON.stringify(options)).to.deep.equal(theirs);
        if (format === 'unzip') continue;
        const compressor = stockCompressStream(format, options);
        expect(levelsOf(new ZlibPool().createCompress(format, options))).to.deep.equal(levelsOf(compressor));
        compressor.close();
      }
    });

    it(`has a _handle that is of the right class, nobody's engine, and gone with the stream (${format})`, async () => {
      const pool = new ZlibPool();
      const stream = pool.createDecompress(format) as Legacy;
      const stock = stockStream(format) as unknown as Legacy;
      expect(stream._handle?.constructor).to.equal(stock._handle?.constructor);
      expect(stream._handle).to.equal(stream._handle);
      expect(pool.stats.created).to.equal(0);
      expect([stream._closed, stock._closed]).to.deep.equal([false, false]);
      for (const one of [stream, stock]) one.destroy();
      expect([stream._handle, stock._handle]).to.deep.equal([null, null]);
      expect([stream._closed, stock._closed]).to.deep.equal([true, true]);
      await closed(stream);
    });

    it(`takes a chunk by _processChunk(), for code from the time before streams had _transform (${format})`, async () => {
      const { plain, data } = sample(40_000, 1, format);
      await bothAsync(format, async (stream) => {
        const chunks: Buffer[] = [];
        stream.on('data', (chunk) => chunks.push(chunk));
        await new Promise<void>((resolve) => void stream._processChunk(data, 0, resolve));
        stream.destroy();
        return Buffer.concat(chunks).equals(plain);
      });
      const [ours, theirs] = both(format, (stream) => stream._processChunk(data, 0)?.equals(plain));
      expect([ours, theirs]).to.deep.equal([true, true]);
    });
  }

  it('has the deprecated bytesRead where node:zlib has it', async () => {
    const { data } = sample(900);
    const stream = new ZlibPool().createGunzip() as Legacy;
    await bytesOf(stream, data);
    expect('bytesRead' in stream).to.equal('bytesRead' in stockStream('gzip'));
    if ('bytesRead' in stream) expect((stream as Legacy).bytesRead).to.equal(data.length);
  });

  it('has no constructor of its own that would make an engine', () => {
    const pool = new ZlibPool();
    for (const format of formats) {
      const stream = pool.createDecompress(format);
      expect(Object.keys(stream)).not.to.include('_handle');
      expect(stream.constructor).to.equal(stockStream(format).constructor);
    }
    expect(pool.stats.created).to.equal(0);
  });

  it('is sealed against _processChunk() after close, and against one write during another', async () => {
    const pool = new ZlibPool();
    const { data } = sample(2_000_000);
    const stream = pool.createGunzip() as Legacy;
    stream.on('error', () => {}).write(data);
    expect(() => stream._processChunk(data, 0, () => {})).to.throw('A write is in progress');
    stream.destroy();
    await closed(stream);
    const { created, reused } = pool.stats;
    await new Promise<void>((resolve) => void stream._processChunk(data, 0, resolve));
    await new Promise(setImmediate);
    expect(pool.stats).to.include({ created, reused, leased: 0 });
  });

  it('has the hidden class of all others of its format: V8 is fast with no stream otherwise', () => {
    setFlagsFromString('--allow-natives-syntax');
    const haveSameMap = new Function('a', 'b', 'return %HaveSameMap(a, b)') as (a: object, b: object) => boolean;
    const pool = new ZlibPool();
    for (const format of formats) {
      const [, one, another] = Array.from({ length: 3 }, () => pool.createDecompress(format));
      expect(haveSameMap(one as object, another as object), format).to.equal(true);
    }
  });

  for (const engine of engines) {
    it(`splits unzip's first two bytes anywhere (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      for (const format of ['gzip', 'deflate'] as const) {
        for (const at of [0, 1, 2, 3]) {
          const data = compress(format, 'split anywhere');
          const stream = pool.createUnzip();
          stream.write(data.subarray(0, at));
          await new Promise(setImmediate);
          expect(String(await bytesOf(stream, data.subarray(at))), `${format} ${at}`).to.equal('split anywhere');
        }
      }
    });
  }
});

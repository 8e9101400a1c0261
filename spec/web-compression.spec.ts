/** `CompressionStream` of `zlease/web`, beside the class of Node and the streams of node:zlib. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { inspect } from 'node:util';
import zlib from 'node:zlib';
import { expect } from 'chai';
import type { Format } from '../lib/index.ts';
import type { CompressionFormat, CompressionStreamOptions } from '../lib/web.ts';
import { CompressionStream, DecompressionStream, defaultPool, engineOf, engines, ZlibPool } from './support/library.ts';
import { json, pieces } from './support/samples.ts';
import { dice, seed } from './support/seed.ts';
import { collectGarbage, until } from './support/until.ts';
import { expectFailure, formats, HIGH_WATER_MARK, names, outcome, rejection } from './support/web.ts';

type Pool = InstanceType<typeof ZlibPool>;

const plain = json(3_000, 1);
const long = json(80_000, 2);
/** Data that no format compresses. */
const { below } = dice();
const noise = Buffer.from(Uint8Array.from({ length: 300_000 }, () => below(256)));

const factories = {
  gzip: zlib.createGzip,
  deflate: zlib.createDeflate,
  'deflate-raw': zlib.createDeflateRaw,
  brotli: zlib.createBrotliCompress,
  // Node 20 and its types have no zstd.
  zstd: (zlib as never as { createZstdCompress: typeof zlib.createGzip }).createZstdCompress,
};

/** Formats with output before the end of `noise`. Brotli holds more back. */
const early = formats.filter((format) => format !== 'brotli');

/** Returns the output of node:zlib's stream for these writes. */
async function stockOutput(format: CompressionFormat, chunks: readonly Uint8Array[]): Promise<Buffer> {
  const stream = factories[format]();
  const output = stream.toArray();
  for (const chunk of chunks) await new Promise((resolve) => stream.write(chunk, resolve));
  stream.end();
  return Buffer.concat(await output);
}

/** Formats of Node's own class. Node 20 has no brotli. */
const stockFormats = formats.filter((format) => {
  try {
    return new globalThis.CompressionStream(format as 'gzip') !== undefined;
  } catch {
    return false;
  }
});

async function decompressed(format: CompressionFormat, data: Uint8Array): Promise<Buffer> {
  return new ZlibPool().decompress(data, names[format] as Format);
}

describe('zlease/web, CompressionStream', () => {
  it('looks like the class of Node', () => {
    const stock = globalThis.CompressionStream;
    for (const key of ['readable', 'writable', Symbol.toStringTag]) {
      const [ours, theirs] = [CompressionStream, stock].map(({ prototype }) => {
        const { value, get, ...rest } = Object.getOwnPropertyDescriptor(prototype, key) as PropertyDescriptor;
        return { ...rest, value, get: get?.name };
      });
      expect(ours).to.deep.equal(theirs);
    }
    expect(CompressionStream).to.include({ length: stock.length, name: stock.name });
    expect(inspect(new CompressionStream('gzip'))).to.equal(inspect(new stock('gzip')));
    expect(inspect([[[new CompressionStream('gzip')]]])).to.include('[CompressionStream]');
    const { readable, writable } = new CompressionStream('gzip');
    expect(readable).to.be.instanceOf(ReadableStream);
    expect(writable).to.be.instanceOf(WritableStream);
  });

  it('has the formats of the standard, and zstd if this Node has it', () => {
    const Class = CompressionStream as unknown as new (format?: unknown) => unknown;
    for (const format of formats) new Class(format);
    new Class({ toString: () => 'gzip' });
    const unknowns = ['br', 'unzip', 'GZIP', '', undefined, null, 'constructor'];
    for (const unknown of [...unknowns, ...(names.zstd === undefined ? ['zstd'] : [])]) {
      expect(() => new Class(unknown), String(unknown))
        .to.throw(TypeError, 'format must be one of gzip, ')
        .with.property('code', 'ERR_INVALID_ARG_VALUE');
    }
  });

  it('throws for invalid options', () => {
    const cases: [options: unknown, code: string][] = [
      [null, 'ERR_INVALID_ARG_TYPE'],
      [{ pool: {} }, 'ERR_INVALID_ARG_TYPE'],
      [{ level: 9 }, 'ERR_INVALID_ARG_VALUE'],
      [{ maxOutputLength: 5 }, 'ERR_INVALID_ARG_VALUE'],
    ];
    for (const [options, code] of cases) {
      expect(() => new CompressionStream('gzip', options as CompressionStreamOptions), JSON.stringify(options))
        .to.throw()
        .with.property('code', code);
    }
  });

  it('leases from the default pool without options', async () => {
    const { bytesIn } = defaultPool.stats;
    const { output } = await outcome(new CompressionStream('gzip'), [Buffer.from('hello')]);
    expect(zlib.gunzipSync(output).toString()).to.equal('hello');
    expect(defaultPool.stats).to.include({ leased: 0, bytesIn: bytesIn + 5 });
  });

  it('feeds a DecompressionStream', async () => {
    for (const format of formats) {
      const [pool] = [new ZlibPool()];
      const stream = new Blob([long as Uint8Array<ArrayBuffer>])
        .stream()
        .pipeThrough(new CompressionStream(format, { pool }))
        .pipeThrough(new DecompressionStream(format, { pool }));
      expect(Buffer.from(await new Response(stream).arrayBuffer()).equals(long), format).to.equal(true);
      expect(pool.stats).to.include({ leased: 0, created: 2, discarded: 0 });
    }
  });

  for (const engine of engines) {
    describe(`on ${engine} engines`, () => {
      let pool: Pool;

      beforeEach(() => {
        pool = new ZlibPool({ engine });
      });

      afterEach(async () => {
        await until(() => pool.stats.leased === 0);
        expect(pool.stats).to.include({ leased: 0, waiting: 0, leaked: 0 });
      });

      const made = (format: CompressionFormat) => new CompressionStream(format, { pool });

      for (const format of formats) {
        it(`makes the bytes of node:zlib's stream, however its input is cut: ${format}`, async () => {
          for (const data of [Buffer.alloc(0), Buffer.from('a'), plain, long, noise.subarray(0, 70_000)]) {
            for (const length of data.length <= plain.length ? [3, 700, 1e9] : [30_000, 1e9]) {
              const chunks = [new Uint8Array(0), ...pieces(data, length), new Uint8Array(0)];
              const { output, error, writes } = await outcome(made(format), chunks);
              expect(error).to.equal(undefined);
              expect(writes.every((reason) => reason === undefined)).to.equal(true);
              expect(output.equals(await stockOutput(format, chunks)), `${data.length} by ${length}`).to.equal(true);
              expect((await decompressed(format, output)).equals(data)).to.equal(true);
            }
            await until(() => pool.stats.leased === 0);
          }
          expect(pool.stats).to.include({ discarded: 0 });
          // The pool keeps no encoder of the public engine.
          if (engine === 'native') expect(pool.stats).to.include({ created: 1, idle: 1 });
        });

        it(`takes any BufferSource, and none of it after the write: ${format}`, async () => {
          const { buffer } = new Uint8Array(plain);
          const even = plain.length & ~1;
          for (const chunks of [
            [buffer],
            [new DataView(buffer)],
            [new Int16Array(buffer, 0, even / 2), new Uint8ClampedArray(buffer, even)],
          ]) {
            const { output } = await outcome(made(format), chunks);
            expect((await decompressed(format, output)).equals(plain)).to.equal(true);
          }
          const { readable, writable } = made(format);
          const writer = writable.getWriter();
          const chunk = new Uint8Array(noise);
          const written = Promise.all([writer.write(chunk), writer.close()]);
          const parts: Uint8Array[] = [];
          for await (const part of readable) {
            if (parts.length === 0) structuredClone(chunk, { transfer: [chunk.buffer] });
            parts.push(part);
          }
          await written;
          expect(chunk.length).to.equal(0);
          expect((await decompressed(format, Buffer.concat(parts))).equals(noise)).to.equal(true);
        });

        it(`fails on both sides for a chunk that is no BufferSource: ${format}`, async () => {
          const shared = new Uint8Array(new SharedArrayBuffer(8));
          expectFailure(await outcome(made(format), [null as never]), 'ERR_STREAM_NULL_VALUES');
          for (const bad of [undefined, 'text', 7, {}, [31, 139], shared, shared.buffer]) {
            expectFailure(await outcome(made(format), [bad as never]), 'ERR_INVALID_ARG_TYPE');
          }
          expect(pool.stats).to.include({ created: 0 });
          expectFailure(await outcome(made(format), [plain, 'text' as never]), 'ERR_INVALID_ARG_TYPE');
          await until(() => pool.stats.leased === 0);
          expect(pool.stats).to.include({ created: 1 });
        });

        it(`emits Uint8Arrays in memory of their own: ${format}`, async () => {
          const outcomes = [];
          for (const data of [Buffer.from('short'), plain, noise]) outcomes.push(await outcome(made(format), [data]));
          const all = outcomes.flatMap(({ chunks }) => chunks);
          for (const chunk of all) {
            expect(chunk.constructor).to.equal(Uint8Array);
            expect(chunk.buffer.byteLength).to.equal(chunk.length);
          }
          expect(new Set(all.map(({ buffer }) => buffer)).size).to.equal(all.length);
        });

        it(`compresses a message that is not read, and releases its engine: ${format}`, async () => {
          const { readable, writable } = made(format);
          const writer = writable.getWriter();
          await writer.write(plain);
          expect(pool.stats).to.include({ leased: 1 });
          await writer.close();
          await nextTurn();
          expect(pool.stats).to.include({ leased: 0, discarded: 0 });
          const output = Buffer.from(await new Response(readable).arrayBuffer());
          expect((await decompressed(format, output)).equals(plain)).to.equal(true);
        });

        it(`releases its engine when the reader cancels, and the next message is clean: ${format}`, async () => {
          const { readable, writable } = made(format);
          const writer = writable.getWriter();
          await writer.write(long.subarray(0, 5_000));
          expect(pool.stats).to.include({ leased: 1 });
          const reason = new Error('not wanted');
          await readable.cancel(reason);
          expect(await rejection(writer.write(plain))).to.equal(reason);
          expect(await rejection(writer.closed)).to.equal(reason);
          await nextTurn();
          expect(pool.stats).to.include({ leased: 0, created: 1, discarded: 0 });
          const { output } = await outcome(made(format), [plain]);
          if (engine === 'native') expect(pool.stats).to.include({ created: 1, reused: 1 });
          expect(output.equals(await stockOutput(format, [plain]))).to.equal(true);
        });

        it(`keeps its engine until the native write has ended: ${format}`, async () => {
          const own = new ZlibPool({ engine, inline: { inputLength: 0 } });
          const { leaseNow } = own;
          const isWriting = new Promise<void>((resolve) => {
            own.leaseNow = (...args) => {
              const lease = leaseNow.apply(own, args);
              const driven = engineOf(lease);
              const { write } = driven;
              driven.write = (...of) => {
                write.apply(driven, of);
                resolve();
              };
              return lease;
            };
          });
          const { readable, writable } = new CompressionStream(format, { pool: own });
          const writer = writable.getWriter();
          const write = rejection(writer.write(noise));
          writer.closed.catch(() => {});
          await isWriting;
          const reason = new Error('no more');
          const aborted = writer.abort(reason);
          const cancelled = readable.cancel(reason);
          expect(own.stats).to.include({ leased: 1, idle: 0, discarded: 0 });
          await Promise.allSettled([aborted, cancelled, write]);
          await until(() => own.stats.leased === 0);
          expect(own.stats).to.include({ idle: 0, discarded: 1 });
        });
      }

      for (const format of early) {
        it(`takes no more chunks than are read: ${format}`, async () => {
          const { readable, writable } = made(format);
          const writer = writable.getWriter();
          const chunks = pieces(noise, 5_000);
          let taken = 0;
          const written = (async () => {
            for (const chunk of chunks) {
              await writer.write(chunk);
              taken += 1;
            }
            await writer.close();
          })();
          await until(() => pool.stats.bytesOut >= HIGH_WATER_MARK);
          for (let i = 0; i < 100; i++) await nextTurn();
          expect(taken).to.be.below(chunks.length / 2);
          const output = Buffer.from(await new Response(readable).arrayBuffer());
          await written;
          expect((await decompressed(format, output)).equals(noise)).to.equal(true);
        });

        it(`releases its engine when the writer aborts, also while a write waits for the reader: ${format}`, async () => {
          const { readable, writable } = made(format);
          const writer = writable.getWriter();
          const write = rejection(writer.write(noise));
          writer.closed.catch(() => {});
          await until(() => pool.stats.bytesOut >= HIGH_WATER_MARK);
          const reason = new Error('no more');
          await writer.abort(reason);
          expect(await write).to.equal(reason);
          expect(await rejection(readable.getReader().read())).to.equal(reason);
          await until(() => pool.stats.leased === 0);
        });
      }

      it(`makes the bytes of Node's class, seed ${seed}`, async () => {
        const { one } = dice();
        const stock = globalThis.CompressionStream;
        for (let i = 0; i < 120; i++) {
          const format = one(stockFormats);
          const from = one([plain, long, noise]);
          const data = from.subarray(0, below(one([100, 3_000, 60_000])));
          const chunks = pieces(data, 1 + below(data.length));
          const ours = await outcome(made(format), chunks);
          const theirs = await outcome(new stock(format as 'gzip') as never, chunks);
          expect(ours.output.equals(theirs.output), `${i}: ${format}, ${data.length} bytes`).to.equal(true);
        }
      });

      it('is found by garbage collection if it was dropped, and its engine is closed', async () => {
        const own = new ZlibPool({ engine });
        await (async () => {
          for (let i = 0; i < 5; i++) {
            const { writable } = new CompressionStream('gzip', { pool: own });
            await writable.getWriter().write(plain);
          }
        })();
        await until(() => own.stats.leased === 0, collectGarbage);
        expect(own.stats).to.include({ leased: 0, leaked: 5 });
      });

      it('fails with the error of a pool that is closed or destroyed', async () => {
        const own = new ZlibPool({ engine });
        const { readable, writable } = new CompressionStream('gzip', { pool: own });
        const writer = writable.getWriter();
        await writer.write(plain);
        const reason = new Error('shutting down');
        own.destroy(reason);
        expect(await rejection(writer.closed)).to.equal(reason);
        const reader = readable.getReader();
        await rejection(
          (async () => {
            for (;;) await reader.read();
          })(),
        ).then((error) => expect(error).to.equal(reason));
        const closed = new ZlibPool({ engine });
        await closed.close();
        const late = await outcome(new CompressionStream('gzip', { pool: closed }), [plain]);
        expect(late.error).to.have.property('code', 'ERR_POOL_CLOSED');
        expect(late.writes.at(-1)).to.equal(late.error);
      });

      it('is not bound by the limits of its pool, which are for decompression', async () => {
        const own = new ZlibPool({ engine, maxOutputLength: 10, maxRatio: 1, ratioFloorLength: 1 });
        const { output, error } = await outcome(new CompressionStream('gzip', { pool: own }), [plain]);
        expect(error).to.equal(undefined);
        expect(zlib.gunzipSync(output).equals(plain)).to.equal(true);
      });

      it('names itself on the channel of leases', async () => {
        const { channel } = await import('node:diagnostics_channel');
        const entries: string[] = [];
        const note = (message: unknown) => {
          const event = message as { pool: Pool; entry: string };
          if (event.pool === pool) entries.push(event.entry);
        };
        channel('zlease:lease').subscribe(note);
        await outcome(made('gzip'), [plain]);
        await outcome(new DecompressionStream('gzip', { pool }), [zlib.gzipSync(plain)]);
        channel('zlease:lease').unsubscribe(note);
        expect(entries).to.deep.equal(['CompressionStream', 'DecompressionStream']);
      });
    });
  }
});

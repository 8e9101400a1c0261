/** `zlease/web`: as the standard, as Node's own class where that agrees, and no engine is kept by whatever road. */
import http from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { inspect } from 'node:util';
import zlib, { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { Format } from '../lib/index.ts';
import type { DecompressionFormat, DecompressionStreamOptions } from '../lib/web.ts';
import { DecompressionStream, defaultPool, engineOf, engines, ZlibPool } from './support/library.ts';
import { compress, json, pieces } from './support/samples.ts';
import { dice, seed } from './support/seed.ts';
import { collectGarbage, until } from './support/until.ts';
import { expectFailure, formats, HIGH_WATER_MARK, names, outcome, rejection } from './support/web.ts';

type Pool = InstanceType<typeof ZlibPool>;

const JUNK = 'ERR_TRAILING_JUNK_AFTER_STREAM_END';
/** Those whose end the last byte tells. */
const framed = formats.filter((format) => format === 'gzip' || format === 'zstd');
const plain = json(3_000, 1);
const long = json(400_000, 2);

const packed = (format: DecompressionFormat, data: string | Buffer) => compress(names[format] as Format, data);

describe('zlease/web', () => {
  it('looks like the class of Node', () => {
    const stock = globalThis.DecompressionStream;
    for (const key of ['readable', 'writable', Symbol.toStringTag]) {
      const [ours, theirs] = [DecompressionStream, stock].map(({ prototype }) => {
        const { value, get, ...rest } = Object.getOwnPropertyDescriptor(prototype, key) as PropertyDescriptor;
        return { ...rest, value, get: get?.name };
      });
      expect(ours).to.deep.equal(theirs);
    }
    expect(DecompressionStream).to.include({ length: stock.length, name: stock.name });
    expect(inspect(new DecompressionStream('gzip'))).to.equal(inspect(new stock('gzip')));
    expect(inspect([[[new DecompressionStream('gzip')]]])).to.include('[DecompressionStream]');
    const { readable, writable } = new DecompressionStream('gzip');
    expect(readable).to.be.instanceOf(ReadableStream);
    expect(writable).to.be.instanceOf(WritableStream);
  });

  it('knows the formats of the standard, and zstd where this Node has it', () => {
    for (const format of formats) new DecompressionStream(format);
    const Class = DecompressionStream as unknown as new (format?: unknown) => unknown;
    const unknowns = ['br', 'unzip', 'GZIP', '', undefined, null, 'constructor'];
    for (const unknown of [...unknowns, ...(names.zstd === undefined ? ['zstd'] : [])]) {
      expect(() => new Class(unknown), String(unknown))
        .to.throw(TypeError, 'format must be one of gzip, ')
        .with.property('code', 'ERR_INVALID_ARG_VALUE');
    }
    const fault = new Error('of its own');
    const bad = {
      toString() {
        throw fault;
      },
    };
    expect(() => new Class(bad)).to.throw(fault);
    new Class({ toString: () => 'gzip' });
  });

  it('refuses options that make no sense', () => {
    const cases: [options: unknown, code: string][] = [
      [null, 'ERR_INVALID_ARG_TYPE'],
      [{ pool: {} }, 'ERR_INVALID_ARG_TYPE'],
      [{ chunkSize: 1_000 }, 'ERR_INVALID_ARG_VALUE'],
      [{ maxOutputLength: null }, 'ERR_INVALID_ARG_TYPE'],
      [{ maxOutputLength: '5' }, 'ERR_INVALID_ARG_TYPE'],
      [{ maxOutputLength: 0 }, 'ERR_OUT_OF_RANGE'],
      [{ maxOutputLength: -1 }, 'ERR_OUT_OF_RANGE'],
      [{ maxOutputLength: 1.5 }, 'ERR_OUT_OF_RANGE'],
      [{ maxOutputLength: Number.NaN }, 'ERR_OUT_OF_RANGE'],
    ];
    for (const [options, code] of cases) {
      expect(() => new DecompressionStream('gzip', options as DecompressionStreamOptions), JSON.stringify(options))
        .to.throw()
        .with.property('code', code);
    }
  });

  it('runs on the default pool by itself', async () => {
    const { bytesOut } = defaultPool.stats;
    expect((await outcome(new DecompressionStream('gzip'), [gzipSync('hello')])).output.toString()).to.equal('hello');
    expect(defaultPool.stats.bytesOut).to.equal(bytesOut + 5);
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

      const made = (format: DecompressionFormat, options: DecompressionStreamOptions = {}) =>
        new DecompressionStream(format, { pool, ...options });

      for (const format of formats) {
        it(`decompresses, however it is cut, on an engine that is used again: ${format}`, async () => {
          for (const data of [Buffer.alloc(0), Buffer.from('a'), plain, long]) {
            const message = packed(format, data);
            const cuts = data.length <= plain.length ? [1, 7, 1_000] : [4_096, 1e9];
            for (const length of cuts) {
              const { output, error, writes } = await outcome(made(format), [
                new Uint8Array(0),
                ...pieces(message, length),
                new Uint8Array(0),
              ]);
              expect(error).to.equal(undefined);
              expect(writes.every((reason) => reason === undefined)).to.equal(true);
              expect(output.equals(data)).to.equal(true);
            }
            await until(() => pool.stats.leased === 0);
          }
          expect(pool.stats).to.include({
            // A window that grew is not kept: of 256 KB and more.
            created: format === 'zstd' ? 2 : 1,
            discarded: 0,
            bytesOut: 4 + 3 * plain.length + 2 * long.length - 1,
          });
        });

        it(`takes any BufferSource: ${format}`, async () => {
          const message = packed(format, plain);
          const { buffer } = new Uint8Array(message);
          const even = message.length & ~1;
          for (const chunks of [
            [buffer],
            [new DataView(buffer)],
            [new Int16Array(buffer, 0, even / 2), new Uint8ClampedArray(buffer, even)],
          ]) {
            expect((await outcome(made(format), chunks)).output.equals(plain)).to.equal(true);
          }
        });

        it(`fails on both sides for what is no BufferSource: ${format}`, async () => {
          const shared = new Uint8Array(new SharedArrayBuffer(8));
          expectFailure(await outcome(made(format), [null as never]), 'ERR_STREAM_NULL_VALUES');
          for (const bad of [undefined, 'text', 7, {}, [31, 139], shared, shared.buffer]) {
            expectFailure(await outcome(made(format), [bad as never]), 'ERR_INVALID_ARG_TYPE');
          }
          expect(pool.stats).to.include({ created: 0 });
        });

        it(`takes nothing after the end, and lets what came before be read: ${format}`, async () => {
          const message = packed(format, plain);
          for (const tail of [Buffer.from([0]), Buffer.from('x'), Buffer.from('trailing'), message]) {
            for (const chunks of [
              [Buffer.concat([message, tail])],
              [message, tail],
              pieces(Buffer.concat([message, tail]), 5),
            ]) {
              const result = await outcome(made(format), chunks);
              expectFailure(result, JUNK);
              expect(result.output.equals(plain)).to.equal(true);
            }
          }
        });

        it(`lets be read what came before an error though it is read late: ${format}`, async () => {
          const { readable, writable } = made(format);
          const writer = writable.getWriter();
          writer.closed.catch(() => {});
          const error = await rejection(writer.write(Buffer.concat([packed(format, plain), Buffer.from('x')])));
          expect(error).to.be.instanceOf(TypeError).with.property('code', JUNK);
          const reader = readable.getReader();
          const read: Uint8Array[] = [];
          let last: unknown;
          for (let length = 0; length < plain.length; length += read.at(-1)?.length as number) {
            read.push((await reader.read()).value as Uint8Array);
          }
          await reader.read().catch((reason) => {
            last = reason;
          });
          expect(Buffer.concat(read).equals(plain)).to.equal(true);
          expect(last).to.equal(error);
        });

        it(`fails for data that is cut short anywhere: ${format}`, async () => {
          const message = packed(format, 'cut short, cut short, and cut short');
          for (let length = 0; length < message.length; length++) {
            const result = await outcome(made(format), [message.subarray(0, length)]);
            expectFailure(result, 'Z_BUF_ERROR');
            expect(result.error?.message).to.equal('unexpected end of file');
            expect(result.error?.cause).to.include({ code: 'Z_BUF_ERROR', errno: -5 });
          }
        });

        it(`fails for corrupt data, with zlib's error as the cause: ${format}`, async () => {
          const result = await outcome(made(format), [Buffer.from('in plain text, with nothing compressed')]);
          expect(result.error?.code).to.match(/^(Z_DATA_ERROR|ERR__ERROR_|ZSTD_error_)/);
          expectFailure(result, result.error?.code as string);
          expect(result.error?.cause).to.include({ code: result.error?.code, message: result.error?.message });
        });

        it(`hands out Uint8Arrays in memory that nobody else has: ${format}`, async () => {
          const outcomes = [];
          for (const data of [Buffer.from('short'), plain, long]) {
            outcomes.push({ data, ...(await outcome(made(format), pieces(packed(format, data), 100))) });
          }
          const all = outcomes.flatMap(({ chunks }) => chunks);
          for (const chunk of all) {
            expect(chunk.constructor).to.equal(Uint8Array);
            expect(chunk.buffer.byteLength).to.equal(chunk.length);
          }
          expect(new Set(all.map(({ buffer }) => buffer)).size).to.equal(all.length);
          const copies = all.map((chunk) => {
            const moved = structuredClone(chunk, { transfer: [chunk.buffer as ArrayBuffer] });
            expect(chunk.length).to.equal(0);
            return moved;
          });
          const expected = Buffer.concat(outcomes.map(({ data }) => data));
          expect(Buffer.concat(copies).equals(expected)).to.equal(true);
        });

        it(`does not need a chunk any more once it was taken: ${format}`, async () => {
          const { readable, writable } = made(format);
          const zeros = Buffer.alloc(3_000_000);
          const chunk = new Uint8Array(packed(format, zeros));
          const writer = writable.getWriter();
          const written = Promise.all([writer.write(chunk), writer.close()]);
          let length = 0;
          for await (const part of readable) {
            if (length === 0) structuredClone(chunk, { transfer: [chunk.buffer] });
            length += part.length;
          }
          await written;
          expect(length).to.equal(zeros.length);
          expect(
            (await outcome(made(format), [chunk, chunk.buffer, packed(format, plain)])).output.equals(plain),
          ).to.equal(true);
        });

        it(`takes maxOutputLength and not one more: ${format}`, async () => {
          const message = packed(format, plain);
          const exact = await outcome(made(format, { maxOutputLength: plain.length }), [message]);
          expect(exact.output.equals(plain)).to.equal(true);
          pool = new ZlibPool({ engine, maxOutputLength: plain.length - 1 });
          for (const options of [{}, { maxOutputLength: plain.length - 2 }]) {
            const { error, writes } = await outcome(made(format, options), [message]);
            expect(error).to.be.instanceOf(RangeError).with.property('code', 'ERR_BUFFER_TOO_LARGE');
            expect(writes.at(-2)).to.equal(error);
          }
          const lifted = await outcome(made(format, { maxOutputLength: plain.length }), [message]);
          expect(lifted.output.equals(plain)).to.equal(true);
        });

        it(`works a message through that nobody reads, and keeps no engine for it: ${format}`, async () => {
          const { readable, writable } = made(format);
          const writer = writable.getWriter();
          await writer.write(packed(format, plain));
          await writer.close();
          await nextTurn();
          expect(pool.stats).to.include({ leased: 0, idle: 1 });
          expect(Buffer.from(await new Response(readable).arrayBuffer()).equals(plain)).to.equal(true);
        });

        it(`makes no more of a bomb than is read: ${format}`, async () => {
          const { readable, writable } = made(format);
          const writer = writable.getWriter();
          const aborted = rejection(writer.write(packed(format, Buffer.alloc(30_000_000))));
          await until(() => pool.stats.bytesOut >= HIGH_WATER_MARK);
          await delay(10);
          let length = 0;
          const reader = readable.getReader();
          for (let i = 0; i < 10; i++) {
            // Queued, in the making, and made by the steps that were under way: slabs are of 256 KB at most.
            expect(pool.stats.bytesOut - length).to.be.within(0, HIGH_WATER_MARK + 2 * 262_144);
            length += ((await reader.read()).value as Uint8Array).length;
            await delay(3);
          }
          await reader.cancel('enough');
          expect(await aborted).to.equal('enough');
        });

        it(`takes no more chunks than are read: ${format}`, async () => {
          const { readable, writable } = made(format);
          const writer = writable.getWriter();
          const data = json(2_000_000, 4);
          const chunks = pieces(packed(format, data), 4_000);
          let taken = 0;
          const written = (async () => {
            for (const chunk of chunks) {
              await writer.write(chunk);
              taken += 1;
            }
            await writer.close();
          })();
          await until(() => pool.stats.bytesOut >= HIGH_WATER_MARK);
          await delay(20);
          expect(taken).to.be.below(chunks.length / 2);
          expect(pool.stats.bytesOut).to.be.below(HIGH_WATER_MARK + 2 * 262_144);
          expect(Buffer.from(await new Response(readable).arrayBuffer()).equals(data)).to.equal(true);
          await written;
        });

        it(`gives the engine back when the reader cancels: ${format}`, async () => {
          const { readable, writable } = made(format);
          const writer = writable.getWriter();
          await writer.write(packed(format, plain).subarray(0, 50));
          expect(pool.stats).to.include({ leased: 1 });
          const reason = new Error('not wanted');
          await readable.cancel(reason);
          expect(await rejection(writer.write(packed(format, plain)))).to.equal(reason);
          expect(await rejection(writer.closed)).to.equal(reason);
          await nextTurn();
          expect(pool.stats).to.include({ leased: 0, idle: 1, discarded: 0 });
        });

        it(`gives the engine back when the writer aborts, though a write waits for the reader: ${format}`, async () => {
          const { readable, writable } = made(format);
          const writer = writable.getWriter();
          const write = rejection(writer.write(packed(format, Buffer.alloc(3_000_000))));
          writer.closed.catch(() => {});
          await until(() => pool.stats.bytesOut >= HIGH_WATER_MARK);
          const reason = new Error('no more');
          await writer.abort(reason);
          expect(await write).to.equal(reason);
          expect(await rejection(readable.getReader().read())).to.equal(reason);
          await until(() => pool.stats.leased === 0);
          expect(pool.stats).to.include({ leased: 0 });
        });

        it(`keeps the engine until its native write has landed, however often it is ended meanwhile: ${format}`, async () => {
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
          const { readable, writable } = new DecompressionStream(format, { pool: own });
          const writer = writable.getWriter();
          const write = rejection(writer.write(packed(format, Buffer.alloc(3_000_000))));
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

        it(`fails with what the source of a pipe fails with: ${format}`, async () => {
          const reason = new Error('lost on the way');
          const message = packed(format, plain);
          const source = new ReadableStream<Uint8Array<ArrayBuffer>>({
            async start(controller) {
              controller.enqueue(new Uint8Array(message.subarray(0, message.length >> 1)));
              await until(() => pool.stats.created === 1);
              controller.error(reason);
            },
          });
          expect(await rejection(new Response(source.pipeThrough(made(format))).arrayBuffer())).to.equal(reason);
          expect(pool.stats).to.include({ created: 1 });
        });

        it(`waits in line for an engine, and leaves it when it is cancelled: ${format}`, async () => {
          pool = new ZlibPool({ engine, maxLeased: 1 });
          const lease = await pool.lease('gzip');
          const first = made(format);
          const second = outcome(made(format), [packed(format, plain)]);
          const write = rejection(first.writable.getWriter().write(packed(format, plain)));
          await until(() => pool.stats.waiting === 2);
          await first.readable.cancel('gone');
          expect(await write).to.equal('gone');
          expect(pool.stats).to.include({ waiting: 1 });
          lease.release();
          expect((await second).output.equals(plain)).to.equal(true);
        });
      }

      for (const format of framed) {
        it(`keeps no engine once the end is known, though the writer is not closed: ${format}`, async () => {
          const { writable, readable } = made(format);
          const writer = writable.getWriter();
          await writer.write(packed(format, plain));
          await nextTurn();
          expect(pool.stats).to.include({ leased: 0, idle: 1 });
          await Promise.all([writer.close(), readable.cancel()]);
        });
      }

      it('gives back the engine of a stream that was dropped, by garbage collection', async () => {
        const own = new ZlibPool({ engine });
        await (async () => {
          for (let i = 0; i < 5; i++) {
            const { readable, writable } = new DecompressionStream('gzip', { pool: own });
            writable.getWriter().write(gzipSync(long).subarray(0, 3_000));
            void readable.getReader().read();
          }
          await until(() => own.stats.leased === 5 && own.stats.bytesOut > 0);
        })();
        await until(() => own.stats.leased === 0, collectGarbage);
        expect(own.stats).to.include({ leased: 0, leaked: 5 });
      });

      it('fails with what a pool is closed or destroyed with', async () => {
        const own = new ZlibPool({ engine });
        const { readable, writable } = new DecompressionStream('gzip', { pool: own });
        const writer = writable.getWriter();
        await writer.write(gzipSync(plain).subarray(0, 50));
        const reason = new Error('shutting down');
        own.destroy(reason);
        expect(await rejection(writer.closed)).to.equal(reason);
        const reader = readable.getReader();
        expect(await rejection(reader.closed)).to.equal(reason);
        const { error } = await outcome(new DecompressionStream('gzip', { pool: own }), [gzipSync(plain)]);
        expect(error).to.equal(reason);
        const closed = new ZlibPool({ engine });
        await closed.close();
        const late = await outcome(new DecompressionStream('gzip', { pool: closed }), [gzipSync(plain)]);
        expect(late.error).to.have.property('code', 'ERR_POOL_CLOSED');
        expect(late.writes.at(-1)).to.equal(late.error);
      });

      it('keeps to the other limits of its pool', async () => {
        const own = new ZlibPool({ engine, maxRatio: 50, ratioFloorLength: 1_000 });
        const { error } = await outcome(new DecompressionStream('gzip', { pool: own }), [
          gzipSync(Buffer.alloc(90_000)),
        ]);
        expect(error).to.be.instanceOf(RangeError).with.property('code', 'ERR_RATIO_TOO_HIGH');
      });

      it(`makes of damaged messages what the class of Node 24 makes of them, and zlib of their bytes, seed ${seed}`, async () => {
        const { below, one } = dice();
        const strict = Number.parseInt(process.versions.node, 10) >= 24;
        const common = formats.filter((format) => format !== 'zstd');
        const seen = new Set<string>();
        for (let i = 0; i < 300; i++) {
          const format = one(common);
          const message = Buffer.from(packed(format, plain.subarray(0, 1 + below(400))));
          for (let flips = below(3); flips > 0; flips--) message.writeUInt8(below(256), below(message.length));
          const damaged = message.subarray(0, message.length - one([0, 0, 0, 1, below(message.length)]));
          const chunks = pieces(damaged, 1 + below(damaged.length));
          const ours = await outcome(made(format), chunks);
          const what = `${i}: ${format} ${damaged.toString('base64')}`;
          if (ours.error !== undefined) expectFailure(ours, String(ours.error.code));
          seen.add(ours.error === undefined ? 'good' : 'bad');
          if (!strict) continue;
          const theirs = await outcome(new globalThis.DecompressionStream(format as 'gzip') as never, chunks);
          expect(ours.error instanceof TypeError, what).to.equal(theirs.error instanceof TypeError);
          if (ours.error === undefined) expect(ours.output.equals(theirs.output), what).to.equal(true);
        }
        expect([...seen].sort()).to.deep.equal(['bad', 'good']);
      });

      describe('gzip headers', () => {
        const [body] = [gzipSync('with a header').subarray(10)];
        const crc16 = (bytes: Buffer) => {
          const { crc32 } = zlib as unknown as { crc32(data: Buffer): number };
          const crc = Buffer.alloc(2);
          crc.writeUInt16LE(crc32(bytes) & 0xffff);
          return crc;
        };
        const head = (flags: number, ...fields: (string | Buffer)[]) =>
          Buffer.concat([
            Buffer.from([31, 139, 8, flags, 1, 2, 3, 4, 0, 3]),
            ...fields.map((field) => Buffer.from(field)),
          ]);
        const extra = Buffer.concat([Buffer.from([44, 1]), Buffer.alloc(300, 'e')]);
        const full = head(0x1f, extra, 'name\0', 'a comment\0');
        const headers: Record<string, Buffer> = {
          plain: head(0),
          text: head(1),
          extra: head(4, extra),
          'no extra': head(4, Buffer.from([0, 0])),
          name: head(8, 'name\0'),
          'no name': head(8, '\0'),
          comment: head(16, 'a comment\0'),
          'header crc': Buffer.concat([head(2), crc16(head(2))]),
          everything: Buffer.concat([full, crc16(full)]),
        };

        for (const [name, bytes] of Object.entries(headers)) {
          it(`are read however they are cut: ${name}`, async () => {
            const message = Buffer.concat([bytes, body as Buffer]);
            expect(zlib.gunzipSync(message).toString()).to.equal('with a header');
            for (const length of [1, 3, 1_000]) {
              expect((await outcome(made('gzip'), pieces(message, length))).output.toString()).to.equal(
                'with a header',
              );
            }
            for (let length = 0; length < bytes.length; length++) {
              expectFailure(await outcome(made('gzip'), [message.subarray(0, length)]), 'Z_BUF_ERROR');
            }
          });
        }

        it("are refused with zlib's words", async () => {
          const bad = [
            Buffer.from([30, 139, 8, 0, 0, 0, 0, 0, 0, 3]),
            Buffer.from([31, 138, 8, 0, 0, 0, 0, 0, 0, 3]),
            Buffer.from([31, 139, 7, 0, 0, 0, 0, 0, 0, 3]),
            head(0x20),
            head(0x80),
            Buffer.concat([head(2), Buffer.from([0, 0])]),
            Buffer.concat([full, Buffer.from([0, 0])]),
          ].map((bytes) => Buffer.concat([bytes, body as Buffer]));
          const good = Buffer.concat([head(0), body as Buffer]);
          for (const at of [8, 4]) {
            const message = Buffer.from(good);
            message.writeUInt8(message.readUInt8(message.length - at) ^ 1, message.length - at);
            bad.push(message);
          }
          for (const message of bad) {
            const words = await rejection(Promise.resolve().then(() => zlib.gunzipSync(message)));
            const result = await outcome(made('gzip'), [message]);
            expectFailure(result, 'Z_DATA_ERROR');
            const { message: text, errno, code } = words as NodeJS.ErrnoException;
            expect(result.error?.cause).to.include({ message: text, errno, code });
          }
        });

        it('may be as long as they like, and take no memory', async () => {
          const { writable, readable } = made('gzip');
          const writer = writable.getWriter();
          await writer.write(head(8));
          const name = Buffer.alloc(1_000_000, 'n');
          const held = () => process.memoryUsage().external + process.memoryUsage().heapUsed;
          const before = held();
          for (let i = 0; i < 300; i++) await writer.write(name);
          // V8 frees array buffers some time after it has collected.
          await until(() => held() - before < 100_000_000, collectGarbage);
          const closed = writer.write(Buffer.concat([Buffer.alloc(1), body as Buffer])).then(() => writer.close());
          expect(await new Response(readable).text()).to.equal('with a header');
          await closed;
        });
      });

      it('takes an answer of fetch through pipeThrough()', async () => {
        const server = http.createServer((_request, response) => {
          response.setHeader('content-type', 'application/gzip').end(gzipSync(long));
        });
        await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
        try {
          const { body } = await fetch(`http://127.0.0.1:${(server.address() as AddressInfo).port}`);
          const text = (body as ReadableStream<Uint8Array<ArrayBuffer>>).pipeThrough(made('gzip'));
          expect(Buffer.from(await new Response(text).arrayBuffer()).equals(long)).to.equal(true);
        } finally {
          server.closeAllConnections();
          server.close();
        }
      });
    });
  }
});

if (names.zstd !== undefined) {
  describe('zlease/web, frames of Zstandard', () => {
    const { ZSTD_c_checksumFlag, ZSTD_c_contentSizeFlag } = zlib.constants as unknown as Record<string, number>;
    const compressed = (data: Buffer, params: Record<number, number>) =>
      (zlib as never as { zstdCompressSync(data: Buffer, options: object): Buffer }).zstdCompressSync(data, { params });
    const skippable = (length: number) => {
      const frame = Buffer.alloc(8 + length, 's');
      frame.writeUInt32LE(0x184d2a53, 0);
      frame.writeUInt32LE(length, 4);
      return frame;
    };

    it('end where their last block and checksum do', async () => {
      const datas = [Buffer.alloc(0), Buffer.from('a'), plain, Buffer.alloc(200_000, 'r'), long, json(70_000, 3)];
      for (const data of datas) {
        for (const checksum of [0, 1]) {
          for (const size of [0, 1]) {
            const params = { [ZSTD_c_checksumFlag as number]: checksum, [ZSTD_c_contentSizeFlag as number]: size };
            const frame = compressed(data, params);
            const good = await outcome(new DecompressionStream('zstd'), pieces(frame, 1_000));
            expect(good.error).to.equal(undefined);
            expect(good.output.equals(data)).to.equal(true);
            expectFailure(await outcome(new DecompressionStream('zstd'), [frame.subarray(0, -1)]), 'Z_BUF_ERROR');
            const double = [Buffer.concat([frame, frame])];
            for (const chunks of [
              double,
              pieces(double[0] as Buffer, frame.length),
              [...pieces(frame, 100), skippable(3)],
            ]) {
              const result = await outcome(new DecompressionStream('zstd'), chunks);
              expectFailure(result, JUNK);
              expect(result.output.equals(data)).to.equal(true);
            }
          }
        }
      }
    });

    it('may be skippable, which is nothing', async () => {
      for (const length of [0, 1, 500]) {
        const good = await outcome(new DecompressionStream('zstd'), pieces(skippable(length), 3));
        expect(good).to.deep.include({ output: Buffer.alloc(0), error: undefined });
        expectFailure(
          await outcome(new DecompressionStream('zstd'), [skippable(length).subarray(0, -1)]),
          'Z_BUF_ERROR',
        );
        expectFailure(await outcome(new DecompressionStream('zstd'), [skippable(length), packed('zstd', plain)]), JUNK);
      }
    });
  });
}

/** P8 same as zlib: what comes of several frames of Zstandard in one message. node:zlib reads on only where a frame ends with a full chunk. */
import { createHash } from 'node:crypto';
import { Readable } from 'node:stream';
import { promisify } from 'node:util';
import zlib from 'node:zlib';
import { expect } from 'chai';
import type { ZlibPoolOptions } from '../../lib/index.ts';
import { ZlibPool } from '../support/library.ts';
import { outcome } from '../support/outcome.ts';
import { compress, formats, random } from '../support/samples.ts';
import { stockStream } from '../support/stock.ts';

/** Node 20 has none, nor have its types. */
const { zstdDecompress, zstdDecompressSync } = zlib as never as {
  zstdDecompress: typeof zlib.gunzip;
  zstdDecompressSync: typeof zlib.gunzipSync;
};

const pools: Record<string, ZlibPoolOptions> = {
  native: { engine: 'native' },
  'all on the main thread': { engine: 'native', inline: { turnLength: 1e9, outputLength: 1e9 } },
  'little on the main thread': { engine: 'native', inline: { outputLength: 50_000 } },
  'next to nothing on the main thread': { engine: 'native', inline: { outputLength: 1_000 } },
  'all in the threadpool': { engine: 'native', inline: { inputLength: 0 } },
  'with limits': { engine: 'native', maxOutputLength: 1_000_000, maxRatio: 100_000 },
  public: { engine: 'public' },
};

const roll = random(1);
const noise = Buffer.from(Array.from({ length: 700_000 }, () => roll() * 256));

/** A skippable frame of no content, RFC 8878, section 3.1.2. */
const skippable = Buffer.from([0x50, 0x2a, 0x4d, 0x18, 0, 0, 0, 0]);

function frame(length: number): Buffer {
  return compress('zstd', noise.subarray(0, length));
}

const zeros = (length: number) => compress('zstd', Buffer.alloc(length));

const all: Record<string, Buffer> = {};

function inputs(): Record<string, Buffer> {
  if (Object.keys(all).length > 0) return all;
  for (const length of [0, 100, 16_384, 16_385, 50_000, 65_535, 65_536, 65_537, 81_920, 262_144, 262_145, 524_288]) {
    all[`${length} of noise, then 900`] = Buffer.concat([frame(length), frame(900)]);
    all[`${length} of zeros, then 900`] = Buffer.concat([zeros(length), frame(900)]);
  }
  for (const length of [16_384, 65_536, 65_537]) {
    all[`${length} twice, then 900`] = Buffer.concat([frame(length), frame(length), frame(900)]);
    all[`100, then ${length}, then 900`] = Buffer.concat([frame(100), frame(length), frame(900)]);
    all[`16384, then 100, then ${length - 100}, then 900`] = Buffer.concat([
      frame(16_384),
      frame(100),
      frame(length - 100),
      frame(900),
    ]);
    all[`${length} and nothing`] = frame(length);
    all[`${length}, then one that is skipped, then 900`] = Buffer.concat([frame(length), skippable, frame(900)]);
    all[`${length}, then one of no bytes, then 900`] = Buffer.concat([frame(length), frame(0), frame(900)]);
    all[`${length}, then zeros`] = Buffer.concat([frame(length), Buffer.alloc(40)]);
    all[`${length}, then garbage`] = Buffer.concat([frame(length), Buffer.from('garbage behind the end')]);
    all[`${length}, then a truncated one`] = Buffer.concat([frame(length), frame(900).subarray(0, -9)]);
    all[`${length}, then the first bytes of one`] = Buffer.concat([frame(length), frame(900).subarray(0, 3)]);
    all[`${length}, truncated`] = frame(length).subarray(0, -5);
  }
  return all;
}

/** Answers of node:zlib, which are the same beside every pool. */
const answers = new Map<string, unknown>();

async function stockAnswer<T>(key: string, make: () => T): Promise<Awaited<T>> {
  if (!answers.has(key)) answers.set(key, await make());
  return answers.get(key) as Awaited<T>;
}

function settled(promise: Promise<Buffer>): Promise<unknown> {
  return promise.then(shown, shown);
}

function called(act: () => Buffer): unknown {
  try {
    return shown(act());
  } catch (error) {
    return shown(error as Error);
  }
}

function shown(result: Buffer | NodeJS.ErrnoException): unknown {
  return Buffer.isBuffer(result)
    ? `${result.length} bytes, SHA-256 ${createHash('sha256').update(result).digest('base64')}`
    : result.code;
}

// Node 20 does not have the format.
if (formats.includes('zstd')) {
  it('A changed byte of a Zstandard frame has node:zlib’s outcome, which depends on its pieces of output', async () => {
    const pool = new ZlibPool({ engine: 'native', inline: { inputLength: 0 } });
    for (const length of [16_385, 21_184, 40_000]) {
      const good = zeros(length);
      for (let back = 1; back <= good.length; back++) {
        for (const value of [0, 1, 0x55]) {
          const bad = Buffer.from(good);
          bad[good.length - back] = value;
          const theirs = await settled(promisify<Buffer, Buffer>(zstdDecompress)(bad));
          expect(await settled(pool.decompress(bad, 'zstd')), `${length}, ${back}, ${value}`).to.equal(theirs);
        }
      }
    }
  });

  for (const engine of ['native', 'public'] as const) {
    it(`A frame that is shorter than its header states fails, whatever maxOutputLength is (${engine})`, async () => {
      // 1,831 bytes by the header, and a last block of none. zlib's library accepts it if the room is shorter than that.
      const data = Buffer.from('28b52ffd602706010000', 'hex');
      const fails = 'ZSTD_error_corruption_detected';
      for (const maxOutputLength of [1, 2_000]) {
        const told = `${maxOutputLength}`;
        for (const inline of [{}, { inputLength: 0 }]) {
          const pool = new ZlibPool({ engine, inline });
          const zstd = pool as never as {
            zstdDecompress: typeof zlib.gunzip;
            zstdDecompressSync: typeof zlib.gunzipSync;
          };
          const once = (of: typeof zlib.gunzip): Promise<unknown> =>
            new Promise((resolve) =>
              of.call(pool, data, { maxOutputLength }, (error, made) => resolve(shown(error ?? made))),
            );
          expect(await once(zstdDecompress), told).to.equal(fails);
          expect(await once(zstd.zstdDecompress), told).to.equal(fails);
          expect(
            called(() => zstdDecompressSync(data, { maxOutputLength })),
            told,
          ).to.equal(fails);
          expect(
            called(() => zstd.zstdDecompressSync(data, { maxOutputLength })),
            told,
          ).to.equal(fails);
          expect(await settled(pool.decompress(data, 'zstd', { maxOutputLength })), told).to.equal(fails);
          const stream = await outcome(
            pool.createDecompress('zstd', { maxOutputLength }),
            (one) => void one.end(data),
            'data',
          );
          expect(stream.error?.code, told).to.equal(fails);
          using lease = await pool.lease('zstd', { maxOutputLength });
          expect(
            called(() => lease.writeSync(data)),
            told,
          ).to.equal(fails);
          expect(pool.stats.failed, told).to.be.above(0);
        }
      }
    });
  }

  describe('Several frames of Zstandard in one message', function () {
    this.timeout(120_000);

    for (const [name, options] of Object.entries(pools)) {
      it(`give what zstdDecompressSync() gives, by decompressSync() (${name})`, () => {
        for (const [what, data] of Object.entries(inputs())) {
          const theirs = called(() => zstdDecompressSync(data));
          const ours = called(() => new ZlibPool(options).decompressSync(data, 'zstd'));
          expect(ours, what).to.equal(theirs);
        }
      });

      it(`give what zstdDecompress() gives, by decompress() (${name})`, async () => {
        for (const [what, data] of Object.entries(inputs())) {
          const theirs = await stockAnswer(`once, ${what}`, () =>
            settled(promisify<Buffer, Buffer>(zstdDecompress)(data)),
          );
          const pool = new ZlibPool(options);
          expect(await settled(pool.decompress(data, 'zstd')), what).to.equal(theirs);
        }
      });

      it(`give what the one-shot functions of node:zlib give with a chunkSize (${name})`, async () => {
        for (const [what, data] of Object.entries(inputs())) {
          for (const chunkSize of [1_000, 65_536]) {
            const pool = new ZlibPool(options) as never as {
              zstdDecompress: typeof zlib.gunzip;
              zstdDecompressSync: typeof zlib.gunzipSync;
            };
            const told = `${what}, ${chunkSize}`;
            const now = await stockAnswer(`sync, ${told}`, () => called(() => zstdDecompressSync(data, { chunkSize })));
            expect(
              called(() => pool.zstdDecompressSync(data, { chunkSize })),
              told,
            ).to.equal(now);
            // The stream of the public engine has a chunkSize of its own.
            if (name === 'public') continue;
            const once = (of: typeof zlib.gunzip): Promise<unknown> =>
              new Promise((resolve) =>
                of.call(pool, data, { chunkSize }, (error, made) => resolve(shown(error ?? made))),
              );
            expect(await once(pool.zstdDecompress), told).to.equal(
              await stockAnswer(`once, ${told}`, () => once(zstdDecompress)),
            );
          }
        }
      });

      it(`give what a createZstdDecompress() of node:zlib gives (${name})`, async () => {
        for (const [what, data] of Object.entries(inputs())) {
          for (const chunkSize of name === 'public' ? [undefined] : [undefined, 65_536]) {
            for (const reading of ['data', 'readable'] as const) {
              const stream = { ...(chunkSize === undefined ? {} : { chunkSize }) };
              const told = `${what}, ${chunkSize}, ${reading}`;
              const theirs = await stockAnswer(`stream, ${told}`, () =>
                outcome(stockStream('zstd', stream), (one) => void one.end(data), reading),
              );
              const pool = new ZlibPool(options);
              const ours = await outcome(pool.createZstdDecompress(stream), (one) => void one.end(data), reading);
              expect(ours.error?.code, told).to.equal(theirs.error?.code);
              if (theirs.error === undefined) {
                expect(
                  ours.bytes.equals(theirs.bytes),
                  `${told}: ${ours.bytes.length}, ${theirs.bytes.length}`,
                ).to.equal(true);
                expect(ours.bytesWritten, told).to.equal(theirs.bytesWritten);
              }
            }
          }
        }
      });

      it(`give what a createZstdDecompress() of node:zlib gives, written in pieces (${name})`, async () => {
        for (const [what, data] of Object.entries(inputs())) {
          for (const length of [16_400, 70_000]) {
            const write = (one: NodeJS.WritableStream) => {
              const pieces: Buffer[] = [];
              for (let at = 0; at < data.length; at += length) pieces.push(data.subarray(at, at + length));
              Readable.from(pieces).pipe(one);
            };
            const theirs = await outcome(stockStream('zstd'), write);
            const ours = await outcome(new ZlibPool(options).createZstdDecompress(), write);
            expect(ours.error?.code, `${what}, ${length}`).to.equal(theirs.error?.code);
            if (theirs.error === undefined)
              expect(ours.bytes.equals(theirs.bytes), `${what}, ${length}`).to.equal(true);
          }
        }
      });
    }
  });
}

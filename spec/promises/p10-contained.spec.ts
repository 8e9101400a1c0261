/** P10 contained: bad input gives one error on its own stream, and nobody else notices. */
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { DecompressStream } from '../../lib/index.ts';
import { engines, ZlibPool } from '../support/library.ts';
import { outcome } from '../support/outcome.ts';
import { compress, pieces, sample } from '../support/samples.ts';
import { dice, seed } from '../support/seed.ts';
import { uncaughtDuring } from '../support/uncaught.ts';

const { plain, data } = sample(60_000);
const huge = compress('gzip', Buffer.alloc(3_000_000));

const bad: Record<string, { data: Buffer; code: string; maxOutputLength?: number }> = {
  corrupt: {
    data: Buffer.concat([data.subarray(0, 900), Buffer.alloc(400, 0xff), data.subarray(1_300)]),
    code: 'Z_DATA_ERROR',
  },
  'of a wrong checksum': { data: Buffer.concat([data.subarray(0, -8), Buffer.alloc(8, 1)]), code: 'Z_DATA_ERROR' },
  truncated: { data: data.subarray(0, -100), code: 'Z_BUF_ERROR' },
  empty: { data: Buffer.alloc(0), code: 'Z_BUF_ERROR' },
  'no gzip': { data: plain.subarray(0, 3_000), code: 'Z_DATA_ERROR' },
  'good, with garbage behind it': { data: Buffer.concat([data, Buffer.from('garbage')]), code: 'Z_DATA_ERROR' },
  'a bomb': { data: huge, code: 'ERR_BUFFER_TOO_LARGE', maxOutputLength: 100_000 },
};

describe('P10 contained', () => {
  for (const engine of engines) {
    for (const [where, inline] of Object.entries({ 'main thread': {}, threadpool: { inputLength: 0 } })) {
      it(`gives each bad stream one error of its own, and every good one its bytes (${engine}, ${where}, seed ${seed})`, async () => {
        const pool = new ZlibPool({ engine, inline, maxIdle: 8 });
        const roll = dice();
        const names = Object.keys(bad);
        await Promise.all(
          Array.from({ length: 64 }, async (_, lane) => {
            for (let i = 0; i < 4; i++) {
              const name = (lane + i) % 2 === 0 ? undefined : roll.one(names);
              const fault = name === undefined ? undefined : bad[name];
              const { events, bytes, error } = await outcome(
                pool.createGunzip(
                  fault?.maxOutputLength === undefined ? undefined : { maxOutputLength: fault.maxOutputLength },
                ),
                async (stream) => {
                  for (const piece of pieces(fault?.data ?? data, 1 + roll.below(20_000))) {
                    if (!stream.destroyed) stream.write(piece, () => {});
                    if (roll.onceIn(3)) await nextTurn();
                  }
                  stream.end();
                },
              );
              expect(error?.code, name ?? 'good').to.equal(fault?.code);
              expect(events.filter((event) => event === 'error').length).to.equal(fault === undefined ? 0 : 1);
              expect(events.filter((event) => event === 'close').length).to.equal(1);
              if (fault === undefined) expect(bytes.equals(plain)).to.equal(true);
            }
          }),
        );
        const { leased, created, idle, discarded, evicted } = pool.stats;
        expect(leased).to.equal(0);
        expect(discarded).to.be.above(0);
        expect(idle + discarded + evicted).to.equal(created);
      });
    }

    it(`emits nothing late: a stream that is destroyed during a failing write stays silent (${engine})`, async () => {
      const pool = new ZlibPool({ engine, inline: { inputLength: 0 } });
      for (let i = 0; i < 20; i++) {
        const stream = pool.createGunzip();
        stream.write(bad.corrupt?.data as Buffer);
        if (i % 2 === 0) await new Promise((resolve) => process.nextTick(resolve));
        // No 'error' listener: an error that came late would end this process.
        stream.destroy();
        await new Promise((resolve) => stream.once('close', resolve));
      }
      await nextTurn();
      expect(pool.stats).to.include({ leased: 0 });
    });

    it(`lets exactly maxOutputLength bytes through, and not one more (${engine})`, async () => {
      const pool = new ZlibPool({ engine, maxOutputLength: 60_000 });
      for (const chunkSize of [undefined, 1_000, 60_000]) {
        const options = { chunkSize };
        const exact = await outcome(pool.createGunzip(options), (stream) => void stream.end(data));
        expect(exact.error).to.equal(undefined);
        expect(exact.bytes.length).to.equal(60_000);
        const over = await outcome(
          pool.createGunzip({ ...options, maxOutputLength: 59_999 }),
          (stream) => void stream.end(data),
        );
        expect(over.error).to.deep.include({
          code: 'ERR_BUFFER_TOO_LARGE',
          message: 'Cannot create a Buffer larger than 59999 bytes',
        });
        expect(over.bytes.length).to.be.at.most(59_999);
        expect(over.events.at(-1)).to.equal('close');
      }
    });

    it(`goes on with its other streams when a listener throws (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const caught = await uncaughtDuring(async () => {
        const streams = Array.from({ length: 6 }, () => pool.createGunzip());
        const thrown = once(streams[0] as DecompressStream, 'data');
        streams[0]?.on('data', () => {
          throw new Error('from a listener');
        });
        streams[0]?.end(data);
        const results = streams.slice(1).map((stream) => outcome(stream, () => void stream.end(data)));
        for (const { bytes } of await Promise.all(results)) expect(bytes.equals(plain)).to.equal(true);
        await thrown;
        streams[0]?.destroy();
        await nextTurn();
      });
      expect(caught).to.deep.equal(['Error: from a listener']);
      expect(pool.stats.leased).to.equal(0);
    });
  }
});

/** P10 contained: bad input gives one error on its own stream, and nobody else notices. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { CompressStream, DecompressStream } from '../../lib/index.ts';
import { directions } from '../support/directions.ts';
import { engines, ZlibPool } from '../support/library.ts';
import { outcome } from '../support/outcome.ts';
import { compress, pieces, sample } from '../support/samples.ts';
import { dice, seed } from '../support/seed.ts';
import { uncaughtDuring } from '../support/uncaught.ts';

const both = sample(60_000);
const { plain, data } = both;
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

const fail = (): never => {
  throw new Error('from a listener');
};
const events = ['data', 'readable', 'resume', 'prefinish', 'finish', 'end', 'close'] as const;

/** Uses of a stream in which a function of the user throws. The stream is not destroyed by its user. */
const faulty: Record<string, (stream: DecompressStream | CompressStream, data: Buffer) => void> = {
  ...Object.fromEntries(
    events.map((event) => [
      `a listener of '${event}'`,
      (stream: DecompressStream | CompressStream, data: Buffer) => {
        stream.once(event, fail);
        if (event !== 'readable') stream.resume();
        stream.end(data);
      },
    ]),
  ),
  "a listener of 'drain'": (stream, data) => {
    stream.resume().once('drain', () => {
      process.nextTick(() => stream.end());
      fail();
    });
    while (stream.write(data)) {}
  },
  "a listener of 'data' that finds all of it waiting": (stream, data) => {
    stream.once('end', () => {}).end(data);
    stream.once('readable', () => stream.removeAllListeners('readable').once('data', fail));
  },
  "a listener of 'error'": (stream, data) => void stream.once('error', fail).end(data.subarray(0, 100)),
  'the callback of a write': (stream, data) => void stream.resume().write(data, () => stream.end(fail)),
  'the callback of the last write': (stream, data) => {
    stream.resume().write(data, fail);
    stream.end();
  },
  'the callback of a flush': (stream, data) => {
    stream.resume().write(data);
    stream.flush(fail);
    stream.end();
  },
  'the callback of end()': (stream, data) => void stream.resume().end(data, fail),
  'a push() of its own': (stream, data) => {
    stream.push = fail;
    stream.end(data);
  },
};

describe('P10 contained: an exception', () => {
  for (const engine of engines) {
    for (const [where, inline] of Object.entries({ 'main thread': {}, threadpool: { inputLength: 0 } })) {
      for (const [direction, what, use] of Object.keys(directions).flatMap((each) =>
        Object.entries(faulty).map(([name, act]) => [each, name, act] as const),
      )) {
        const { create, input, output } = directions[direction as keyof typeof directions];
        const data = input(both);
        // An encoder has no bad input.
        if (direction === 'compressing' && what === "a listener of 'error'") continue;
        it(`of ${what} costs no engine: the next in the queue gets it (${direction}, ${engine}, ${where})`, async () => {
          const pool = new ZlibPool({ engine, inline, maxLeased: 1 });
          const caught = await uncaughtDuring(async () => {
            const stream = create(pool, { highWaterMark: 2 * data.length });
            use(stream, data);
            const { bytes } = await outcome(create(pool), (next) => void next.end(data));
            expect(bytes.equals(output(both))).to.equal(true);
            // It is the exception that gave its engine back, not the garbage collector.
            expect(pool.stats.leaked).to.equal(0);
            stream.on('error', () => {});
          });
          expect(caught).to.deep.equal(['Error: from a listener']);
          expect(pool.stats).to.include({ leased: 0, waiting: 0 });
        });
      }
    }

    it(`costs no place in the threadpool, and no turn of the event loop (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const long = sample(200_000).data;
      // Waits for the next turn if a turn is used up. The longer one waits for the threadpool.
      const medium = compress('gzip', Buffer.from(randomBytes(2_100).toString('hex')));
      const caught = await uncaughtDuring(async (thrown) => {
        const count = 1_500;
        for (let i = 0; i < count; i++) {
          const stream = pool.createGunzip();
          const input = [data, medium, long][i % 3] as Buffer;
          const kind = i % 3 === 1 ? 1 : Math.floor(i / 3) % 3;
          if (kind === 0) {
            stream.resume().end(input, fail);
            continue;
          }
          if (kind === 1) {
            stream.resume().write(input, fail);
            stream.end();
            continue;
          }
          stream.once('data', () => {
            if (i % 4 === 0) stream.destroy();
            fail();
          });
          stream.end(input);
        }
        const good = Array.from({ length: 300 }, () => outcome(pool.createGunzip(), (next) => void next.end(data)));
        for (const { bytes } of await Promise.all(good)) expect(bytes.equals(plain)).to.equal(true);
        const { bytes } = await outcome(pool.createGunzip(), (next) => void next.end(long));
        expect(bytes.length).to.equal(200_000);
        while (thrown.length < count || pool.stats.leased > 0) await nextTurn();
      });
      expect(caught.length).to.equal(1_500);
      expect(pool.stats).to.include({ leased: 0, leaked: 0 });
    });

    it(`of the destroy() of one stream is not in the way of the others when a pool is destroyed (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const caught = await uncaughtDuring(async () => {
        const streams = Array.from({ length: 4 }, () => pool.createGunzip().on('error', () => {}));
        await Promise.all(
          streams.map((stream) => new Promise<void>((resolve) => stream.write(data.subarray(0, 50), () => resolve()))),
        );
        const { destroy } = streams[0] as DecompressStream;
        (streams[0] as DecompressStream).destroy = function (this: DecompressStream, error) {
          destroy.call(this, error);
          return fail();
        };
        pool.destroy();
        await pool.close();
        for (const stream of streams) expect(stream.destroyed).to.equal(true);
      });
      expect(caught).to.deep.equal(['Error: from a listener']);
    });
  }
});

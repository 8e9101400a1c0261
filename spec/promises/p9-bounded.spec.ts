/**
 * P9: memory is bounded by back-pressure, output by limits, and engines by `maxLeased`: who finds none waits its turn, for a bounded
 * time, and can give up. What needs a process of its own to be measured is in endurance, bombs and bursts.
 */
import { once } from 'node:events';
import { Duplex, type Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { promisify } from 'node:util';
import { createGunzip, deflateRawSync, deflateSync, gunzip, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { Lease } from '../../lib/index.ts';
import { decoder, engines, probed, watchLeases, ZlibPool } from '../support/library.ts';
import { bytesOf, closed } from '../support/outcome.ts';
import { json, sample } from '../support/samples.ts';
import { until } from '../support/until.ts';

const { plain, data } = sample(3_000);

interface Failure extends Error {
  code?: string;
  stats?: Record<string, number>;
}

async function failureOf(promise: Promise<unknown>): Promise<Failure> {
  return promise.then(
    () => expect.fail('it did not fail'),
    (error) => error,
  );
}

/** What waits in a stream and in the one that it is piped to. */
function waitingIn(...streams: (Readable | Writable)[]): number {
  return streams.reduce(
    (sum, stream) => sum + ('readableLength' in stream ? stream.readableLength : 0) + writable(stream),
    0,
  );
}

function writable(stream: Readable | Writable): number {
  return stream instanceof Writable && !(stream instanceof Duplex) ? stream.writableLength : 0;
}

/** Until nothing comes any more: for longer than a write in the threadpool takes. */
async function standstill(length: () => number): Promise<number> {
  const long = gzipSync(Buffer.alloc(3_000_000));
  for (let before = -1; before !== length(); ) {
    before = length();
    await Promise.all(Array.from({ length: 8 }, () => promisify(gunzip)(long)));
    await nextTurn();
  }
  return length();
}

/** Readers that stop. */
const stops: Record<string, (stream: Duplex) => Writable | undefined> = {
  'that only listens to readable': (stream) => void stream.on('readable', () => {}),
  'that is paused': (stream) => void stream.on('data', () => {}).pause(),
  'that reads a chunk and stops': (stream) => void stream.once('readable', () => stream.read()),
  'that is not there': () => undefined,
  // What is written stays with the destination.
  'that is a pipe to a destination that is stuck': (stream) => stream.pipe(new Writable({ write() {} })),
};

describe('P9 bounded', () => {
  for (const engine of engines) {
    it(`reserves memory in proportion to a message, not to the length that it claims (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      for (const [length, claim] of [
        [100_000, 100_000_000],
        [1_050_000, 1_050_000_000],
        [4_170_000, 2 ** 32 - 1],
        [4_170_000, 2 ** 32 - 2],
        [20_000, 20_000_000],
        [1_000, 1_000_000],
      ] as const) {
        const message = Buffer.alloc(length);
        gzipSync('hello').copy(message);
        message.writeUInt32LE(claim, length - 4);
        const before = process.memoryUsage().arrayBuffers;
        const all = Array.from({ length: 8 }, () => pool.decompress(message, 'gzip'));
        const reserved = process.memoryUsage().arrayBuffers - before;
        expect(reserved, `${length} bytes that claim ${claim}`).to.be.below(8 * (300_000 + length));
        for (const bytes of await Promise.all(all)) expect(String(bytes)).to.equal('hello');
        const beforeSync = process.memoryUsage().arrayBuffers;
        expect(String(pool.decompressSync(message, 'gzip'))).to.equal('hello');
        expect(process.memoryUsage().arrayBuffers - beforeSync).to.be.below(300_000 + length);
        expect(String(await bytesOf(pool.createGunzip(), message))).to.equal('hello');
      }
      expect(pool.stats).to.include({ discarded: 0 });
    });

    it(`gives all of what a message claims in truth, however much more than its input it is (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      for (const length of [262_144, 262_145, 1_000_000, 20_000_000]) {
        const zeros = Buffer.alloc(length);
        const message = gzipSync(zeros);
        expect((await pool.decompress(message, 'gzip')).equals(zeros)).to.equal(true);
        expect(pool.decompressSync(message, 'gzip').equals(zeros)).to.equal(true);
        // Two members: the claim is that of the second alone.
        const both = Buffer.concat([gzipSync(json(300_000, 1)), message]);
        expect((await pool.decompress(both, 'gzip')).subarray(-length).equals(zeros)).to.equal(true);
      }
    });

    it(`refuses input that node:zlib would cut off, in its own stream or promise (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const long = Buffer.allocUnsafeSlow(2 ** 32);
      expect(await failureOf(pool.decompress(long, 'gzip'))).to.include({ code: 'ERR_BUFFER_TOO_LARGE' });
      expect(() => pool.decompressSync(long, 'gzip'))
        .to.throw(RangeError)
        .with.property('code', 'ERR_BUFFER_TOO_LARGE');
      const stream = pool.createInflateRaw();
      const failed = once(stream, 'error');
      stream.write(long);
      expect((await failed)[0]).to.include({ code: 'ERR_BUFFER_TOO_LARGE' });
      await closed(stream);
      expect(pool.stats.leased).to.equal(0);
    });

    for (const [reader, stop] of Object.entries(stops)) {
      it(`lets no more than a few times what waits in node:zlib wait for a reader ${reader} (${engine})`, async () => {
        const { data } = sample(1_000_000);
        const pool = new ZlibPool({ engine });
        const lengths = [];
        for (const stream of [createGunzip(), pool.createGunzip()]) {
          const rest = stop(stream);
          stream.end(data);
          lengths.push(await standstill(() => waitingIn(stream, ...(rest === undefined ? [] : [rest]))));
          stream.destroy();
        }
        const [stock, ours] = lengths as [number, number];
        expect(ours).to.be.above(0);
        // Pieces grow for a reader that reads at once: to four times the first, which is four times node:zlib's.
        expect(ours).to.be.at.most(reader.startsWith('that reads') ? 262_144 : 4 * stock);
      });
    }
  }

  for (const engine of engines) {
    for (const [where, inline] of Object.entries({ 'main thread': {}, threadpool: { inputLength: 0 } })) {
      it(`has at most maxLeased engines out, whatever comes, and serves all (${engine}, ${where})`, async () => {
        const pool = new ZlibPool({ engine, inline, maxLeased: 3 });
        let most = 0;
        const leases = watchLeases(pool);
        const samples = Array.from({ length: 60 }, (_, i) => sample(2_000 + 100 * i, i));
        const all = samples.map(async ({ plain, data }, i) => {
          const bytes = i % 2 === 0 ? await bytesOf(pool.createGunzip(), data) : await pool.decompress(data, 'gzip');
          expect(bytes.equals(plain)).to.equal(true);
          most = Math.max(most, pool.stats.leased);
        });
        await nextTurn();
        expect(pool.stats.waiting).to.be.above(0);
        await Promise.all(all);
        await nextTurn();
        expect(leases).to.have.length(60);
        expect(most).to.be.within(1, 3);
        expect(pool.stats).to.include({ leased: 0, waiting: 0, discarded: 0 });
        expect(pool.stats.created).to.be.at.most(3);
      });
    }

    it(`lends first come first served, and lets nobody overtake (${engine})`, async () => {
      const pool = new ZlibPool({ engine, maxLeased: 1 });
      const held = await pool.lease('gzip');
      const order: string[] = [];
      const note = (name: string) => (lease: Lease) => {
        order.push(name);
        return lease;
      };
      const first = pool.lease('deflate').then(note('first'));
      const stream = pool.createGunzip();
      stream.once('end', () => order.push('second'));
      const second = bytesOf(stream, data);
      await nextTurn();
      const third = pool.lease('br').then(note('third'));
      expect(pool.stats).to.include({ leased: 1, waiting: 3 });
      expect(pool.tryLease('gzip')).to.equal(undefined);
      held.release();
      // It is the first one's already: nobody gets in between.
      expect(pool.stats).to.include({ leased: 1, waiting: 2 });
      expect(pool.tryLease('gzip')).to.equal(undefined);
      (await first).release();
      expect((await second).equals(plain)).to.equal(true);
      (await third).release();
      expect(order).to.deep.equal(['first', 'second', 'third']);
      expect(pool.stats).to.include({ leased: 0, waiting: 0 });
      pool.tryLease('gzip')?.release();
    });

    it(`goes on with who waits after a discard as well as after a release (${engine})`, async () => {
      const pool = new ZlibPool({ engine, maxLeased: 1 });
      for (const end of ['release', 'discard'] as const) {
        const held = await pool.lease('gzip');
        const waiting = pool.lease('gzip');
        held[end]();
        (await waiting).release();
      }
      const bad = pool.createGunzip();
      const failed = new Promise((resolve) => bad.once('error', resolve));
      bad.end('this is no gzip');
      const good = bytesOf(pool.createGunzip(), data);
      await failed;
      expect((await good).equals(plain)).to.equal(true);
    });

    it(`takes a destroyed stream out of the queue at once (${engine})`, async () => {
      const pool = new ZlibPool({ engine, maxLeased: 1 });
      const held = await pool.lease('gzip');
      const streams = Array.from({ length: 3 }, () => pool.createGunzip());
      const callbacks = streams.map((stream) => new Promise((resolve) => stream.write(data, resolve)));
      await nextTurn();
      expect(pool.stats.waiting).to.equal(3);
      streams[1]?.destroy();
      expect(pool.stats.waiting).to.equal(2);
      await closed(streams[1] as never);
      // As any write that is cut short by destroy().
      await callbacks[1];
      const bytes = [streams[0], streams[2]].map((stream) => bytesOf(stream as never));
      streams[0]?.end();
      streams[2]?.end();
      held.release();
      for (const each of await Promise.all(bytes)) expect(each.equals(plain)).to.equal(true);
      await nextTurn();
      expect(pool.stats).to.include({ leased: 0, waiting: 0, discarded: 0 });
    });

    it(`takes whoever gave up out of the queue at once: lease() and decompress() with a signal (${engine})`, async () => {
      const pool = new ZlibPool({ engine, maxLeased: 1 });
      const held = await pool.lease('gzip');
      const gone = new AbortController();
      const { signal } = gone;
      const both = [pool.lease('gzip', { signal }), pool.decompress(data, 'gzip', { signal })];
      const later = pool.decompress(data, 'gzip', { signal: new AbortController().signal });
      expect(pool.stats.waiting).to.equal(3);
      gone.abort('enough');
      expect(pool.stats.waiting).to.equal(1);
      for (const each of both) {
        expect(await failureOf(each)).to.include({ code: 'ABORT_ERR', name: 'AbortError', cause: 'enough' });
      }
      expect(await failureOf(pool.lease('gzip', { signal }))).to.include({ code: 'ABORT_ERR' });
      held.release();
      expect((await later).equals(plain)).to.equal(true);
      expect(pool.stats).to.include({ leased: 0, waiting: 0 });
    });

    it(`fails who waited for leaseTimeoutMs, with the numbers, and serves those after it (${engine})`, async () => {
      const pool = new ZlibPool({ engine, maxLeased: 2, maxWaiting: 9, leaseTimeoutMs: 30, leakDetection: 'all' });
      const stream = pool.createInflate();
      stream.write(deflateSync('never ended').subarray(0, 5));
      await nextTurn();
      const held = await pool.lease('gzip');
      const late = pool.createGunzip();
      const failed = new Promise<Failure>((resolve) => late.once('error', resolve));
      late.end(data);
      const failures = await Promise.all([
        failed,
        failureOf(pool.lease('gzip')),
        failureOf(pool.decompress(data, 'gzip')),
      ]);
      for (const error of failures) {
        expect(error.code).to.equal('ERR_POOL_TIMEOUT');
        expect(error.message).to.match(/after \d+ ms: leased 2 of 2, idle 0, waiting \d of 9/);
        // The stream asked first. Whoever asked is named: this file.
        const holders = error.message.split('\n').filter((line) => line.includes('requested at'));
        expect(holders.join()).to.match(
          /^deflate, leased for \d+ ms, requested at,gzip, leased for \d+ ms, requested at$/,
        );
        expect(error.message.match(/p9-bounded/g)).to.have.length.at.least(2);
        expect(error.stats).to.include({ leased: 2 });
      }
      expect(pool.stats).to.include({ leased: 2, waiting: 0 });
      const next = pool.lease('gzip');
      held.release();
      (await next).release();
      stream.destroy();
    });

    it(`counts in that error the streams that have no work for their engines (${engine})`, async () => {
      const pool = new ZlibPool({ engine, maxLeased: 4, maxWaiting: 1, leaseTimeoutMs: 10 });
      const [never, unread, working] = [pool.createInflateRaw(), pool.createGunzip(), pool.createGunzip()];
      // As undici's WebSocket: whole messages, and no end.
      await new Promise((resolve) => never.resume().write(deflateRawSync('a message'), resolve));
      unread.end(data);
      await once(unread, 'readable');
      working.resume().write(data.subarray(0, 20));
      await nextTurn();
      await new Promise((resolve) => working.write(data.subarray(20, 40), resolve));
      working.cork();
      working.write(data.subarray(40));
      const held = pool.tryLease('gzip');
      const late = pool.lease('gzip');
      for (const refused of [pool.lease('gzip'), late]) {
        expect((await failureOf(refused)).message).to.match(
          /leased 4 of 4, idle 0, waiting 1 of 1; streams that wait for input or a reader: 2$/,
        );
      }
      held?.release();
      for (const stream of [never, unread, working]) stream.destroy();

      const busy = new ZlibPool({ engine, maxLeased: 1, maxWaiting: 0 });
      busy.tryLease('gzip');
      expect((await failureOf(busy.lease('gzip'))).message).to.match(/leased 1 of 1, idle 0, waiting 0 of 0$/);
    });

    it(`refuses one more than maxWaiting at once, with the numbers (${engine})`, async () => {
      const pool = new ZlibPool({ engine, maxLeased: 1, maxWaiting: 1 });
      const held = await pool.lease('gzip');
      const waiting = pool.lease('gzip');
      const stream = pool.createGunzip();
      const failed = new Promise<Failure>((resolve) => stream.once('error', resolve));
      stream.end(data);
      const failures = [failed, failureOf(pool.lease('gzip')), failureOf(pool.decompress(data, 'gzip'))];
      for (const error of await Promise.all(failures)) {
        expect(error.code).to.equal('ERR_POOL_QUEUE_FULL');
        expect(error.message).to.include('leased 1 of 1, idle 0, waiting 1 of 1');
      }
      held.release();
      (await waiting).release();
      const none = new ZlibPool({ engine, maxLeased: 1, maxWaiting: 0 });
      none.tryLease('gzip');
      expect(await failureOf(none.lease('gzip'))).to.include({ code: 'ERR_POOL_QUEUE_FULL' });
    });

    it(`ends streams that feed each other on too small a pool in an error that says so (${engine})`, async () => {
      const pool = new ZlibPool({ engine, maxLeased: 1, leaseTimeoutMs: 30 });
      // More than fits between the two.
      const twice = gzipSync(deflateSync(sample(4_000_000).plain));
      const error = await failureOf(
        pipeline([twice], pool.createGunzip(), pool.createInflate(), async (chunks) => {
          for await (const _ of chunks);
        }),
      );
      expect(error.code).to.equal('ERR_POOL_TIMEOUT');
      await until(() => pool.stats.leased === 0);
      expect(pool.stats).to.include({ leased: 0, waiting: 0 });
      expect((await pool.decompress(data, 'gzip')).equals(plain)).to.equal(true);
    });

    it(`sends those away who wait when the pool is closed or destroyed (${engine})`, async () => {
      for (const how of ['close', 'destroy'] as const) {
        const pool = new ZlibPool({ engine, maxLeased: 1 });
        const held = await pool.lease('gzip');
        const stream = pool.createGunzip();
        const failed = new Promise<Failure>((resolve) => stream.once('error', resolve));
        stream.end(data);
        await nextTurn();
        const waiting = [failed, failureOf(pool.lease('gzip')), failureOf(pool.decompress(data, 'gzip'))];
        const why = Object.assign(new Error('shutting down'), { code: 'MINE' });
        if (how === 'close') void pool.close();
        else pool.destroy(why);
        expect(pool.stats.waiting).to.equal(0);
        for (const error of await Promise.all(waiting)) {
          expect(error.code).to.equal(how === 'close' ? 'ERR_POOL_CLOSED' : 'MINE');
        }
        held.release();
        await pool.close();
        expect(pool.stats).to.include({ leased: 0, waiting: 0 });
      }
    });

    it(`serves decompressSync(), which can't wait, though all engines are out (${engine})`, () => {
      const pool = new ZlibPool({ engine, maxLeased: 1, maxWaiting: 0 });
      const held = pool.tryLease('gzip');
      expect(pool.decompressSync(data, 'gzip').equals(plain)).to.equal(true);
      expect(pool.stats).to.include({ leased: 1 });
      held?.release();
    });

    it(`lets a message end that waited in line for one that ended within its turn, by the thousand (${engine})`, async () => {
      const pool = new ZlibPool({ engine, maxLeased: 1 });
      const count = engine === 'native' ? 5_000 : 300;
      const small = gzipSync('small');
      const all = await Promise.all(Array.from({ length: count }, () => pool.decompress(small, 'gzip')));
      expect(all.every((bytes) => String(bytes) === 'small')).to.equal(true);
      expect(pool.stats).to.include({ created: 1, leased: 0, waiting: 0 });
    });
  }

  it('checks its arguments before it waits', async () => {
    const pool = new ZlibPool({ maxLeased: 1 });
    pool.tryLease('gzip');
    expect(await failureOf(pool.lease('zip' as never))).to.include({ code: 'ERR_INVALID_ARG_VALUE' });
    expect(await failureOf(pool.decompress('text' as never, 'gzip'))).to.include({ code: 'ERR_INVALID_ARG_TYPE' });
    expect(pool.stats.waiting).to.equal(0);
  });

  it('fails who waited for an engine that is not to be had', async () => {
    const codec = decoder('deflate');
    const pool = new ZlibPool({ engine: 'native', maxLeased: 1 });
    const held = await pool.lease('gzip');
    const waiting = failureOf(pool.lease('deflate'));
    probed.set(codec, false);
    try {
      held.release();
      expect(await waiting).to.include({ code: 'ERR_ENGINE_UNAVAILABLE' });
    } finally {
      probed.delete(codec);
    }
    expect(pool.stats).to.include({ leased: 0, waiting: 0 });
  });
});

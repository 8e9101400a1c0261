/** The pool: leases, idle engines, options, close and destroy. */
import diagnostics from 'node:diagnostics_channel';
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { inspect } from 'node:util';
import { expect } from 'chai';
import { codecs } from '../../lib/engine/codecs.ts';
import type { Format, Lease as PoolLease, PoolStats, ZlibPoolOptions } from '../../lib/index.ts';
import { root } from '../../lib/schedule/context.ts';
import { withClock } from '../support/clock.ts';
import { clock, decoder, engineOf, engines, isNative, Lease, probed, ZlibPool } from '../support/library.ts';
import { bytesOf, closed } from '../support/outcome.ts';
import { formats, sample } from '../support/samples.ts';
import { collectGarbage, until } from '../support/until.ts';

const { plain, data } = sample(3_000);

function addsUp({ created, leased, idle, discarded, evicted, leaked }: PoolStats): void {
  expect(created).to.equal(leased + idle + discarded + evicted + leaked);
}

describe('ZlibPool', () => {
  describe('near the end of the stack', () => {
    // The real one ends the process by an assertion of Node's now and then.
    const tooDeep = (): never => {
      throw new RangeError('Maximum call stack size exceeded');
    };
    const failing = async (object: object, name: string, act: () => void): Promise<void> => {
      await nextTurn();
      await nextTurn();
      const own = Object.getOwnPropertyDescriptor(object, name);
      Object.assign(object, { [name]: tooDeep });
      try {
        expect(act).to.throw(RangeError);
      } finally {
        if (own === undefined) Reflect.deleteProperty(object, name);
        else Object.defineProperty(object, name, own);
      }
    };
    const works = async (pool: InstanceType<typeof ZlibPool>): Promise<void> => {
      addsUp(pool.stats);
      expect((await pool.decompress(data, 'gzip')).equals(plain)).to.equal(true);
      addsUp(pool.stats);
      expect(pool.stats.leased).to.equal(0);
    };

    it('closes an idle engine that it can not lease', async () => {
      const pool = new ZlibPool();
      pool.tryLease('gzip')?.release();
      await failing(root, 'runInAsyncScope', () => pool.tryLease('gzip'));
      expect(pool.stats).to.include({ leased: 0, idle: 0, evicted: 1 });
      await works(pool);
    });

    it('counts no engine that it can not create', async () => {
      const pool = new ZlibPool();
      pool.tryLease('deflate')?.release();
      await failing(root, 'runInAsyncScope', () => pool.tryLease('gzip'));
      expect(pool.stats).to.include({ leased: 0, created: 1 });
      await works(pool);
    });

    it('repeats a probe of the native engine that could not be made', async () => {
      const codec = decoder('deflate');
      const known = isNative(codec);
      probed.delete(codec);
      try {
        await failing(root, 'runInAsyncScope', () => {
          expect(isNative(codec)).to.equal(false);
          tooDeep();
        });
        expect(isNative(codec)).to.equal(known).and.to.equal(true);
      } finally {
        probed.set(codec, known);
      }
    });

    it('forgets a lease with an origin that it could not count', async () => {
      const pool = new ZlibPool({ leakDetection: 'all' });
      await failing(clock, 'now', () => pool.tryLease('gzip'));
      // If the pool still watched it, a collection would end it once more.
      for (let i = 0; i < 20; i++) {
        await nextTurn();
        collectGarbage();
      }
      expect(pool.stats).to.include({ leased: 0, created: 0, leaked: 0 });
      await works(pool);
    });

    it('closes an engine that it can not keep', async () => {
      const pool = new ZlibPool();
      const lease = pool.tryLease('gzip');
      const { setTimeout } = clock;
      clock.setTimeout = tooDeep as never;
      try {
        lease?.release();
      } finally {
        clock.setTimeout = setTimeout;
      }
      expect(pool.stats).to.include({ leased: 0, idle: 0, discarded: 1 });
      await works(pool);
    });

    it('leaves a lease live that it can not take back', async () => {
      const pool = new ZlibPool();
      const lease = pool.tryLease('gzip') as PoolLease;
      await failing(pool, 'takeBack', () => lease.release());
      expect(lease.released).to.equal(false);
      expect(lease.writeSync(data).equals(plain)).to.equal(true);
      lease.release();
      expect(() => lease.release()).to.throw('ended already');
      await works(pool);
    });
  });

  for (const engine of engines) {
    describe(`with ${engine} engines`, () => {
      it('serves one stream after another with one engine', async () => {
        const pool = new ZlibPool({ engine });
        for (let i = 0; i < 20; i++) {
          const stream = pool.createGunzip();
          expect((await bytesOf(stream, data)).equals(plain)).to.equal(true);
          await closed(stream);
        }
        expect(pool.stats).to.deep.equal({
          leased: 0,
          idle: 1,
          waiting: 0,
          created: 1,
          reused: 19,
          failed: 0,
          discarded: 0,
          evicted: 0,
          leaked: 0,
          bytesIn: 20 * data.length,
          bytesOut: 20 * plain.length,
        });
      });

      it('keeps at most maxIdle engines', async () => {
        for (const maxIdle of [0, 1, 3, Number.POSITIVE_INFINITY]) {
          const pool = new ZlibPool({ engine, maxIdle });
          for (let round = 0; round < 2; round++) {
            const streams = Array.from({ length: 8 }, () => pool.createGunzip());
            await Promise.all(streams.map((stream) => bytesOf(stream, data)));
            await Promise.all(streams.map(closed));
            expect(pool.stats.idle).to.equal(Math.min(8, maxIdle));
            expect(pool.stats.leased).to.equal(0);
            addsUp(pool.stats);
          }
          expect(pool.stats.reused).to.equal(Math.min(8, maxIdle));
        }
      });

      it('closes engines that nobody needed for idleTimeoutMs, and keeps those in use', () => {
        withClock((clock) => {
          const pool = new ZlibPool({ engine, idleTimeoutMs: 40 });
          for (const format of ['gzip', 'deflate'] as Format[]) {
            const leases = Array.from({ length: 10 }, () => pool.tryLease(format));
            for (const lease of leases) lease?.release();
          }
          clock.pass(79);
          expect(pool.stats).to.include({ idle: 20, evicted: 0 });
          for (let i = 0; i < 8; i++) {
            pool.tryLease('gzip')?.release();
            clock.pass(10);
          }
          expect(pool.stats).to.include({ idle: 1, evicted: 19, created: 20 });
          clock.pass(80);
          expect(pool.stats).to.include({ idle: 0, evicted: 20 });
          addsUp(pool.stats);
        });
      });

      it('keeps idle engines for good with idleTimeoutMs 0', () => {
        withClock((clock) => {
          const pool = new ZlibPool({ engine, idleTimeoutMs: 0 });
          pool.tryLease('gzip')?.release();
          clock.pass(1_000_000_000);
          expect(pool.stats.idle).to.equal(1);
        });
      });

      it('gives no more leases after close(), and resolves when those that are out are back', async () => {
        const pool = new ZlibPool({ engine });
        pool.tryLease('gzip')?.release();
        const stream = pool.createGunzip();
        stream.write(data.subarray(0, 100));
        await nextTurn();
        const late = pool.createGunzip();
        let resolved = false;
        const over = pool.close().then(() => {
          resolved = true;
        });
        expect(pool.stats).to.include({ idle: 0, leased: 1 });
        expect(() => pool.tryLease('gzip'))
          .to.throw()
          .with.property('code', 'ERR_POOL_CLOSED');
        late.end(data);
        const [error] = await once(late, 'error');
        expect(error).to.have.property('code', 'ERR_POOL_CLOSED');
        expect(resolved).to.equal(false);
        const bytes = await bytesOf(stream, data.subarray(100));
        expect(bytes.equals(plain)).to.equal(true);
        await over;
        await pool.close();
        expect(pool.stats).to.include({ leased: 0, idle: 0 });
        addsUp(pool.stats);
      });

      it('destroys its streams with the error of destroy(), also those in the threadpool', async () => {
        const pool = new ZlibPool({ engine, inline: { inputLength: 0 } });
        const big = sample(2_000_000).data;
        const streams = Array.from({ length: 6 }, () => pool.createGunzip());
        const errors = streams.map((stream) => new Promise((resolve) => stream.on('error', resolve)));
        for (const [i, stream] of streams.entries()) stream.resume().write(i % 2 === 0 ? big : data);
        await until(() => pool.stats.leased === 6);
        const error = new Error('shutting down');
        pool.destroy(error);
        expect(new Set(await Promise.all(errors))).to.deep.equal(new Set([error]));
        expect(() => pool.tryLease('gzip')).to.throw(error);
        await pool[Symbol.asyncDispose]();
        expect(pool.stats).to.include({ leased: 0, idle: 0, discarded: 6 });
      });

      it('destroys with ERR_POOL_CLOSED by default, and leaves a lease without a stream to its holder', async () => {
        const pool = new ZlibPool({ engine });
        const lease = pool.tryLease('deflate');
        pool.destroy();
        expect(lease?.released).to.equal(false);
        lease?.release();
        expect(pool.stats).to.include({ leased: 0, idle: 0, evicted: 1 });
        const stream = pool.createInflate();
        stream.write('x');
        expect((await once(stream, 'error'))[0]).to.have.property('code', 'ERR_POOL_CLOSED');
        await pool.close();
      });
    });
  }

  it('publishes zlease:fail for a lease that has failed, and for no other', () => {
    const pool = new ZlibPool();
    const causes: unknown[] = [];
    const note = (message: unknown): unknown => causes.push((message as { cause: unknown }).cause);
    const failure = new Error('bad');
    diagnostics.subscribe('zlease:fail', note);
    try {
      pool.tryLease('gzip')?.release();
      pool.tryLease('gzip')?.discard();
      pool.tryLease('gzip')?.discard(failure);
    } finally {
      diagnostics.unsubscribe('zlease:fail', note);
    }
    expect(causes).to.deep.equal([failure]);
    expect(pool.stats).to.include({ failed: 1, discarded: 2 });
  });

  it('tells pools from all else, without running its code', () => {
    const pool = new ZlibPool();
    expect(ZlibPool.isPool(pool)).to.equal(true);
    const trap = (): never => {
      throw new Error('A trap was called');
    };
    const proxy = new Proxy(pool, { get: trap, has: trap, getPrototypeOf: trap });
    for (const value of [null, undefined, 5, 'pool', {}, () => {}, Object.create(pool), proxy]) {
      expect(ZlibPool.isPool(value)).to.equal(false);
    }
  });

  it('closes its idle engines at once with close()', async () => {
    const pool = new ZlibPool();
    const leases = ['gzip', 'gzip', 'deflate'].map((format) => pool.tryLease(format as Format) as PoolLease);
    const idle = leases.map((lease) => engineOf(lease));
    for (const lease of leases) lease.release();
    expect(pool.stats).to.include({ idle: 3, evicted: 0 });
    await pool.close();
    expect(pool.stats).to.include({ idle: 0, evicted: 3, created: 3 });
    // A closed engine does not work any more.
    for (const engine of idle) expect(() => engine.processChunk(0, data, 16_384, 100_000)).to.throw();
  });

  it('keeps engines of any number of kinds, and their numbers', () => {
    const pool = new ZlibPool({ maxIdle: Number.POSITIVE_INFINITY });
    const windows = [9, 10, 11, 12, 13, 14];
    const kinds = windows.flatMap((windowBits) =>
      [1, 2, 3, 4, 5, 6, 7, 8].flatMap((level) =>
        [1, 2, 3, 4, 5, 6].map((memLevel) => ({ windowBits, level, memLevel })),
      ),
    );
    for (const options of kinds) {
      const lease = pool.tryLease('deflate', { ...options, compress: true } as never) as PoolLease;
      // Most shelves are empty when the last ones are added.
      if (kinds.indexOf(options) % 2 === 0) lease.release();
      else lease.discard();
    }
    const kept = kinds.length / 2;
    expect(pool.stats).to.include({ idle: kept, created: kinds.length, reused: 0 });
    for (const options of kinds) pool.tryLease('deflate', { ...options, compress: true } as never)?.release();
    expect(pool.stats).to.include({ idle: kinds.length, reused: kept, created: kinds.length + kept });
    addsUp(pool.stats);
    void pool.close();
  });

  it('has a timer for its idle engines while it has some, and no longer', () => {
    withClock((time) => {
      let timers = 0;
      const { setTimeout, clearTimeout } = clock;
      clock.setTimeout = ((act: () => void, delayMs: number) => {
        timers += 1;
        return setTimeout(() => {
          timers -= 1;
          act();
        }, delayMs);
      }) as never;
      clock.clearTimeout = (timer) => {
        if (timer !== undefined) timers -= 1;
        clearTimeout(timer);
      };
      const pool = new ZlibPool({ idleTimeoutMs: 10 });
      expect(timers).to.equal(0);
      for (let i = 0; i < 2; i++) {
        const leases = ['gzip', 'deflate'].map((format) => pool.tryLease(format as Format));
        expect(timers).to.equal(0);
        for (const lease of leases) lease?.release();
        expect(timers).to.equal(1);
        time.pass(10);
        expect(timers).to.equal(1);
        time.pass(10);
        expect(pool.stats.idle).to.equal(0);
        expect(timers).to.equal(0);
      }
      pool.tryLease('gzip')?.release();
      expect(timers).to.equal(1);
      void pool.close();
      expect(timers).to.equal(0);
    });
  });

  it('leases on request, for every format, once each', () => {
    const pool = new ZlibPool();
    for (const format of formats) {
      const lease = pool.tryLease(format) as PoolLease;
      expect(lease).to.be.instanceOf(Lease);
      expect(lease.released).to.equal(false);
      lease.discard();
      expect(lease.released).to.equal(true);
    }
    expect(pool.stats).to.include({ discarded: formats.length, idle: 0 });
    expect(() => pool.tryLease('zip' as Format))
      .to.throw()
      .with.property('code', 'ERR_INVALID_ARG_VALUE');
    expect(() => pool.createDecompress('zip' as Format))
      .to.throw()
      .with.property('code', 'ERR_INVALID_ARG_VALUE');
  });

  it('closes an engine that can not be reset', () => {
    for (const engine of engines) {
      const pool = new ZlibPool({ engine });
      const lease = pool.tryLease('gzip') as PoolLease;
      engineOf(lease).close();
      lease.release();
      expect(pool.stats).to.include({ leased: 0, idle: 0, discarded: 1 });
    }
  });

  it('takes public engines where the native one did not pass its probe, unless told to insist', () => {
    const codec = decoder('gzip');
    probed.set(codec, false);
    try {
      const lease = new ZlibPool().tryLease('gzip') as PoolLease;
      expect(engineOf(lease).inline).to.equal(false);
      expect(() => new ZlibPool({ engine: 'native' }).tryLease('gzip'))
        .to.throw()
        .with.property('code', 'ERR_ENGINE_UNAVAILABLE');
    } finally {
      probed.delete(codec);
    }
  });

  it('gives its numbers as a frozen snapshot', () => {
    const pool = new ZlibPool();
    const before = pool.stats;
    pool.tryLease('gzip');
    expect(before.leased).to.equal(0);
    expect(Object.isFrozen(before)).to.equal(true);
  });

  it('drives native engines by default, where they are tested', () => {
    expect(codecs.filter((codec) => !isNative(codec))).to.deep.equal([]);
    expect(new ZlibPool().settings.engine).to.equal('auto');
  });

  const nonsense: Array<[options: unknown, code: string]> = [
    [null, 'ERR_INVALID_ARG_TYPE'],
    ['gzip', 'ERR_INVALID_ARG_TYPE'],
    [{ maxIdle: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ maxIdle: 1.5 }, 'ERR_OUT_OF_RANGE'],
    [{ maxIdle: Number.NaN }, 'ERR_OUT_OF_RANGE'],
    [{ maxIdle: '3' }, 'ERR_INVALID_ARG_TYPE'],
    [{ maxIdle: null }, 'ERR_INVALID_ARG_TYPE'],
    [{ maxIdleLength: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ maxIdleLength: 0.5 }, 'ERR_OUT_OF_RANGE'],
    [{ maxIdleLength: Number.NaN }, 'ERR_OUT_OF_RANGE'],
    [{ maxIdleLength: Number.NEGATIVE_INFINITY }, 'ERR_OUT_OF_RANGE'],
    [{ maxIdleLength: '32' }, 'ERR_INVALID_ARG_TYPE'],
    [{ maxIdleLength: 32n }, 'ERR_INVALID_ARG_TYPE'],
    [{ maxIdleLength: null }, 'ERR_INVALID_ARG_TYPE'],
    [{ idleTimeoutMs: 2 ** 31 }, 'ERR_OUT_OF_RANGE'],
    [{ idleTimeoutMs: Number.POSITIVE_INFINITY }, 'ERR_OUT_OF_RANGE'],
    [{ maxOutputLength: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ inline: 3 }, 'ERR_INVALID_ARG_TYPE'],
    [{ inline: { inputLength: -1 } }, 'ERR_OUT_OF_RANGE'],
    [{ inline: { turnLength: Number.POSITIVE_INFINITY } }, 'ERR_OUT_OF_RANGE'],
    [{ inline: { length: 1 } }, 'ERR_INVALID_ARG_VALUE'],
    [{ engine: 'fast' }, 'ERR_INVALID_ARG_VALUE'],
    [{ engine: 1 }, 'ERR_INVALID_ARG_VALUE'],
    [{ maxLeased: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ maxLeased: '4' }, 'ERR_INVALID_ARG_TYPE'],
    [{ maxWaiting: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ leaseTimeoutMs: 2 ** 31 }, 'ERR_OUT_OF_RANGE'],
    [{ leaseTimeoutMs: 0.5 }, 'ERR_OUT_OF_RANGE'],
    [{ maxRatio: 0.9 }, 'ERR_OUT_OF_RANGE'],
    [{ maxRatio: Number.NaN }, 'ERR_OUT_OF_RANGE'],
    [{ maxRatio: '9' }, 'ERR_INVALID_ARG_TYPE'],
    [{ ratioFloorLength: -1 }, 'ERR_OUT_OF_RANGE'],
    [{ maxMembers: 3 }, 'ERR_INVALID_ARG_VALUE'],
    [{ leakDetection: 'some' }, 'ERR_INVALID_ARG_VALUE'],
    [{ leakDetection: true }, 'ERR_INVALID_ARG_VALUE'],
    [{ maxIdel: 1 }, 'ERR_INVALID_ARG_VALUE'],
  ];
  for (const [options, code] of nonsense) {
    it(`throws ${code} for ${inspect(options)}`, () => {
      expect(() => new ZlibPool(options as ZlibPoolOptions))
        .to.throw()
        .with.property('code', code);
    });
  }

  it('takes a frozen copy of its options', () => {
    const options = { maxIdle: 1, inline: { inputLength: 5 } };
    const { settings } = new ZlibPool(options);
    options.maxIdle = 2;
    expect(settings).to.deep.include({ maxIdle: 1, idleTimeoutMs: 30_000, maxOutputLength: Number.POSITIVE_INFINITY });
    expect(settings.inline).to.deep.equal({ inputLength: 5, outputLength: 65_536, turnLength: 131_072 });
    expect(Object.isFrozen(settings) && Object.isFrozen(settings.inline)).to.equal(true);
  });
});

/** The errors of a pool without a free engine: their text is what an operator has to find the cause. */
import { expect } from 'chai';
import { decoder } from '../../lib/engine/codecs.ts';
import { engineKind } from '../../lib/engine/kind.ts';
import type { LeaseOwner } from '../../lib/pool/lease.ts';
import { withClock } from '../support/clock.ts';
import { ZlibPool } from '../support/library.ts';

const gzip = engineKind(decoder('gzip'));

type Pool = InstanceType<typeof ZlibPool>;

/** The error of one more request. */
function errorOf(pool: Pool): NodeJS.ErrnoException & { stats?: unknown } {
  try {
    pool.waitForLease(gzip, undefined, undefined, () => {});
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
  throw new Error('It may wait');
}

describe('The error of a pool without a free engine', () => {
  it('states the numbers of the pool, and has its stats', () => {
    const pool = new ZlibPool({ maxLeased: 2, maxWaiting: 1 });
    pool.tryLease('gzip')?.release();
    for (let i = 0; i < 2; i++) pool.tryLease('deflate');
    pool.waitForLease(gzip, undefined, undefined, () => {});
    const error = errorOf(pool);
    expect(error.code).to.equal('ERR_POOL_QUEUE_FULL');
    expect(error.message).to.equal(
      'All engines are leased, and the queue is full: leased 2 of 2, idle 1, waiting 1 of 1',
    );
    expect(error.stats).to.deep.equal(pool.stats);
  });

  it('states after a timeout how long the request has waited', () => {
    withClock((clock) => {
      const pool = new ZlibPool({ maxLeased: 1, leaseTimeoutMs: 70 });
      pool.tryLease('gzip');
      let message = '';
      pool.waitForLease(gzip, undefined, undefined, (error) => {
        message = error?.message ?? '';
      });
      clock.pass(70);
      expect(message).to.equal(
        'The request for an engine timed out after 70 ms: leased 1 of 1, idle 0, waiting 1 of Infinity',
      );
    });
  });

  it('names the three oldest leases whose origin is known', () => {
    withClock((clock) => {
      const pool = new ZlibPool({ maxLeased: 5, maxWaiting: 0, leakDetection: 'all' });
      pool.tryLease('gzip')?.release();
      const leases = (['deflate', 'gzip', 'br', 'gzip'] as const).map((format) => {
        const lease = pool.tryLease(format);
        clock.pass(10.4);
        return lease;
      });
      leases.push(pool.leaseNow(gzip));
      expect(
        errorOf(pool)
          .message.split('\n')
          .filter((line) => !/^ +at .*[\d)]$/.test(line)),
      ).to.deep.equal([
        'All engines are leased, and the queue is full: leased 5 of 5, idle 0, waiting 0 of 0',
        'deflate, leased for 42 ms, requested at',
        'gzip, leased for 31 ms, requested at',
        'br, leased for 21 ms, requested at',
      ]);
      // A lease that is dropped causes a warning, in whatever test collects the garbage.
      for (const lease of leases) lease?.release();
    });
  });

  const owners: ReadonlyArray<
    readonly [what: string, owner: Omit<LeaseOwner, 'destroy'> | undefined, counts: boolean]
  > = [
    ['a caller with a lease', undefined, false],
    ['a message', {}, false],
    ['a stream that waits for input', { writableEnded: false, writableLength: 0 }, true],
    ['a stream with input, and room for output', inputAndOutput(5, 9, 10), false],
    ['a stream with input, and a full reader', inputAndOutput(5, 10, 10), true],
    [
      'a stream with all input, and output to read',
      { writableEnded: true, writableLength: 0, readableLength: 1 },
      true,
    ],
    ['a stream with all input, and none to read', { writableEnded: true, writableLength: 0, readableLength: 0 }, false],
  ];

  function inputAndOutput(writableLength: number, readableLength: number, readableHighWaterMark: number) {
    return { writableEnded: false, writableLength, readableLength, readableHighWaterMark };
  }

  for (const [what, owner, counts] of owners) {
    it(`counts ${counts ? '' : 'not '}${what} as one that holds an engine without work`, () => {
      const pool = new ZlibPool({ maxLeased: 1, maxWaiting: 0 });
      pool.leaseNow(gzip, owner && { ...owner, destroy() {} });
      const end = '; streams that wait for input or a reader: 1';
      if (counts) expect(errorOf(pool).message.endsWith(end)).to.equal(true);
      else expect(errorOf(pool).message).to.match(/waiting 0 of 0$/);
    });
  }

  it('counts them once a second at most, as such errors may come by the thousand', () => {
    withClock((clock) => {
      const pool = new ZlibPool({ maxLeased: 1, maxWaiting: 0 });
      const idle = { destroy() {}, writableLength: 0 };
      pool.leaseNow(gzip, idle);
      expect(errorOf(pool).message).to.match(/reader: 1$/);
      pool.leaseNow(gzip, idle);
      clock.pass(999);
      expect(errorOf(pool).message).to.match(/reader: 1$/);
      clock.pass(1);
      expect(errorOf(pool).message).to.match(/reader: 2$/);
      pool.leaseNow(gzip, idle);
      clock.pass(999);
      expect(errorOf(pool).message).to.match(/reader: 2$/);
    });
  });
});

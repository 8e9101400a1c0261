/**
 * P11: the numbers add up, channels tell each event, and a lease that was lost is taken back, counted, and told once with the stack of
 * whoever asked for it.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { PassThrough } from 'node:stream';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { Format, LeakEvent, LeaseEvent, ZlibPool as Pool } from '../../lib/index.ts';
import { engines, ZlibPool } from '../support/library.ts';
import { bytesOf, closed } from '../support/outcome.ts';
import { sample } from '../support/samples.ts';
import { collectGarbage, until } from '../support/until.ts';

const { plain, data } = sample(3_000);
const names = ['lease', 'fail', 'release', 'discard', 'wait', 'leak'] as const;

/** What the channels say of `pool` during `act`, as [channel, message without the pool]. */
async function told(pool: Pool, act: () => Promise<unknown>): Promise<[name: string, message: object][]> {
  const messages: [string, object][] = [];
  const listeners = names.map((name) => {
    const listener = (message: unknown): void => {
      const { pool: whose, ...rest } = message as { pool: Pool };
      if (whose === pool) messages.push([name, rest]);
    };
    subscribe(`zlease:${name}`, listener);
    return () => unsubscribe(`zlease:${name}`, listener);
  });
  try {
    await act();
  } finally {
    for (const forget of listeners) forget();
  }
  return messages;
}

/** The warnings of leaks during `act`, which nobody else gets to see; others go their way. */
async function warned(act: () => Promise<unknown>): Promise<(Error & { code?: string; detail?: string })[]> {
  const warnings: Error[] = [];
  const others = process.listeners('warning');
  process.removeAllListeners('warning').on('warning', (warning) => {
    if (warning.name === 'ZleaseLeakWarning') warnings.push(warning);
    else for (const other of others) other(warning);
  });
  try {
    await act();
    await nextTurn();
  } finally {
    process.removeAllListeners('warning');
    for (const other of others) process.on('warning', other);
  }
  return warnings;
}

function addsUp(pool: Pool): void {
  const { created, leased, idle, discarded, evicted, leaked } = pool.stats;
  expect(created).to.equal(leased + idle + discarded + evicted + leaked);
}

/** The ways in which 'close' never comes. The names of the functions are looked for in the stacks. */
const ways: Record<string, (pool: Pool) => unknown> = {
  droppedHalfWay: (pool) =>
    new Promise<void>(function droppedHalfWay(resolve) {
      pool.createGunzip().write(data.subarray(0, 300), () => resolve());
    }),
  endedAndNeverRead: async function endedAndNeverRead(pool) {
    const { bytesOut } = pool.stats;
    pool.createGunzip().end(data);
    await until(() => pool.stats.bytesOut > bytesOut);
  },
  leftByItsPipe: async function leftByItsPipe(pool) {
    const { bytesOut } = pool.stats;
    const source = new PassThrough().on('error', () => {});
    source.pipe(pool.createGunzip()).resume();
    source.write(data.subarray(0, 300));
    await until(() => pool.stats.bytesOut > bytesOut);
    source.destroy(new Error('the source failed'));
  },
  withoutAutoDestroy: function withoutAutoDestroy(pool) {
    return bytesOf(pool.createGunzip({ autoDestroy: false }), data);
  },
  droppedWhileCompressing: (pool) =>
    new Promise<void>(function droppedWhileCompressing(resolve) {
      pool.createGzip().write(data, () => resolve());
    }),
  leasedAndForgotten: async function leasedAndForgotten(pool) {
    await pool.lease('gzip');
  },
  triedAndForgotten: function triedAndForgotten(pool) {
    pool.tryLease('gzip');
  },
};

describe('P11 visible', () => {
  for (const engine of engines) {
    it(`tells each event on its channel, once (${engine})`, async () => {
      const pool = new ZlibPool({ engine, maxLeased: 1, maxIdle: 1 });
      const failure = new Error('enough');
      const start = performance.now();
      const messages = await told(pool, async () => {
        await pool.decompress(data, 'gzip');
        const held = await pool.lease('gzip');
        const waiting = pool.lease('deflate');
        held.discard(failure);
        // One gzip engine less: room for this one.
        (await waiting).release();
        (await pool.lease('br')).release();
        const stream = pool.createGunzip();
        const failed = new Promise((resolve) => stream.once('error', resolve));
        stream.end('no gzip at all');
        await failed;
        await closed(stream);
        pool.decompressSync(data, 'gzip');
      });
      const gzip = { format: 'gzip' as Format, direction: 'decompress' };
      const deflate = { format: 'deflate' as Format, direction: 'decompress' };
      const cleaned = messages.map(([name, message]) => {
        const { waitedMs, cause, ...rest } = message as { waitedMs?: number; cause?: Error & { code?: string } };
        if (name === 'lease') expect(waitedMs).to.be.within(0, performance.now() - start);
        return [name, { ...rest, ...(cause === undefined ? {} : { cause: cause.code ?? cause.message }) }];
      });
      expect(cleaned).to.deep.equal([
        ['lease', { ...gzip, id: 1, reused: false, entry: 'decompress' }],
        ['release', { ...gzip, id: 1, kept: true }],
        ['lease', { ...gzip, id: 2, reused: true, entry: 'lease' }],
        ['wait', { ...deflate, waiting: 1 }],
        ['fail', { ...gzip, id: 2, cause: 'enough' }],
        ['discard', { ...gzip, id: 2, cause: 'enough' }],
        ['lease', { ...deflate, id: 3, reused: false, entry: 'lease' }],
        ['release', { ...deflate, id: 3, kept: true }],
        ['lease', { format: 'br', direction: 'decompress', id: 4, reused: false, entry: 'lease' }],
        ['release', { format: 'br', direction: 'decompress', id: 4, kept: false }],
        ['lease', { ...gzip, id: 5, reused: false, entry: 'createGunzip' }],
        ['fail', { ...gzip, id: 5, cause: 'Z_DATA_ERROR' }],
        // A reset makes zlib's inflate as new after bad data, but not node:zlib's stream.
        engine === 'native'
          ? ['release', { ...gzip, id: 5, kept: false }]
          : ['discard', { ...gzip, id: 5, cause: 'Z_DATA_ERROR' }],
        ['lease', { ...gzip, id: 6, reused: false, entry: 'decompressSync' }],
        ['release', { ...gzip, id: 6, kept: false }],
      ]);
      addsUp(pool);
      expect(pool.stats.failed).to.equal(2);
    });

    it(`names the direction of each event (${engine})`, async () => {
      const pool = new ZlibPool({ engine, maxLeased: 1 });
      const messages = await told(pool, async () => {
        await pool.compress(plain, 'gzip');
        await pool.decompress(data, 'gzip');
        const held = await pool.lease('gzip', { compress: true });
        const waiting = pool.lease('br', { compress: true });
        const last = pool.lease('br');
        held.discard(new Error('enough'));
        (await waiting).release();
        (await last).release();
        await closed(pool.createDeflate().resume().end(plain));
      });
      const tags = messages.map(([name, message]) => {
        const { format, direction } = message as { format: Format; direction: string };
        return `${name} ${format} ${direction}`;
      });
      expect(tags).to.deep.equal([
        ...['lease gzip compress', 'release gzip compress', 'lease gzip decompress', 'release gzip decompress'],
        ...['lease gzip compress', 'wait br compress', 'wait br decompress'],
        ...['fail gzip compress', 'discard gzip compress'],
        ...['lease br compress', 'release br compress', 'lease br decompress', 'release br decompress'],
        ...['lease deflate compress', 'release deflate compress'],
      ]);
    });

    it(`tells the leases of encoders by the function that was called (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const messages = await told(pool, async () => {
        await pool.compress(plain, 'deflate');
        pool.compressSync(plain, 'gzip');
        await new Promise((resolve) => pool.gzip(plain, resolve));
        pool.deflateRawSync(plain);
        const lease = await pool.lease('br', { compress: true });
        lease.release();
        await bytesOf(pool.createGzip(), plain);
        const aborted = pool.createDeflate();
        aborted.on('error', () => {});
        await new Promise((resolve) => aborted.write(plain, resolve));
        aborted.destroy(new Error('enough'));
        await closed(aborted);
      });
      const leases = messages.filter(([name]) => name === 'lease').map(([, message]) => message as LeaseEvent);
      expect(leases.map(({ entry, format }) => `${entry} ${format}`)).to.deep.equal([
        'compress deflate',
        'compressSync gzip',
        'gzip gzip',
        'deflateRawSync deflate-raw',
        'lease br',
        'createGzip gzip',
        'createDeflate deflate',
      ]);
      expect(messages.filter(([name]) => name === 'release')).to.have.lengthOf(6);
      const [discard] = messages.filter(([name]) => name === 'discard');
      expect(discard?.[1]).to.have.nested.property('cause.message', 'enough');
      addsUp(pool);
      expect(pool.stats).to.include({ leased: 0, failed: 1, discarded: 1 });
    });

    it(`tells a destroyed stream's error as the cause, and none where there was none (${engine})`, async () => {
      const pool = new ZlibPool({ engine, inline: { inputLength: 0 } });
      const big = sample(2_000_000).data;
      for (const cause of [undefined, new Error('mine')]) {
        const stream = pool.createGunzip().resume();
        stream.on('error', () => {});
        const messages = await told(pool, async () => {
          stream.write(big);
          await nextTurn();
          stream.destroy(cause);
          await closed(stream);
        });
        expect(messages.find(([name]) => name === 'discard')?.[1]).to.deep.include({ cause });
        // A stream that is only closed early did not fail.
        expect(messages.filter(([name]) => name === 'fail')).to.have.length(cause === undefined ? 0 : 1);
      }
    });

    for (const [where, inline] of Object.entries({ 'main thread': {}, threadpool: { inputLength: 0 } })) {
      for (const [name, way] of Object.entries(ways)) {
        it(`gives a pool of 4 its engines back after four were lost, and tells who lost them: ${name} (${engine}, ${where})`, async () => {
          const start = performance.now();
          const pool = new ZlibPool({ engine, inline, maxLeased: 4, leakDetection: 'all' });
          let leaks: [string, object][] = [];
          const warnings = await warned(async () => {
            leaks = await told(pool, async () => {
              for (let i = 0; i < 4; i++) await way(pool);
              // Their age is at least a millisecond.
              await delay(5);
              const { leased, leaked } = pool.stats;
              expect(leased + leaked).to.equal(4);
              // They wait, and are served when the engines are back.
              const waiting = Array.from({ length: 8 }, () => pool.decompress(data, 'gzip'));
              await until(() => pool.stats.leaked === 4, collectGarbage);
              for (const bytes of await Promise.all(waiting)) expect(bytes.equals(plain)).to.equal(true);
            });
          });
          expect(pool.stats).to.include({ leased: 0, leaked: 4, waiting: 0 });
          addsUp(pool);
          const events = leaks.filter(([channel]) => channel === 'leak').map(([, event]) => event as LeakEvent);
          expect(new Set(events.map(({ id }) => id))).to.have.property('size', 4);
          expect(events).to.have.length(4);
          for (const { format, ageMs, stack } of events) {
            expect(format).to.equal('gzip');
            expect(ageMs).to.be.within(1, performance.now() - start);
            expect(stack).to.include(name);
          }
          expect(warnings).to.have.length(4);
          for (const { message, code, detail } of warnings) {
            expect(message).to.match(
              /^A gzip engine was leased \d+ ms ago. Its lease was garbage collected and never released$/,
            );
            expect(code).to.equal('ZLEASE_LEAK');
            expect(detail)
              .to.include(name)
              .and.match(/^Requested at\n +at /);
          }
        });
      }
    }
  }

  it('takes back and counts what was lost, but takes no stack and does not warn, with leakDetection off', async () => {
    const pool = new ZlibPool();
    const [event] = await told(pool, async () => {
      const warnings = await warned(async () => {
        pool.tryLease('gzip');
        await until(() => pool.stats.leaked === 1, collectGarbage);
      });
      expect(warnings).to.have.length(0);
    }).then((messages) => messages.filter(([name]) => name === 'leak'));
    expect(event).to.deep.equal([
      'leak',
      { format: 'gzip', direction: 'decompress', id: 1, ageMs: undefined, stack: undefined },
    ]);
  });

  it('takes one stack in 128 or so with leakDetection sampled', async () => {
    const pool = new ZlibPool({ leakDetection: 'sampled' });
    const lost = 4_000;
    const messages = await told(pool, async () => {
      await warned(async () => {
        for (let i = 0; i < lost; i++) pool.tryLease('gzip');
        await until(() => pool.stats.leaked === lost, collectGarbage);
      });
    });
    const leaks = messages.filter(([name]) => name === 'leak').map(([, event]) => event as LeakEvent);
    expect(leaks).to.have.length(lost);
    // 31 expected; less than 5 or more than 80 has odds of one in a hundred million.
    expect(leaks.filter(({ stack }) => stack !== undefined).length).to.be.within(5, 80);
  });

  it('tells nothing of what ends late but well: a stream that was idle for long, and a lease', async () => {
    const pool = new ZlibPool({ leakDetection: 'all' });
    const warnings = await warned(async () => {
      const stream = pool.createGunzip();
      stream.write(data.subarray(0, 100));
      const lease = pool.tryLease('gzip');
      for (let i = 0; i < 10; i++) {
        await delay(2);
        collectGarbage();
      }
      lease?.release();
      expect((await bytesOf(stream, data.subarray(100))).equals(plain)).to.equal(true);
      await closed(stream);
    });
    expect(warnings).to.have.length(0);
    expect(pool.stats).to.include({ leased: 0, leaked: 0 });
  });
});

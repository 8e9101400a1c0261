/**
 * Subscribers of the diagnostics channels may do anything. Whoever has a lease or waits for one has it, or its place in the queue, when an event tells
 * of it, and may lose it there.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { DecompressStream, Lease } from '../../lib/index.ts';
import { engines, ZlibPool } from '../support/library.ts';
import { sample } from '../support/samples.ts';
import { uncaughtDuring } from '../support/uncaught.ts';

const { plain, data } = sample(3_000);
const mine = Object.assign(new Error('down'), { code: 'MINE' });

/**
 * Wants a lease of a pool.
 * @param known takes what makes it give up, before it asks for the lease
 * @returns its result: the code of an error, or how it came to its end
 */
type Want = (pool: InstanceType<typeof ZlibPool>, known: (giveUp: () => void) => void) => Promise<string | undefined>;

const codeOf = ({ code }: NodeJS.ErrnoException): string | undefined => code;

/** Those who want a lease: a stream, a message, a caller. */
const wanters: Record<string, Want> = {
  stream(pool, known) {
    const stream = pool.createGunzip().resume();
    known(() => stream.destroy());
    let result = 'closed';
    stream.on('end', () => {
      result = 'good';
    });
    stream.on('error', (error) => {
      result = String(codeOf(error));
    });
    stream.end(data);
    return new Promise((resolve) => stream.on('close', () => resolve(result)));
  },
  'stream that fails'(pool, known) {
    const stream = pool.createGunzip();
    known(() => stream.destroy());
    let result = 'closed';
    stream.on('error', (error) => {
      result = String(codeOf(error));
    });
    stream.end(data.subarray(0, 100));
    return new Promise((resolve) => stream.resume().on('close', () => resolve(result)));
  },
  message(pool, known) {
    const abort = new AbortController();
    known(() => abort.abort());
    return pool
      .decompress(data, 'gzip', { signal: abort.signal })
      .then((bytes) => (bytes.equals(plain) ? 'good' : 'wrong bytes'), codeOf);
  },
  caller(pool, known) {
    const abort = new AbortController();
    known(() => abort.abort());
    return pool.lease('gzip', { signal: abort.signal }).then((lease) => {
      lease.release();
      return 'good';
    }, codeOf);
  },
};

/** What a subscriber does. */
const acts: Record<string, (at: { pool: InstanceType<typeof ZlibPool>; giveUp: () => void; holder: Holder }) => void> =
  {
    'makes it give up': ({ giveUp }) => giveUp(),
    'closes the pool': ({ pool }) => void pool.close(),
    'destroys the pool': ({ pool }) => pool.destroy(mine),
    'gives the lease of the holder back': ({ holder }) => holder.release(),
    'destroys the stream of the holder': ({ holder }) => holder.destroy(),
    'takes another lease': ({ pool }) => {
      try {
        pool.tryLease('gzip')?.release();
      } catch (error) {
        expect((error as NodeJS.ErrnoException).code).to.equal('ERR_POOL_CLOSED');
      }
    },
    throws: () => {
      throw new Error('from a subscriber');
    },
  };

/** Has the only engine of a pool, until it is released or destroyed. */
class Holder {
  readonly #stream: DecompressStream | undefined;
  readonly #lease: Lease | undefined;

  private constructor(stream: DecompressStream | undefined, lease: Lease | undefined) {
    this.#stream = stream;
    this.#lease = lease;
  }

  static async of(pool: InstanceType<typeof ZlibPool>, asStream: boolean): Promise<Holder> {
    if (!asStream) return new Holder(undefined, pool.tryLease('gzip') as Lease);
    const stream = pool.createGunzip().on('error', () => {});
    await new Promise<void>((resolve) => {
      stream.write(data.subarray(0, 20), () => resolve());
    });
    return new Holder(stream, undefined);
  }

  release(): void {
    if (this.#lease?.released === false) this.#lease.release();
    else this.destroy();
  }

  destroy(): void {
    this.#stream?.destroy();
  }
}

describe('A subscriber of', () => {
  for (const channel of ['lease', 'wait', 'release', 'discard'] as const) {
    for (const [who, want] of Object.entries(wanters)) {
      for (const [does, act] of Object.entries(acts)) {
        for (const engine of engines) {
          it(`zlease:${channel} ${does}: a ${who} and its pool come to their ends (${engine})`, async () => {
            const thrown = await uncaughtDuring(async () => {
              for (const way of ['at once', 'after a lease', 'after a stream'] as const) {
                const pool = new ZlibPool({ engine, maxLeased: 1 });
                const holder = await Holder.of(pool, way === 'after a stream');
                if (way === 'at once') holder.release();
                let giveUp = (): void => {};
                let wasDone = false;
                const subscriber = (message: unknown): void => {
                  if ((message as { pool: unknown }).pool !== pool || wasDone) return;
                  wasDone = true;
                  act({ pool, giveUp, holder });
                };
                subscribe(`zlease:${channel}`, subscriber);
                const over = want(pool, (known) => {
                  giveUp = known;
                });
                await nextTurn();
                holder.release();
                const result = await over;
                unsubscribe(`zlease:${channel}`, subscriber);
                const ends = ['good', 'closed', 'ABORT_ERR', 'ERR_POOL_CLOSED', 'MINE', 'Z_BUF_ERROR'];
                expect(ends, `${result}, ${way}`).to.include(result);
                await pool.close();
                expect(pool.stats, way).to.include({ leased: 0, waiting: 0 });
                const { created, idle, discarded, evicted } = pool.stats;
                expect(idle + discarded + evicted, way).to.equal(created);
              }
            });
            expect(thrown.filter((error) => error !== 'Error: from a subscriber')).to.deep.equal([]);
          });
        }
      }
    }
  }
});

/** The events of a pool during `act`, without the pool itself. */
function eventsOf(pool: InstanceType<typeof ZlibPool>, act: () => void): unknown[] {
  const events: unknown[] = [];
  const names = ['lease', 'fail', 'release', 'discard'].map((name) => `zlease:${name}`);
  const note = (message: unknown, name: string | symbol): void => {
    const { pool: of, ...rest } = message as { pool: unknown };
    if (of === pool) events.push([name, rest]);
  };
  for (const name of names) subscribe(name, note);
  try {
    act();
  } finally {
    for (const name of names) unsubscribe(name, note);
  }
  return events;
}

describe('The events of leases', () => {
  for (const engine of engines) {
    it(`tell the number of the lease, and what became of its engine (${engine})`, () => {
      const pool = new ZlibPool({ engine, maxIdle: 1 });
      const events = eventsOf(pool, () => {
        const [first, second] = [pool.tryLease('gzip'), pool.tryLease('gzip')];
        first?.release();
        second?.release();
        const [third, fourth] = [pool.tryLease('gzip'), pool.tryLease('gzip')];
        third?.discard();
        fourth?.discard(mine);
      });
      const of = (id: number) => ({ id, format: 'gzip', direction: 'decompress' });
      const lease = (id: number, reused: boolean) => [
        'zlease:lease',
        { ...of(id), entry: 'lease', reused, waitedMs: 0 },
      ];
      expect(events).to.deep.equal([
        lease(1, false),
        lease(2, false),
        ['zlease:release', { ...of(1), kept: true }],
        ['zlease:release', { ...of(2), kept: false }],
        lease(3, true),
        lease(4, false),
        ['zlease:discard', { ...of(3), cause: undefined }],
        ['zlease:fail', { ...of(4), cause: mine }],
        ['zlease:discard', { ...of(4), cause: mine }],
      ]);
    });

    it(`may end the pool: a synchronous function has the error of that, or its output (${engine})`, () => {
      for (const [channel, sees] of [
        ['lease', 'the error'],
        ['release', 'the output'],
      ] as const) {
        const pool = new ZlibPool({ engine });
        const subscriber = (message: unknown): void => {
          if ((message as { pool: unknown }).pool === pool) pool.destroy(mine);
        };
        subscribe(`zlease:${channel}`, subscriber);
        try {
          const act = () => pool.gunzipSync(data).equals(plain);
          if (sees === 'the error') expect(act).to.throw(mine);
          else expect(act()).to.equal(true);
        } finally {
          unsubscribe(`zlease:${channel}`, subscriber);
        }
        expect(pool.stats).to.include({ leased: 0, idle: 0, created: 1 });
      }
    });
  }
});

/** P4 once: any number of close, destroy and release calls in any order gives the engine back at most once. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { CompressStream, DecompressStream, Lease } from '../../lib/index.ts';
import { directions } from '../support/directions.ts';
import { engineOf, engines, ZlibPool } from '../support/library.ts';
import { closed } from '../support/outcome.ts';
import { sample } from '../support/samples.ts';
import { dice, seed } from '../support/seed.ts';

const all = sample(200_000);

const endings: ReadonlyArray<(stream: DecompressStream | CompressStream) => void> = [
  (stream) => stream.close(),
  (stream) => stream.destroy(),
  (stream) => stream.destroy(new Error('x')),
  (stream) => stream.end(),
  (stream) => stream.close(() => stream.destroy()),
];

describe('P4 once', () => {
  for (const [engine, direction, { create, input, isKept }] of engines.flatMap((each) =>
    Object.entries(directions).map(([name, it]) => [each, name, it] as const),
  )) {
    const data = input(all);
    const on = `${direction}, ${engine}`;

    it(`gives each engine back once, whatever ends its stream and how often (${on}, seed ${seed})`, async () => {
      const pool = new ZlibPool({ engine, inline: { turnLength: 100_000 } });
      const roll = dice();
      for (let i = 0; i < 150; i++) {
        const stream = create(pool);
        stream.on('error', () => {}).resume();
        stream.write(roll.onceIn(2) ? data : data.subarray(0, 500));
        for (let n = 1 + roll.below(5); n > 0; n--) {
          roll.one(endings)(stream);
          if (roll.onceIn(3)) await nextTurn();
        }
        stream.destroy();
        await closed(stream);
        const { leased, idle, created, discarded, evicted } = pool.stats;
        expect(leased).to.equal(0);
        expect(idle + discarded + evicted).to.equal(created);
        expect(idle).to.be.at.most(1);
      }
    });

    it(`gives an engine back once, though its stream is closed again and again (${on})`, async () => {
      const pool = new ZlibPool({ engine });
      const [first, second] = [create(pool), create(pool)];
      for (const stream of [first, second]) {
        stream.resume().end(data.subarray(0, 3_000));
        stream.on('error', () => {});
        await closed(stream);
        stream.close();
        stream.close();
        stream.destroy();
        await nextTurn();
      }
      first.close();
      await nextTurn();
      const { created, idle, discarded, evicted } = pool.stats;
      expect(pool.stats.leased).to.equal(0);
      expect(created).to.equal(idle + discarded + evicted);
      // An engine that came back twice would be in both.
      const leases = [1, 2].map(() => pool.tryLease('gzip', { compress: direction === 'compressing' }) as Lease);
      expect(leases.map(engineOf)).to.have.lengthOf(2);
      expect(new Set(leases.map(engineOf)).size).to.equal(2);
      for (const lease of leases) lease.release();
    });

    it(`refuses a second release, which would free its successor's engine (${on})`, () => {
      const pool = new ZlibPool({ engine });
      const stale = pool.tryLease('gzip', { compress: direction === 'compressing' });
      stale?.release();
      const live = pool.tryLease('gzip', { compress: direction === 'compressing' });
      expect(pool.stats).to.include({ ...(isKept(engine) ? { created: 1, reused: 1 } : { created: 2 }), leased: 1 });
      for (const again of ['release', 'discard'] as const) {
        expect(() => stale?.[again]())
          .to.throw()
          .with.property('code', 'ERR_LEASE_RELEASED');
      }
      stale?.[Symbol.dispose]();
      expect(pool.stats).to.include({ leased: 1, idle: 0, discarded: 0 });
      expect(live?.released).to.equal(false);
      live?.[Symbol.dispose]();
      expect(pool.stats).to.include({ leased: 0, idle: isKept(engine) ? 1 : 0 });
    });
  }
});

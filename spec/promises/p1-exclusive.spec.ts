/** P1 exclusive: an engine is reachable from at most one live lease. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { engineOf, engines, watchLeases, ZlibPool } from '../support/library.ts';
import { readAgain } from '../support/read-again.ts';
import { dice, seed } from '../support/seed.ts';

describe('P1 exclusive', () => {
  for (const engine of engines) {
    for (const [where, inline] of Object.entries({ 'main thread': {}, threadpool: { inputLength: 0 } })) {
      for (const way of ['decompress', 'compress'] as const) {
        // The public engine has no main thread.
        if (way === 'compress' && engine === 'public' && where === 'threadpool') continue;
        it(`gives nobody a foreign byte who reads again after EOF and after close (${way}, ${engine}, ${where}, seed ${seed})`, async () => {
          const pool = new ZlibPool({ engine, maxIdle: 4, inline });
          await readAgain(pool, dice(), way === 'compress' ? 80 : 240, way);
          await nextTurn();
          const { leased, idle, created, reused, discarded, evicted } = pool.stats;
          expect(leased).to.equal(0);
          if (way === 'decompress') expect(reused).to.be.above(50);
          // The public engine makes a new encoder for each owner.
          else expect(reused > 15).to.equal(engine === 'native');
          expect(created).to.equal(idle + discarded + evicted);
        });
      }
    }

    it(`has each engine in one live lease at most (${engine})`, () => {
      const pool = new ZlibPool({ engine });
      const leases = watchLeases(pool);
      const roll = dice();
      for (let i = 0; i < 2_000; i++) {
        const live = leases.filter((lease) => !lease.released);
        if (live.length < 20 && roll.onceIn(2))
          pool.tryLease(roll.one(['gzip', 'deflate']), { compress: roll.onceIn(2) });
        else if (live.length > 0) roll.one(live)[roll.onceIn(5) ? 'discard' : 'release']();
        const held = leases.filter((lease) => !lease.released).map(engineOf);
        expect(new Set(held).size).to.equal(held.length);
        expect(pool.stats.leased).to.equal(held.length);
      }
    });
  }
});

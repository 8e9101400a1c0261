/** P4 once: any number of close, destroy and release calls in any order gives the engine back at most once. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { DecompressStream } from '../../lib/index.ts';
import { engines, ZlibPool } from '../support/library.ts';
import { closed } from '../support/outcome.ts';
import { sample } from '../support/samples.ts';
import { dice, seed } from '../support/seed.ts';

const { data } = sample(200_000);

const endings: ReadonlyArray<(stream: DecompressStream) => void> = [
  (stream) => stream.close(),
  (stream) => stream.destroy(),
  (stream) => stream.destroy(new Error('x')),
  (stream) => stream.end(),
  (stream) => stream.close(() => stream.destroy()),
];

describe('P4 once', () => {
  for (const engine of engines) {
    it(`gives each engine back once, whatever ends its stream and how often (${engine}, seed ${seed})`, async () => {
      const pool = new ZlibPool({ engine, inline: { turnLength: 100_000 } });
      const roll = dice();
      for (let i = 0; i < 150; i++) {
        const stream = pool.createGunzip();
        stream.on('error', () => {}).resume();
        stream.write(roll.onceIn(2) ? data : data.subarray(0, 500));
        for (let n = 1 + roll.below(5); n > 0; n--) {
          roll.one(endings)(stream);
          if (roll.onceIn(3)) await nextTurn();
        }
        stream.destroy();
        await closed(stream);
        const { leased, idle, created, discarded } = pool.stats;
        expect(leased).to.equal(0);
        expect(idle + discarded).to.equal(created);
        expect(idle).to.be.at.most(1);
      }
    });

    it(`refuses a second release, which would free its successor's engine (${engine})`, () => {
      const pool = new ZlibPool({ engine });
      const stale = pool.tryLease('gzip');
      stale?.release();
      const live = pool.tryLease('gzip');
      expect(pool.stats).to.include({ created: 1, reused: 1, leased: 1 });
      for (const again of ['release', 'discard'] as const) {
        expect(() => stale?.[again]())
          .to.throw()
          .with.property('code', 'ERR_LEASE_RELEASED');
      }
      stale?.[Symbol.dispose]();
      expect(pool.stats).to.include({ leased: 1, idle: 0, discarded: 0 });
      expect(live?.released).to.equal(false);
      live?.[Symbol.dispose]();
      expect(pool.stats).to.include({ leased: 0, idle: 1 });
    });
  }
});

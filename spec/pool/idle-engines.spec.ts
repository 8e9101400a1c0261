/** Idle engines, by kind. */
import { expect } from 'chai';
import type { Engine } from '../../lib/engine/contract.ts';
import { IdleEngines } from '../../lib/pool/idle-engines.ts';
import { collectGarbage, until } from '../support/until.ts';

/** An engine of a kind of its own. */
const engineOf = (): Engine => ({ kind: { idleLength: 1 } }) as unknown as Engine;

describe('Idle engines', () => {
  it('of many kinds, one after the other, keep no kind alive that has none', async () => {
    const idle = new IdleEngines(1_000, 1_000, 0, () => {});
    const kept = engineOf();
    idle.put(kept);
    const kinds: Array<WeakRef<object>> = [];
    for (let i = 0; i < 1_000; i++) {
      const engine = engineOf();
      kinds.push(new WeakRef(engine.kind));
      idle.put(engine);
      expect(idle.take(engine.kind)).to.equal(engine);
    }
    await until(() => kinds.filter((kind) => kind.deref() !== undefined).length <= 256, collectGarbage);
    expect(idle.length).to.equal(1);
    expect(idle.take(kept.kind)).to.equal(kept);
  });

  it('fill their limits to the last engine and the last byte', () => {
    const idle = new IdleEngines(3, 2, 0, () => {});
    const [one, two] = [engineOf(), engineOf()];
    for (const engine of [one, two]) {
      expect(idle.hasRoomFor(engine.kind)).to.equal(true);
      idle.put(engine);
    }
    expect(idle.hasRoomFor(one.kind)).to.equal(false);
    idle.take(two.kind);
    expect(idle.hasRoomFor(one.kind)).to.equal(true);
  });
});

/** The driver under an owner that does nothing but note its calls: waits, budget, pauses and ends. */
import { AsyncLocalStorage, AsyncResource } from 'node:async_hooks';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { constants, gzipSync, inflateSync } from 'node:zlib';
import { expect } from 'chai';
import { Driver } from '../../lib/driver/driver.ts';
import type { Owner } from '../../lib/driver/owner.ts';
import { decoder, encoder } from '../../lib/engine/codecs.ts';
import { engineKind } from '../../lib/engine/kind.ts';
import type { Limits } from '../../lib/pool/options.ts';
import { Pool } from '../../lib/pool/pool.ts';
import { threadpool } from '../../lib/schedule/threadpool.ts';
import { turn } from '../../lib/schedule/turn.ts';
import { json, sample } from '../support/samples.ts';
import { until } from '../support/until.ts';

const { Z_NO_FLUSH, Z_FINISH } = constants;
const { plain, data } = sample(3_000);
const gzip = engineKind(decoder('gzip'));
const NOTHING = Buffer.alloc(0);

class Noted implements Owner {
  bytesWritten = 0;
  keepsAll = false;
  isSpaced = false;
  readonly calls: string[] = [];
  readonly chunks: Buffer[] = [];
  driver!: Driver;
  /** Called with each chunk. Returns whether more is wanted. */
  take: (chunk: Buffer) => boolean = () => true;
  whole = false;

  destroy(): void {
    this.calls.push('destroy');
  }
  onOutput(chunk: Buffer): boolean {
    this.chunks.push(chunk);
    this.calls.push('output');
    return this.take(chunk);
  }
  onConsumed(trailing: number): void {
    this.calls.push(`consumed ${trailing}`);
  }
  onError(error: Error | undefined): void {
    this.calls.push(`error ${(error as NodeJS.ErrnoException | undefined)?.code}`);
  }
  onStopped(): void {
    this.calls.push('stopped');
  }
  isWhole(): boolean {
    return this.whole;
  }
  keepsUp(_hasTaken: boolean): boolean {
    return true;
  }
  get bytes(): Buffer {
    return Buffer.concat(this.chunks);
  }
}

interface Terms extends Partial<Limits> {
  pool?: Pool;
  chunkLength?: number;
  kind?: typeof gzip;
}

function driven({ pool = new Pool({ engine: 'native' }), chunkLength = 0, kind = gzip, ...limits }: Terms = {}) {
  const owner = new Noted();
  const settings = { kind, chunkLength };
  owner.driver = new Driver(
    owner,
    pool,
    new AsyncResource('SPEC'),
    settings,
    { ...pool.settings, ...limits },
    undefined,
  );
  return { pool, owner, driver: owner.driver };
}

describe('The driver', () => {
  const taken: Driver[] = [];

  beforeEach(async () => {
    turn.watch();
    await nextTurn();
  });

  afterEach(() => {
    for (const driver of taken.splice(0)) if (driver.stop()) driver.takeLease()?.discard();
    expect(turn.isIdle).to.equal(true);
  });

  it('works on an input in a tick, with a lease from then on', async () => {
    const { pool, owner, driver } = driven();
    expect(driver).to.include({ isIdle: true, isMidway: false, isHeld: false, failure: undefined });
    driver.begin(data, Z_NO_FLUSH);
    expect(driver).to.include({ isIdle: false, isMidway: true });
    expect(pool.stats.leased).to.equal(0);
    await new Promise((resolve) => process.nextTick(resolve));
    expect(owner.calls).to.deep.equal(['output', 'consumed 0']);
    expect(owner.bytes.equals(plain)).to.equal(true);
    expect(owner.bytesWritten).to.equal(data.length);
    expect(driver).to.include({ isIdle: true, isMidway: false, outputLength: plain.length });
    expect(driver.input).to.have.length(0);
    expect(pool.stats).to.include({ leased: 1, bytesIn: data.length, bytesOut: plain.length });
    const lease = driver.takeLease();
    expect(lease?.released).to.equal(false);
    expect(driver.takeLease()).to.equal(undefined);
    lease?.release();
  });

  it('works on an input at once if its owner says so', () => {
    const { owner, driver } = driven();
    taken.push(driver);
    driver.begin(Buffer.concat([data, Buffer.alloc(4)]), Z_NO_FLUSH, true);
    expect(owner.calls).to.deep.equal(['output', 'consumed 4']);
    expect(owner.bytesWritten).to.equal(data.length);
  });

  it('spends the turn by what it makes, or by what it is given if that is more', () => {
    const { owner, driver } = driven();
    taken.push(driver);
    const long = gzipSync(json(20_000, 1));
    driver.begin(long, Z_NO_FLUSH, true);
    expect(owner.bytes).to.have.length(20_000);
    // Each step counts as 2,048 bytes at least.
    expect(turn.workLength).to.be.within(20_000, 24_096);
    const before = turn.workLength;
    const stored = driven();
    taken.push(stored.driver);
    const message = gzipSync(json(10_000, 1), { level: 0 });
    expect(message.length).to.be.above(10_000);
    stored.driver.begin(message, Z_NO_FLUSH, true);
    expect(turn.workLength - before).to.equal(message.length);
    stored.driver.begin(NOTHING, Z_FINISH, true);
    expect(turn.workLength - before).to.equal(message.length);
  });

  it('spends the turn by an input that fails, too', () => {
    const { owner, driver, pool } = driven();
    driver.begin(Buffer.from('no gzip at all'), Z_NO_FLUSH, true);
    expect(owner.calls).to.deep.equal(['error undefined']);
    expect(driver).to.include({ isHeld: true, isMidway: true, isIdle: false });
    expect(driver.failure).to.have.property('code', 'Z_DATA_ERROR');
    expect(turn.workLength).to.equal(2_048);
    const bad = Buffer.alloc(900, 1);
    const second = driven({ pool });
    second.driver.begin(bad, Z_NO_FLUSH, true);
    expect(turn.workLength).to.equal(2_048 + 16 * 900);
    for (const one of [driver, second.driver]) one.takeLease()?.discard();
  });

  it('makes a whole message in one step, and nothing of its last flush', () => {
    const { owner, driver } = driven();
    taken.push(driver);
    const long = gzipSync(json(40_000, 1));
    owner.whole = true;
    driver.begin(long, Z_NO_FLUSH, true);
    expect(owner.calls).to.deep.equal(['output', 'consumed 0']);
    expect(owner.bytes.equals(json(40_000, 1))).to.equal(true);
    const { workLength } = turn;
    driver.begin(NOTHING, Z_FINISH, true);
    expect(owner.calls.slice(2)).to.deep.equal(['consumed 0']);
    expect(turn.workLength).to.equal(workLength);
    // After a reset the next message is made in the same way.
    driver.reset();
    driver.begin(long, Z_NO_FLUSH, true);
    expect(owner.calls.slice(3)).to.deep.equal(['output', 'consumed 0']);
  });

  it('makes a message in pieces of 16 KB that is not known to be whole', () => {
    const { owner, driver } = driven();
    taken.push(driver);
    driver.begin(gzipSync(json(40_000, 1)), Z_NO_FLUSH, true);
    expect(owner.chunks.map(({ length }) => length)).to.deep.equal([16_384, 16_384, 40_000 - 32_768]);
  });

  it('makes the same of a whole message that fails as of its pieces', async () => {
    for (const cut of [8, 20, 400]) {
      const long = gzipSync(json(40_000, 1));
      const bad = Buffer.concat([long.subarray(0, -cut), Buffer.alloc(cut, 0xff)]);
      const results: unknown[][] = [];
      for (const whole of [false, true]) {
        const { owner, driver } = driven();
        owner.whole = whole;
        driver.begin(bad, Z_NO_FLUSH, true);
        await until(() => driver.isHeld);
        driver.takeLease()?.discard();
        results.push([owner.calls.at(-1), owner.bytes]);
      }
      expect(results[1]).to.deep.equal(results[0]);
      expect(results[0]?.[0]).to.equal('error undefined');
    }
  });

  it('pauses when its owner wants no more, and goes on in a tick', async () => {
    const { owner, driver } = driven();
    taken.push(driver);
    owner.take = () => false;
    driver.resume();
    expect(driver.isIdle).to.equal(true);
    driver.begin(gzipSync(json(40_000, 1)), Z_NO_FLUSH, true);
    for (const pieces of [1, 2, 3]) {
      expect(owner.chunks).to.have.length(pieces);
      expect(driver).to.include({ isIdle: pieces === 3, isMidway: false });
      driver.resume();
      expect(owner.chunks).to.have.length(pieces);
      expect(driver.isMidway).to.equal(pieces < 3);
      await new Promise((resolve) => process.nextTick(resolve));
    }
    expect(owner.calls.at(-1)).to.equal('consumed 0');
  });

  it('leaves a run of ticks between two pieces for an owner that is spaced', async () => {
    const { owner, driver } = driven();
    taken.push(driver);
    owner.isSpaced = true;
    const order: string[] = [];
    owner.take = () => {
      order.push('output');
      process.nextTick(() => void Promise.resolve().then(() => order.push('microtask')));
      return true;
    };
    driver.begin(gzipSync(json(40_000, 1)), Z_NO_FLUSH);
    await nextTurn();
    expect(order).to.deep.equal(['output', 'microtask', 'output', 'microtask', 'output', 'microtask']);
  });

  it('tells its owner when it was stopped in onOutput(), and works no more', () => {
    const { owner, driver } = driven();
    owner.take = () => {
      expect(driver.isMidway).to.equal(false);
      expect(driver.stop()).to.equal(true);
      return true;
    };
    driver.begin(gzipSync(json(40_000, 1)), Z_NO_FLUSH, true);
    expect(owner.calls).to.deep.equal(['output', 'stopped']);
    expect(driver).to.include({ isIdle: false, isHeld: false, isMidway: false });
    driver.takeLease()?.discard();
  });

  it('does nothing in the tick of an input that was stopped before', async () => {
    const { owner, driver, pool } = driven();
    driver.begin(data, Z_NO_FLUSH);
    expect(driver.stop()).to.equal(true);
    await nextTurn();
    expect(owner.calls).to.deep.equal([]);
    expect(pool.stats.created).to.equal(0);
  });

  it('stops a write in the threadpool when it has landed', async () => {
    const { owner, driver, pool } = driven({ pool: new Pool({ inline: { inputLength: 0 } }) });
    for (const whole of [false, true]) {
      owner.calls.length = 0;
      owner.whole = whole;
      const one = whole ? driven({ pool }) : { owner, driver };
      one.owner.whole = whole;
      one.driver.begin(data, Z_NO_FLUSH, true);
      expect(threadpool.isIdle).to.equal(false);
      expect(one.driver.stop()).to.equal(false);
      expect(one.driver.stop()).to.equal(false);
      expect(one.driver.isMidway).to.equal(true);
      await until(() => one.owner.calls.length > 0);
      expect(one.owner.calls).to.deep.equal(['stopped']);
      expect(one.driver.isMidway).to.equal(false);
      expect(one.driver.stop()).to.equal(true);
      one.driver.takeLease()?.discard();
    }
  });

  it('calls its owner in its own async context, wherever it has waited', async () => {
    const storage = new AsyncLocalStorage<string>();
    for (const inline of [{}, { inputLength: 0 }]) {
      const { owner, driver } = storage.run('owner', () => driven({ pool: new Pool({ inline }) }));
      taken.push(driver);
      const stores: unknown[] = [];
      owner.take = () => {
        stores.push(storage.getStore());
        return true;
      };
      storage.run('caller', () => driver.begin(data, Z_NO_FLUSH));
      await until(() => owner.calls.length === 2);
      expect(stores).to.deep.equal(['owner']);
    }
  });

  it('waits for a later turn without an engine when this one is used up', async () => {
    const { owner, driver, pool } = driven();
    taken.push(driver);
    turn.spend(131_072);
    driver.begin(data, Z_NO_FLUSH, true);
    expect(driver.isMidway).to.equal(true);
    expect(turn.isIdle).to.equal(false);
    expect(pool.stats.created).to.equal(0);
    await nextTurn();
    expect(owner.calls).to.deep.equal(['output', 'consumed 0']);
    // With an engine it waits too, except for its last flush.
    turn.spend(131_072);
    driver.reset();
    driver.begin(NOTHING, Z_NO_FLUSH, true);
    driver.begin(data, Z_NO_FLUSH, true);
    expect(owner.calls.slice(2)).to.deep.equal(['consumed 0']);
    await nextTurn();
    expect(owner.calls.slice(2)).to.deep.equal(['consumed 0', 'output', 'consumed 0']);
  });

  it('does nothing in a later turn for an input that was stopped before', async () => {
    const { owner, driver } = driven();
    turn.spend(131_072);
    driver.begin(data, Z_NO_FLUSH, true);
    driver.stop();
    await nextTurn();
    await nextTurn();
    expect(owner.calls).to.deep.equal([]);
  });

  it('makes in the threadpool what it makes on the main thread: chunks of the caller, all at once, or slabs', async () => {
    const pool = new Pool({ inline: { inputLength: 0 } });
    const lengthsOf = async (text: Buffer, terms: Terms, set: (owner: Noted) => void): Promise<number[]> => {
      const { owner, driver } = driven({ pool, ...terms });
      set(owner);
      driver.begin(gzipSync(text), Z_NO_FLUSH, true);
      await until(() => driver.isIdle);
      expect(owner.bytes.equals(text)).to.equal(true);
      driver.takeLease()?.release();
      return owner.chunks.map(({ length }) => length);
    };
    const cut = await lengthsOf(json(3_500, 1), { chunkLength: 1_000 }, () => {});
    expect(cut).to.deep.equal([1_000, 1_000, 1_000, 500]);
    const whole = await lengthsOf(json(400_000, 1), {}, (owner) => {
      owner.keepsAll = true;
    });
    expect(whole).to.deep.equal([400_000]);
    // Too long for its input to be made at once.
    const zeros = Buffer.alloc(1_000_000);
    const slow = await lengthsOf(zeros, {}, (owner) => {
      owner.keepsUp = () => false;
    });
    expect(slow.slice(0, 3)).to.deep.equal([65_536, 65_536, 65_536]);
    const quick = await lengthsOf(zeros, {}, (owner) => {
      owner.keepsUp = (hasTaken) => hasTaken;
    });
    expect(quick.slice(0, 3)).to.deep.equal([65_536, 262_144, 262_144]);
  });

  it('makes a whole message in one write in the threadpool too, and nothing of its last flush', async () => {
    const { owner, driver } = driven({ pool: new Pool({ inline: { inputLength: 0 } }) });
    taken.push(driver);
    owner.whole = true;
    driver.begin(data, Z_NO_FLUSH, true);
    await until(() => driver.isIdle);
    expect(owner.bytes.equals(plain)).to.equal(true);
    driver.begin(NOTHING, Z_FINISH, true);
    expect(threadpool.isIdle).to.equal(true);
    expect(owner.calls).to.deep.equal(['output', 'consumed 0', 'consumed 0']);
  });

  it('takes no engine for the threadpool before there is room', async () => {
    const pool = new Pool({ inline: { inputLength: 0 } });
    const { owner, driver } = driven({ pool });
    const second = driven({ pool });
    let sent = 0;
    for (; !threadpool.isFull; sent++) threadpool.sent();
    for (const one of [driver, second.driver]) one.begin(data, Z_NO_FLUSH, true);
    expect(driver.isMidway).to.equal(true);
    await nextTurn();
    expect(pool.stats.created).to.equal(0);
    second.driver.stop();
    for (; sent > 0; sent--) threadpool.completed();
    await until(() => owner.calls.length === 2);
    expect(owner.bytes.equals(plain)).to.equal(true);
    expect(second.owner.calls).to.deep.equal([]);
    expect(pool.stats.created).to.equal(1);
    // A later write of the same lease does not wait.
    driver.reset();
    for (; !threadpool.isFull; sent++) threadpool.sent();
    driver.begin(data, Z_NO_FLUSH, true);
    await until(() => owner.calls.length === 4);
    for (; sent > 0; sent--) threadpool.completed();
    driver.takeLease()?.discard();
  });

  it('waits for an engine, and leaves the queue when it is stopped', async () => {
    const pool = new Pool({ maxLeased: 1 });
    const held = pool.tryLeaseKind(gzip);
    const { owner, driver } = driven({ pool });
    const second = driven({ pool });
    for (const one of [driver, second.driver]) one.begin(data, Z_NO_FLUSH, true);
    expect(pool.stats.waiting).to.equal(2);
    expect(driver.stop()).to.equal(true);
    expect(pool.stats.waiting).to.equal(1);
    held?.release();
    // In a tick of its own.
    expect(second.owner.calls).to.deep.equal([]);
    await nextTurn();
    expect(second.owner.calls).to.deep.equal(['output', 'consumed 0']);
    expect(owner.calls).to.deep.equal([]);
    taken.push(second.driver);
  });

  it('tells its owner the error of a pool that was closed, at once or after a wait', async () => {
    const pool = new Pool({ maxLeased: 1 });
    const held = pool.tryLeaseKind(gzip);
    const { owner, driver } = driven({ pool });
    driver.begin(data, Z_NO_FLUSH, true);
    void pool.close();
    await nextTurn();
    expect(owner.calls).to.deep.equal(['error ERR_POOL_CLOSED']);
    expect(driver).to.include({ isHeld: true, failure: undefined });
    const late = driven({ pool });
    late.driver.begin(data, Z_NO_FLUSH, true);
    expect(late.owner.calls).to.deep.equal(['error ERR_POOL_CLOSED']);
    held?.release();
  });

  it('is held until its owner frees it', () => {
    const { driver } = driven();
    driver.hold();
    expect(driver).to.include({ isIdle: false, isHeld: true });
    driver.free();
    expect(driver).to.include({ isIdle: true, isHeld: false });
    driver.stop();
    driver.free();
    expect(driver.isIdle).to.equal(false);
  });

  it('ends at the limit, wherever it works', async () => {
    for (const inline of [{}, { inputLength: 0 }]) {
      const { owner, driver } = driven({ pool: new Pool({ inline }), maxOutputLength: 2_999 });
      driver.begin(data, Z_NO_FLUSH, true);
      await until(() => owner.calls.length > 0);
      expect(owner.calls).to.deep.equal(['error ERR_BUFFER_TOO_LARGE']);
      expect(owner.bytesWritten).to.be.above(0);
      expect(driver.isHeld).to.equal(true);
      driver.takeLease()?.discard();
    }
  });

  it('refuses input whose memory has gone', () => {
    const { owner, driver } = driven();
    const memory = new ArrayBuffer(data.length);
    const input = Buffer.from(memory);
    data.copy(input);
    turn.spend(131_072);
    driver.begin(input, Z_NO_FLUSH);
    structuredClone(memory, { transfer: [memory] });
    return until(() => owner.calls.length > 0).then(() => {
      expect(owner.calls).to.deep.equal(['error ERR_BUFFER_DETACHED']);
      driver.takeLease()?.discard();
    });
  });

  it('works on the calling thread, whatever waits and however full the pool is', () => {
    const pool = new Pool({ maxLeased: 1, engine: 'native' });
    const held = pool.tryLeaseKind(gzip);
    turn.spend(1_000_000);
    for (const [options, length, kind] of [
      [{}, 300_000, gzip],
      [{}, 30_000, engineKind(decoder('deflate-raw'))],
      [{}, 65_536, engineKind(decoder('deflate-raw'))],
      [{ chunkLength: 1_000 }, 30_000, gzip],
    ] as const) {
      const { owner, driver } = driven({ pool, kind, ...options });
      const text = json(length, 3);
      const whole = gzipSync(text);
      expect(driver.runNow(kind === gzip ? whole : whole.subarray(10), Z_FINISH)).to.equal(true);
      expect(owner.bytes.equals(text)).to.equal(true);
      expect(owner.calls.at(-1)).to.match(/^consumed/);
      const longest = Math.max(...owner.chunks.map((chunk) => chunk.length));
      if ('chunkLength' in options) expect(longest).to.equal(1_000);
      else expect(owner.chunks).to.have.length(1);
      driver.takeLease()?.release();
    }
    held?.release();
    expect(pool.stats.leased).to.equal(0);
  });

  it('does no work on the calling thread with an engine that has to be in the threadpool', () => {
    const { owner, driver } = driven({ pool: new Pool({ engine: 'public' }) });
    expect(driver.runNow(data, Z_FINISH)).to.equal(false);
    expect(owner.calls).to.deep.equal([]);
    driver.takeLease()?.release();
  });

  it('takes one engine for all synchronous calls, and counts their work', () => {
    const { driver, pool } = driven({ pool: new Pool({ maxLeased: 1 }) });
    const held = pool.tryLeaseKind(gzip);
    const engine = driver.engineNow(data);
    expect(driver.engineNow(data)).to.equal(engine);
    expect(pool.stats.leased).to.equal(2);
    driver.countNow(5, 70);
    expect(driver).to.include({ inputLength: 5, outputLength: 70 });
    expect(pool.stats).to.include({ bytesIn: 5, bytesOut: 70 });
    driver.reset();
    expect(driver).to.include({ inputLength: 0, outputLength: 0 });
    driver.takeLease()?.release();
    held?.release();
  });
});

describe('The driver of an encoder', () => {
  it('sets level and strategy at once while it is idle, and says so if the output is finished', () => {
    const { owner, driver, pool } = driven({ kind: engineKind(encoder('deflate')) });
    expect(driver.setParams(0, 0)).to.equal(undefined);
    driver.begin(plain, Z_FINISH, true);
    expect(inflateSync(owner.bytes).equals(plain)).to.equal(true);
    // Level 0 stores.
    expect(owner.bytes.length).to.be.above(plain.length);
    expect(driver.setParams(9, 0)).to.have.property('code', 'Z_STREAM_ERROR');
    driver.takeLease()?.discard();
    expect(pool.stats).to.include({ leased: 0, discarded: 1 });
  });
});

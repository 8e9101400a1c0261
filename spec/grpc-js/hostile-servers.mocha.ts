/**
 * `npm run test:grpc`: clients of grpc-js, stock and under zlease/register, with servers that mean harm. Both are to see the
 * same status, or none, and to go on.
 */
import { expect } from 'chai';
import { expectAlike } from './alike.ts';
import { attacks, LIMIT } from './attacks.ts';
import { Build, Child } from './children.ts';
import type { Cuts, Trial } from './client.ts';
import { HostileServer, type Trailers } from './hostile-server.ts';
import type { Encoding } from './messages.ts';
import { kinds } from './service.ts';

const MB = 1024 * 1024;
const encodings: Encoding[] = ['gzip', 'deflate'];

describe('A client with hostile servers', () => {
  let build: Build;
  let server: HostileServer;
  let stock: Child;
  let pooled: Child;

  function play(child: Child, trial: Omit<Trial, 'port' | 'limit'>): Promise<{ code: number; details: string } | null> {
    return child.ask('play', { ...trial, port: server.port, limit: LIMIT });
  }

  /** One attack on calls of all kinds and in both encodings, side by side. */
  async function playAll(child: Child, attack: string, trailers: Trailers): Promise<object> {
    const all = encodings.flatMap((encoding) => kinds.map((kind) => ({ encoding, kind })));
    const seen = all.map(async ({ encoding, kind }) => [
      `${kind}, ${encoding}`,
      await play(child, { kind, headers: { attack, encoding, trailers } }),
    ]);
    return Object.fromEntries(await Promise.all(seen));
  }

  function cutShort(child: Child, cuts: Omit<Cuts, 'port'>): Promise<Record<string, number>> {
    return child.ask('cutShort', { ...cuts, port: server.port });
  }

  /** They take good replies, with all engines back and nothing said behind their backs. */
  async function expectWell(): Promise<void> {
    for (const child of [stock, pooled]) {
      expect(await play(child, { kind: 'unary', headers: { attack: 'a long good message' } })).to.have.property(
        'code',
        0,
      );
      const { stats, unhandled } = await child.state();
      expect(stats).to.include({ leased: 0, leaked: 0 });
      expect(unhandled).to.deep.equal([]);
    }
  }

  /** Has both do the same. */
  async function onBoth<T>(act: (child: Child) => Promise<T>): Promise<T> {
    const [first, second] = await Promise.all([act(stock), act(pooled)]);
    expect(second).to.deep.equal(first);
    return first;
  }

  before(async () => {
    build = await Build.make();
    server = await HostileServer.listen();
    [stock, pooled] = [new Child('client.ts', build), new Child('client.ts', build, build.register)];
  });

  after(async () => {
    await Child.killAll();
    server?.close();
    await build?.remove();
  });

  for (const trailers of ['at once', 'late', 'missing'] satisfies Trailers[]) {
    // Whether the status is missing or not, most attacks end the call.
    const names = Object.keys(attacks.gzip).filter(
      (name) => trailers !== 'missing' || /good|^corrupt in|bomb/.test(name),
    );
    for (const name of names) {
      it(`sees the status that stock sees: ${name}, its trailers ${trailers}`, async () => {
        await expectAlike(
          () => playAll(stock, name, trailers),
          () => playAll(pooled, name, trailers),
        );
        await expectWell();
      });
    }
  }

  it('holds no more than 64 MB more for a hundred bombs', async () => {
    await onBoth(async (child) => {
      const bomb = { attack: 'a bomb', trailers: 'late' };
      for (let i = 0; i < 4; i++) await play(child, { kind: 'unary', headers: bomb });
      const { rss } = await child.state({ collect: true });
      const lane = async (kind: (typeof kinds)[number]) => {
        for (let i = 0; i < 25; i++) expect(await play(child, { kind, headers: bomb })).to.have.property('code', 8);
      };
      await Promise.all(kinds.map(lane));
      const { peakRss } = await child.state();
      if (child === pooled) expect((peakRss - rss) / MB).to.be.below(64);
    });
    await expectWell();
  });

  for (const attack of ['a good message', 'a long good message']) {
    it(`goes on after 1,000 calls that it cancelled in ${attack}`, async () => {
      const headers = { attack, trailers: 'never' };
      // Those of one reply are cancelled, too: it is given to the caller with the status.
      const codes = await onBoth((child) => cutShort(child, { headers, count: 1_000 }));
      expect(codes).to.deep.equal({ 1: 1_000 });
      await expectWell();
    });
  }

  it('ends calls at their deadlines while it decompresses', async () => {
    const headers = { attack: 'exactly at the limit', trailers: 'never' };
    const codes = await onBoth((child) => cutShort(child, { headers, count: 200, deadlines: true }));
    expect(codes).to.deep.equal({ 4: 200 });
    await expectWell();
  });

  it('ends calls at their deadlines whose replies never end', async () => {
    const headers = { attack: 'a long good message', trailers: 'endless' };
    // A caller of one reply is told of the second one, in place of the deadline: those are not for this spec.
    const codes = await onBoth((child) => cutShort(child, { headers, count: 40, deadlines: true }));
    expect(codes).to.deep.equal({ 4: 40 });
    await expectWell();
  });

  it('would do otherwise on streams that give wrong bytes, take too much or tell no error', async () => {
    const names = ['a good message', 'truncated half-way', 'corrupt in the data', 'two members'];
    const plain = await Promise.all(names.map((name) => playAll(stock, name, 'late')));
    const differing: Record<string, string[]> = {};
    for (const how of ['bytes', 'lenient', 'silent']) {
      const broken = new Child('client.ts', build, `${new URL('broken-preload.mjs', import.meta.url).href}?${how}`);
      const other = await Promise.all(names.map((name) => playAll(broken, name, 'late')));
      differing[how] = names.filter((_, i) => JSON.stringify(plain[i]) !== JSON.stringify(other[i]));
    }
    expect(differing).to.deep.equal({
      bytes: ['a good message', 'two members'],
      lenient: ['truncated half-way'],
      silent: ['truncated half-way', 'corrupt in the data'],
    });
  });

  it('was on pooled engines, and ends by itself', async () => {
    const [first, second] = await Promise.all([stock.state(), pooled.state()]);
    expect(first.stats).to.include({ created: 0, reused: 0 });
    expect(second.stats.created).to.be.above(0);
    expect(second.stats.reused).to.be.above(0);
    for (const child of [stock, pooled]) expect(await child.end()).to.equal('0 ');
  });
});

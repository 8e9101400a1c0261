/**
 * `npm run test:grpc`: servers of grpc-js, stock and under zlease/register, with clients that mean harm. Both are to give the
 * same status, or none, and to go on serving.
 */
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { expectAlike } from './alike.ts';
import { attacks, LIMIT } from './attacks.ts';
import { Build, Child } from './children.ts';
import { compress, type Encoding, frame, message } from './messages.ts';
import { open, play, request, type Seen, serves } from './raw-client.ts';
import { type Kind, kinds } from './service.ts';

const MB = 1024 * 1024;
const encodings: Encoding[] = ['gzip', 'deflate'];
const limit = JSON.stringify({ 'grpc.max_receive_message_length': LIMIT });

interface Running {
  child: Child;
  port: number;
}

describe('A server with hostile clients', () => {
  let build: Build;
  let stock: Running;
  let pooled: Running;

  async function start(preload?: string): Promise<Running> {
    const child = new Child('server.ts', build, preload, [limit]);
    return { child, port: await child.ask('port') };
  }

  /** One attack in calls of all kinds and in both encodings, side by side. */
  async function playAll({ port }: Running, name: string): Promise<Record<string, Seen>> {
    const seen: Record<string, Seen> = {};
    const all = encodings.flatMap((encoding) => kinds.map((kind) => ({ encoding, kind })));
    await Promise.all(
      all.map(async ({ encoding, kind }) => {
        seen[`${kind}, ${encoding}`] = await play(port, kind, attacks[encoding][name] as never);
      }),
    );
    return Object.fromEntries(Object.entries(seen).sort());
  }

  /** They serve, with all engines back and nothing said behind their backs. */
  async function expectWell(): Promise<void> {
    for (const { port, child } of [stock, pooled]) {
      expect(await serves(port)).to.equal(true);
      const { stats, unhandled } = await child.state();
      expect(stats).to.include({ leased: 0, leaked: 0 });
      expect(unhandled).to.deep.equal([]);
    }
  }

  /** Does the same to both. */
  async function onBoth<T>(act: (running: Running) => Promise<T>): Promise<T> {
    const [first, second] = await Promise.all([act(stock), act(pooled)]);
    expect(second).to.deep.equal(first);
    return first;
  }

  before(async () => {
    build = await Build.make();
    [stock, pooled] = await Promise.all([start(), start(build.register)]);
  });

  after(async () => {
    await Child.killAll();
    await build?.remove();
  });

  for (const name of Object.keys(attacks.gzip)) {
    it(`gives the status that stock gives: ${name}`, async () => {
      await expectAlike(
        () => playAll(stock, name),
        () => playAll(pooled, name),
      );
      await expectWell();
    });
  }

  it('holds no more than 64 MB more for a hundred bombs', async () => {
    await onBoth(async ({ child, port }) => {
      for (let i = 0; i < 4; i++) await play(port, 'unary', attacks.gzip['a bomb'] as never);
      const { rss } = await child.state({ collect: true });
      const lane = async (kind: Kind) => {
        for (let i = 0; i < 25; i++) {
          const { status } = await play(port, kind, attacks.gzip['a bomb'] as never);
          expect(status).to.equal('8');
        }
      };
      await Promise.all(kinds.map(lane));
      const { peakRss } = await child.state();
      if (child === pooled.child) expect((peakRss - rss) / MB).to.be.below(64);
    });
    await expectWell();
  });

  for (const [what, length] of [
    ['1 KB', 1_000],
    ['1 MB', 1_000_000],
  ] as const) {
    it(`goes on after 1,000 calls with ${what} that were cancelled in flight`, async () => {
      await onBoth(async ({ port }) => {
        const sessions = Array.from({ length: 8 }, () => open(port));
        const body = {
          gzip: frame(compress.gzip(message(length, 4))),
          deflate: frame(compress.deflate(message(length, 4))),
        };
        const ends = await Promise.all(
          Array.from({ length: 1_000 }, async (_, i) => {
            const encoding = encodings[i % 2] as Encoding;
            const headers = { 'grpc-encoding': encoding, together: 'never' };
            const { stream, seen } = request(sessions[i % 8] as never, kinds[i % 4] as Kind, headers);
            if (i % 3 === 0) stream.write(body[encoding]);
            else stream.end(body[encoding]);
            // Before it is sent, while it is, and when it is decompressed or about to be.
            if (i % 10 > 0) await delay(i % 40);
            else await nextTurn();
            stream.close(8);
            return (await seen).status;
          }),
        );
        for (const session of sessions) session.destroy();
        return ends.filter((status) => status !== undefined);
      });
      await expectWell();
    });
  }

  it('ends calls at their deadlines while it decompresses', async () => {
    const seen = await onBoth(async ({ port }) => {
      const sessions = Array.from({ length: 4 }, () => open(port));
      const body = frame(compress.gzip(Buffer.alloc(LIMIT)));
      const ends = await Promise.all(
        Array.from({ length: 100 }, async (_, i) => {
          const headers = { 'grpc-encoding': 'gzip', 'grpc-timeout': `${1 + (i % 50)}m`, together: 'never' };
          const { stream, seen } = request(sessions[i % 4] as never, kinds[(i >> 2) % 4] as Kind, headers);
          stream.end(body);
          return seen;
        }),
      );
      for (const session of sessions) session.destroy();
      return ends.map(({ status, details }) => `${status} ${details}`);
    });
    expect([...new Set(seen)]).to.deep.equal(['4 Deadline exceeded']);
    await expectWell();
  });

  it('ends a call at its deadline whose messages never end', async () => {
    const { status } = await onBoth(async ({ port }) => {
      const session = open(port);
      const body = frame(compress.gzip(message(300_000, 5)));
      const headers = { 'grpc-encoding': 'gzip', 'grpc-timeout': '300m' };
      const { stream, seen } = request(session, 'clientStream', headers);
      while (!stream.writableEnded && !stream.destroyed) {
        await Promise.race([new Promise((written) => stream.write(body, written)), seen]);
        await nextTurn();
      }
      const end = await seen;
      session.destroy();
      return { status: end.status, details: end.details };
    });
    expect(status).to.equal('4');
    await expectWell();
  });

  it('would do otherwise on streams that give wrong bytes, take too much or tell no error', async () => {
    const names = ['a good message', 'truncated half-way', 'corrupt in the data', 'two members'];
    const plain = await Promise.all(names.map((name) => playAll(stock, name)));
    const differing: Record<string, string[]> = {};
    for (const how of ['bytes', 'lenient', 'silent']) {
      const broken = await start(`${new URL('broken-preload.mjs', import.meta.url).href}?${how}`);
      const other = await Promise.all(names.map((name) => playAll(broken, name)));
      differing[how] = names.filter((_, i) => JSON.stringify(plain[i]) !== JSON.stringify(other[i]));
    }
    expect(differing).to.deep.equal({
      bytes: ['a good message', 'two members'],
      lenient: ['truncated half-way'],
      silent: ['truncated half-way', 'corrupt in the data'],
    });
  });

  it('was on pooled engines, and ends by itself', async () => {
    const [first, second] = await Promise.all([stock.child.state(), pooled.child.state()]);
    expect(first.stats).to.include({ created: 0, reused: 0 });
    expect(second.stats.created).to.be.above(0);
    expect(second.stats.reused).to.be.above(0);
    for (const { child } of [stock, pooled]) expect(await child.end()).to.equal('0 ');
  });
});

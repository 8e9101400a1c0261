/**
 * `npm run test:grpc`: grpc-js, unchanged, under zlease/register. Calls of all kinds, many at a time: what is compressed is to
 * come out as it was, of pooled engines, and these are to come back.
 */
import { expect } from 'chai';
import { Build, Child } from './children.ts';
import type { Calls } from './client.ts';
import type { Encoding } from './messages.ts';
import type { State } from './program.ts';
import { type Kind, kinds } from './service.ts';

const KB = 1024;

/**
 * Of each kind, encoding and length there are 200 calls, all of them in flight before the first is answered. Of the longest there
 * are 16, 8 at a time: 200 would be 20 GB to compress and to compare, and 1.6 GB to hold at one time.
 */
const lengths = [
  { name: '0 B', length: 0, messages: 3, calls: 200, together: 200 },
  { name: '1 B', length: 1, messages: 3, calls: 200, together: 200 },
  { name: '1 KB', length: KB, messages: 3, calls: 200, together: 200 },
  { name: '100 KB', length: 100 * KB, messages: 3, calls: 200, together: 200 },
  { name: '8 MB', length: 8 * KB * KB, messages: 2, calls: 16, together: 8 },
];

interface Side {
  compressed: Calls['compressed'];
  server: string;
  args: string[];
  /** Which of the two processes decompresses the messages that are compared. */
  pooled: 'server' | 'client';
  /** Kinds of calls with more than one such message. */
  many: Kind[];
  /** Kinds of calls with more than one request that grpc-js compresses. Undefined: it compresses none. */
  sent?: Kind[];
  /** Default: all. */
  names?: string[];
}

const sides: Record<string, Side> = {
  'A server that gets compressed requests': {
    compressed: 'requests',
    server: 'server.ts',
    args: ['{"grpc.max_receive_message_length":-1}'],
    pooled: 'server',
    many: ['clientStream', 'bidi'],
    sent: ['clientStream', 'bidi'],
  },
  'A client that gets compressed replies': {
    compressed: 'replies',
    server: 'raw-server.ts',
    args: [],
    pooled: 'client',
    many: ['serverStream', 'bidi'],
  },
  'A client that sends and gets compressed messages': {
    compressed: 'both',
    server: 'raw-server.ts',
    args: [],
    pooled: 'client',
    many: ['serverStream', 'bidi'],
    sent: ['clientStream', 'bidi'],
    names: ['1 B', '1 KB'],
  },
};

const leasesOf = ({ stats }: State) => stats.created + stats.reused;

for (const [title, { compressed, server: program, args, pooled, many, sent, names }] of Object.entries(sides)) {
  describe(title, () => {
    let build: Build;
    let port: number;
    let children: { server: Child; client: Child };

    before(async () => {
      build = await Build.make();
      const client = new Child('client.ts', build, build.register);
      children = { server: new Child(program, build, build.register, args), client };
      port = await children.server.ask('port');
    });

    after(async () => {
      await Child.killAll();
      await build?.remove();
    });

    for (const encoding of ['gzip', 'deflate'] satisfies Encoding[]) {
      for (const kind of kinds) {
        for (const { name, ...plan } of lengths.filter((each) => names?.includes(each.name) ?? true)) {
          it(`takes ${plan.calls} ${kind} calls with ${encoding} messages of ${name}, ${plan.together} at a time`, async () => {
            const before = { client: await children.client.state(), server: await children.server.state() };
            const problems = await children.client.ask('calls', { port, kind, encoding, compressed, ...plan });
            expect(problems).to.deep.equal([]);
            const after = { client: await children.client.state(), server: await children.server.state() };
            const received = plan.calls * (many.includes(kind) ? plan.messages : 1);
            // Each message that grpc-js compresses is compressed on the pool too, by one lease.
            const compressions = sent === undefined ? 0 : plan.calls * (sent.includes(kind) ? plan.messages : 1);
            const bytes = after[pooled].stats.bytesOut - before[pooled].stats.bytesOut;
            if (compressed !== 'both') expect(bytes).to.equal(received * plan.length);
            const leases = leasesOf(after.client) - leasesOf(before.client);
            expect(leases).to.equal(compressions + (pooled === 'client' ? received : 0));
            // The server has decompressed what the client has compressed, and the reverse.
            expect(leasesOf(after.server) - leasesOf(before.server)).to.equal(
              received + (pooled === 'client' ? compressions : 0),
            );
            for (const { stats } of Object.values(after)) {
              expect(stats).to.include({ leased: 0, leaked: 0, discarded: 0 });
            }
          });
        }
      }
    }

    it('ends with all engines back, and no error that nobody saw', async () => {
      const states: State[] = [];
      for (const child of [children.client, children.server]) states.push(await child.state({ collect: true }));
      for (const { stats, unhandled } of states) {
        expect(stats).to.include({ leased: 0, leaked: 0, discarded: 0 });
        expect(unhandled).to.deep.equal([]);
      }
      const [client, server] = states.map(({ stats }) => stats.created > 0 && stats.reused > 0);
      expect({ client, server }).to.deep.equal({ client: true, server: true });
      for (const child of [children.client, children.server]) expect(await child.end()).to.equal('0 ');
    });
  });
}

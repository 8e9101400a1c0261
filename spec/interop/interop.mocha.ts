/**
 * `npm run test:interop`: grpc-js under zlease/register with other implementations of gRPC at the other end, from
 * Debian's packages. What they compress is to come out as it was, of pooled engines, and these are to come back.
 */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { cp, mkdtemp, rm, symlink } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { CHILD_TIMEOUT_MS, loader } from '../support/script.ts';
import type { Kind, Plan, Report, Tally } from './grpc.ts';

const MB = 1024 * 1024;

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));
const broken = new URL('../ecosystem/broken-preload.mjs', import.meta.url).href;

/** The library and the peer in Go, as built for this run: `dist` may be built anew meanwhile. */
let built: string;
const register = () => pathToFileURL(join(built, 'dist/register.js')).href;
const library = () => pathToFileURL(join(built, 'dist/index.js')).href;

/** 24 streams of many messages, and two of a few large ones, the largest of which is at grpc-js's limit. */
const limit = 8 * MB;
const many = Array.from({ length: 20 }, (_, i) => (i % 4 === 3 ? [0, 1, 1024, 100 * 1024] : [0, 1, 1024])).flat();
const lanes = [...Array.from({ length: 24 }, () => many), [4 * MB - 1, limit], [limit, 4 * MB - 1]];

interface Peer {
  name: string;
  command: () => string[];
  encodings: Plan['encoding'][];
  kinds: Kind[];
  /** The shortest message that it compresses. */
  compressesFrom: number;
}

const peers: Peer[] = [
  {
    name: 'grpcio',
    command: () => ['/usr/bin/python3', here('peer.py')],
    encodings: ['gzip', 'deflate'],
    kinds: ['unary', 'clientStreaming', 'serverStreaming', 'bidi'],
    compressesFrom: 2,
  },
  {
    name: 'grpc-go',
    command: () => [join(built, 'peer')],
    encodings: ['gzip'],
    kinds: ['unary', 'bidi'],
    compressesFrom: 0,
  },
];
const [grpcio] = peers as [Peer];

/** grpc-js with `preload` imported before it. */
function grpcJs(preload = register()): string[] {
  return [process.execPath, `--import=${preload}`, ...loader, here('grpc.ts')];
}

const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^ZLEASE|^GRPC_|^NODE_OPTIONS$|_proxy$/i.test(name)),
);

/** A running client or server. Whatever a spec leaves behind is ended after it. */
class Child {
  static readonly #running = new Set<Child>();
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #lines: AsyncIterator<string>;
  /** Exit code or signal, and what went to stderr. */
  readonly #end: Promise<string>;
  readonly #name: string;

  constructor(command: string[], mode: 'serve' | 'call', plan: Plan) {
    const [file, ...args] = command as [string, ...string[]];
    const limits = { timeout: CHILD_TIMEOUT_MS, killSignal: 'SIGKILL' } as const;
    this.#process = spawn(file, [...args, mode, JSON.stringify(plan), library()], {
      env: environment,
      stdio: 'pipe',
      ...limits,
    });
    this.#lines = createInterface({ input: this.#process.stdout })[Symbol.asyncIterator]();
    this.#end = Promise.all([text(this.#process.stderr), once(this.#process, 'close')]).then(
      ([stderr, [code, signal]]) => `${code ?? signal} ${stderr}`,
    );
    this.#end.catch(() => {});
    this.#name = `${file} ${mode}`;
    Child.#running.add(this);
  }

  async port(): Promise<number> {
    return (await this.#line<{ port: number }>()).port;
  }

  /** What it has to say at its end, which for a server is now. */
  async report(): Promise<Report> {
    this.#process.stdin.end();
    const report = await this.#line<Report>();
    expect(await this.#end, this.#name).to.equal('0 ');
    Child.#running.delete(this);
    return report;
  }

  static async endAll(): Promise<void> {
    const left = [...Child.#running];
    Child.#running.clear();
    for (const child of left) child.#process.kill('SIGKILL');
    await Promise.allSettled(left.map((child) => child.#end));
  }

  async #line<T>(): Promise<T> {
    const { value, done } = await this.#lines.next();
    if (done) throw new Error(`${this.#name} has ended: ${await this.#end}`);
    return JSON.parse(value);
  }
}

interface Reports {
  client: Report;
  server: Report;
}

/** Runs a server, then a client that calls it. */
async function run(client: string[], server: string[], plan: Plan): Promise<Reports> {
  const serving = new Child(server, 'serve', plan);
  const calling = new Child(client, 'call', { ...plan, port: await serving.port() });
  const called = await calling.report();
  return { client: called, server: await serving.report() };
}

function tallyOf(lengths: number[]): Tally {
  const tally: Tally = {};
  for (const length of lengths) tally[length] = (tally[length] ?? 0) + 1;
  return tally;
}

/** Everything arrived that was to be sent, in both directions, as it was. */
function expectAll(kind: Kind, { client, server }: Reports): void {
  expect(client.problems?.slice(0, 5)).to.deep.equal([]);
  expect(server.received).to.deep.equal(client.sent);
  expect(client.received).to.deep.equal(server.sent);
  const all = tallyOf(lanes.flat());
  const digests = tallyOf(lanes.map(() => 1_000));
  const oneOfEach = tallyOf(lanes.flatMap((lengths) => [...new Set(lengths)]));
  expect(client.sent).to.deep.equal(kind === 'serverStreaming' ? oneOfEach : all);
  expect(client.received).to.deep.equal(kind === 'clientStreaming' ? digests : all);
}

/**
 * All that the peer compressed, and nothing else, was decompressed on engines of the pool, and these are back. So was
 * compressed what grpc-js has compressed.
 */
function expectPooled({ stats, received, sent, compressed = {} }: Report, { compressesFrom }: Peer): void {
  const compressions = Object.values(compressed).reduce((sum, count) => sum + count, 0);
  const sentBytes = Object.entries(sent).reduce((sum, [length, count]) => sum + Number(length) * count, 0);
  let messages = 0;
  let bytes = 0;
  for (const [length, count] of Object.entries(received)) {
    if (Number(length) < compressesFrom) continue;
    messages += count;
    bytes += Number(length) * count;
  }
  expect(stats).to.include({ leased: 0, leaked: 0, discarded: 0 });
  expect(Number(stats?.created) + Number(stats?.reused)).to.equal(messages + compressions);
  expect(stats?.reused).to.be.above(0);
  expect(stats?.bytesIn).to.be.below(compressions > 0 ? bytes + sentBytes : bytes);
  if (compressions > 0) expect(stats?.bytesOut).to.be.above(bytes);
  else expect(stats?.bytesOut).to.equal(bytes);
}

describe('Peers of grpc-js, on the pool', () => {
  before(async () => {
    built = await mkdtemp(join(tmpdir(), 'zlease-interop-'));
    for (const name of ['dist', 'package.json'])
      await cp(here(`../../${name}`), join(built, name), { recursive: true });
    await symlink(here('../../node_modules'), join(built, 'node_modules'));
    const env = { ...environment, CGO_ENABLED: '0', GO111MODULE: 'off', GOFLAGS: '', GOPATH: '/usr/share/gocode' };
    const args = ['build', '-o', join(built, 'peer'), here('go/peer.go')];
    await promisify(execFile)('/usr/bin/go', args, { env, timeout: CHILD_TIMEOUT_MS });
  });

  after(() => rm(built, { recursive: true, force: true }));

  afterEach(() => Child.endAll());

  for (const peer of peers) {
    for (const encoding of peer.encodings) {
      for (const kind of peer.kinds) {
        const plan: Plan = { encoding, kind, lanes, limit };

        it(`serves ${peer.name}, ${encoding}, ${kind}`, async () => {
          const reports = await run(peer.command(), grpcJs(), plan);
          expectAll(kind, reports);
          expectPooled(reports.server, peer);
        });

        it(`calls ${peer.name}, ${encoding}, ${kind}`, async () => {
          const reports = await run(grpcJs(), peer.command(), plan);
          expectAll(kind, reports);
          expectPooled(reports.client, peer);
        });
      }
    }
  }

  const hostile: Plan = { encoding: 'gzip', kind: 'bidi', lanes, limit, cancel: 50 };
  const outcomes = { CANCELLED: 50, DEADLINE_EXCEEDED: 1, RESOURCE_EXHAUSTED: 1 };

  it('goes on serving, after calls that were cancelled, expired or too long, and has all engines back', async () => {
    const { client, server } = await run(grpcio.command(), grpcJs(), hostile);
    expect(client).to.deep.include({ outcomes, problems: [] });
    expect(server.stats).to.include({ leased: 0, leaked: 0 });
    expect(server.stats?.reused).to.be.above(0);
  });

  it('goes on calling, after calls that it cancelled, or that expired or were too long', async () => {
    const { client } = await run(grpcJs(), grpcio.command(), hostile);
    expect(client).to.deep.include({ outcomes, problems: [] });
    expect(client.stats).to.include({ leased: 0, leaked: 0 });
    expect(client.stats?.reused).to.be.above(0);
  });

  it('would find wrong bytes, at either end', async () => {
    const plan: Plan = { encoding: 'gzip', kind: 'bidi', lanes: [[1, 1024, 1024]], limit };
    const wrong = grpcJs(`${broken}?bytes`);
    for (const [client, server] of [
      [grpcio.command(), wrong],
      [wrong, grpcio.command()],
    ] as const) {
      const reports = await run([...client], [...server], plan);
      expect(reports.client.problems).to.have.lengthOf(2);
    }
  });
});

/**
 * `npm run test:ecosystem`: packages that decompress, unchanged, on plain Node and under zlease/register. What
 * they make of good and bad data is to be the same.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { PoolStats } from '../../lib/index.ts';
import { CHILD_TIMEOUT_MS, loader, TEST_TIMEOUT_MS } from '../support/script.ts';

/** Packages whose two streams race each other have more than one result on plain Node, too: how often they are run for all of them. */
const ATTEMPTS = 4;

const register = new URL('../../dist/register.js', import.meta.url).href;
const broken = new URL('broken-preload.mjs', import.meta.url).href;

/** A program of this folder each, and whether the package leaves streams open for good, on plain Node too. */
const packages = [
  { name: 'ws' },
  { name: 'express', leaks: true },
  { name: 'http' },
  { name: 'web' },
  { name: 'fetch', leaks: true },
  { name: 'undici', leaks: true },
  { name: 'axios' },
  { name: 'got', leaks: true },
];

interface Run {
  /** Of each scenario, as JSON. */
  results: Map<string, string>;
  /** Exit code or signal, and what went to stderr. */
  end: string;
  /** Whether the streams were node:zlib's own. */
  stock?: boolean;
  stats?: PoolStats;
}

/** Runs the program of a package with `preload` imported before it. */
async function run(name: string, preload?: string): Promise<Run> {
  const program = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const imports = preload === undefined ? [] : [`--import=${preload}`];
  const env = Object.entries(process.env).filter(([key]) => !key.startsWith('ZLEASE') && key !== 'NODE_OPTIONS');
  const flags = ['--expose-gc', '--disable-warning=ExperimentalWarning', ...imports, ...loader];
  const child = spawn(process.execPath, [...flags, program], {
    env: { ...Object.fromEntries(env), NO_PROXY: '*' },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: CHILD_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  const ran: Run = { results: new Map(), end: `${code ?? signal} ${stderr}` };
  for (const line of stdout.split('\n').slice(0, -1)) {
    const { name: scenario, result, ...state } = JSON.parse(line);
    Object.assign(ran, state);
    if (scenario === undefined) continue;
    expect(ran.results.has(scenario), `${name} has "${scenario}" once only`).to.equal(false);
    ran.results.set(scenario, JSON.stringify(result));
  }
  return ran;
}

/** Of each scenario the result that is that of `other`, if plain Node has ever had it. */
function nearest(known: Run[], other: Run): Run {
  const [first] = known as [Run];
  const results = [...first.results].map(([scenario, result]): [string, string] => {
    const one = known.find((run) => run.results.get(scenario) === other.results.get(scenario));
    return [scenario, one?.results.get(scenario) ?? result];
  });
  return { ...first, results: new Map(results) };
}

/** A text for each scenario that did not come out as on plain Node. */
function differences(name: string, plain: Run, other: Run): string[] {
  const shared = [...plain.results.keys()].filter((scenario) => other.results.has(scenario));
  const missing = plain.results.size + other.results.size - 2 * shared.length;
  const differing = shared.filter((scenario) => plain.results.get(scenario) !== other.results.get(scenario));
  return [
    ...differing.map((scenario) => {
      const [a, b] = [plain, other].map(({ results }) => results.get(scenario)) as [string, string];
      return told(`${name} / ${scenario}`, a, b);
    }),
    ...(missing > 0 ? [`${name} / ${missing} scenarios are missing; the last was ${shared.at(-1)}`] : []),
    ...(plain.end === other.end ? [] : [told(`${name} / how the process ended`, plain.end, other.end)]),
  ];
}

/** Two results; of long ones, what is around the first difference. */
function told(what: string, plain: string, other: string): string {
  let at = 0;
  while (plain[at] === other[at]) at += 1;
  const from = plain.length + other.length < 1_000 ? 0 : Math.max(0, at - 200);
  const cut = (result: string) => (from === 0 ? '' : '... ') + result.slice(from, from + 1_000);
  return `${what}\n    plain:  ${cut(plain)}\n    pooled: ${cut(other)}`;
}

describe('The ecosystem, on the pool', () => {
  for (const { name, leaks = false } of packages) {
    describe(name, function () {
      this.timeout(ATTEMPTS * TEST_TIMEOUT_MS);
      let plain: Run;
      let pooled: Run;

      before(async () => {
        [plain, pooled] = await Promise.all([run(name), run(name, register)]);
      });

      it('does what it does on plain Node', async () => {
        expect(plain.end).to.equal('0 ');
        expect(plain.results.size).to.be.above(10);
        const known = [plain];
        let different = differences(name, plain, pooled);
        while (known.length < ATTEMPTS && different.length > 0) {
          known.push(await run(name));
          different = differences(name, nearest(known, pooled), pooled);
        }
        expect(different, `\n${different.join('\n')}\n`).to.have.lengthOf(0);
      });

      it('runs on pooled engines, and gives them all back', () => {
        expect(plain).to.have.property('stock', true);
        expect(plain.stats).to.include({ created: 0, reused: 0 });
        expect(pooled).to.have.property('stock', false);
        expect(pooled.stats?.created).to.be.above(0);
        expect(pooled.stats?.reused).to.be.above(0);
        expect(pooled.stats).to.have.property('leased', 0);
        if (!leaks) expect(pooled.stats).to.have.property('leaked', 0);
      });

      it('would do otherwise on streams that give wrong bytes or wrong errors', async () => {
        for (const other of await Promise.all(['bytes', 'errors'].map((how) => run(name, `${broken}?${how}`)))) {
          expect(other.end).to.equal('0 ');
          expect(other.stats).to.include({ created: 0 });
          expect(differences(name, plain, other)).to.have.lengthOf.above(5);
        }
      });
    });
  }
});

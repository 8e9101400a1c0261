/** Runs the programs of this folder and of spec/interop, each on plain Node or with a module preloaded, and compares what they print. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { PoolStats } from '../../lib/index.ts';
import { type Reported, splitReport } from '../support/report.ts';
import { CHILD_TIMEOUT_MS, loader } from '../support/script.ts';

export const register: string = new URL('../../dist/register.js', import.meta.url).href;
export const broken: string = new URL('broken-preload.mjs', import.meta.url).href;

export interface Run {
  /** Of each scenario, as JSON. */
  results: Map<string, string>;
  /** Exit code or signal, and what went to stderr except for the report. */
  end: string;
  /** Whether the streams were node:zlib's own. */
  stock?: boolean;
  stats?: PoolStats;
  /** Messages that the program has decompressed by each function of node:zlib, where it counts them. */
  calls?: Record<string, number>;
  /** Report of ZLEASE_REPORT=1. */
  report?: Reported;
}

/** Runs the program of a package with `preload` imported before it, and with variables of its own. */
export async function run(name: string, preload?: string, variables: Record<string, string> = {}): Promise<Run> {
  const program = fileURLToPath(new URL(`${name}.ts`, import.meta.url));
  const imports = preload === undefined ? [] : [`--import=${preload}`];
  const env = Object.entries(process.env).filter(([key]) => !key.startsWith('ZLEASE') && key !== 'NODE_OPTIONS');
  // DEP0184 is of calls of node:zlib's classes without new. There are packages that make such calls.
  const quiet = ['ExperimentalWarning', 'DEP0184'].map((warning) => `--disable-warning=${warning}`);
  const flags = ['--expose-gc', ...quiet, ...imports, ...loader];
  const child = spawn(process.execPath, [...flags, program], {
    env: { ...Object.fromEntries(env), NO_PROXY: '*', ZLEASE_REPORT: '1', ...variables },
    stdio: ['ignore', 'pipe', 'pipe'],
    timeout: CHILD_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  const { before, report } = splitReport(stderr);
  const ran: Run = { results: new Map(), end: `${code ?? signal} ${before}`, report };
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
export function nearest(known: Run[], other: Run): Run {
  const [first] = known as [Run];
  const results = [...first.results].map(([scenario, result]): [string, string] => {
    const one = known.find((run) => run.results.get(scenario) === other.results.get(scenario));
    return [scenario, one?.results.get(scenario) ?? result];
  });
  return { ...first, results: new Map(results) };
}

/** A text for each scenario that did not come out as on plain Node. */
export function differences(name: string, plain: Run, other: Run): string[] {
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

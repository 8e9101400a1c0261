/**
 * `npm run bench`: zlease against node:zlib and others, in ratios, in a minute or two. `-- --full` has every contest, memory and
 * services, on this Node or on those of `--nodes`. With `--report` it writes docs/benchmarks.md and its charts. `-- --help` prints the
 * usage.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile, rm, writeFile } from 'node:fs/promises';
import { arch, availableParallelism, cpus, platform, tmpdir, totalmem } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Option } from '@commander-js/extra-typings';
import { SingleBar } from 'cli-progress';
import { command, text, wholeNumber } from '../examples/command.ts';
import { type Figure, figure, ratio, run, show } from './contest.ts';
import { printServices, type ServiceRow, serviceRows } from './pairs.ts';
import { type Group, groups, workloads } from './workloads.ts';

const execute = promisify(execFile);

/** Of a rival, in the median of the rounds. */
export interface Standing {
  /** Times as fast as the first of the contest. */
  speed: Figure;
  /** CPU, of the first one's. */
  cpu: Figure;
  /** CPU of the main thread, of the first one's. Only on Node 24 and later. */
  main?: Figure;
  /** Time, of rawSync's, where that runs along. */
  ofRaw?: Figure;
  /** Time, of the least that a stream takes, where that runs along. */
  ofLeast?: Figure;
  /** The 99th percentile of the event loop's delay. Milliseconds. */
  delayMs: Figure;
  /** A message, on this machine. Microseconds. */
  wallUs: number;
}

export interface Result {
  group: Group;
  name: string;
  rounds: number;
  standings: Record<string, Standing>;
}

export interface Memory {
  /** Peak of resident memory over the base, 20,000 gunzips of 16 KB at once. Bytes. */
  burst: Record<'stock' | 'unbounded' | 'bounded', number>;
  /** The same of 20,000 gzips of 16 KB. Stock's is four times that of 5,000. */
  gzipBurst: Record<'stock' | 'pooled', number>;
  /** Resident bytes of 10,000 open streams. */
  open: Record<'stock' | 'zlease', number>;
  /** On the JavaScript heap, of a stream of 1 KB. */
  allocation: Record<'stock' | 'zlease', { bytes: number; objects: number }>;
}

/** All that was measured on one Node. */
export interface Findings {
  node: string;
  machine: string;
  date: string;
  rounds: number;
  seed: number;
  results: Result[];
  memory?: Memory;
  services?: ServiceRow[];
}

const program = command('npm run bench --', 'Compares zlease with node:zlib and others, in ratios.')
  .option('--full', 'measure every contest, memory and services')
  .option('--report', 'write docs/benchmarks.md and its charts, after --full')
  .option('--nodes <majors>', 'major versions of Node, as in 20,22,24,26 (default: this Node)', (majors: string) =>
    majors.split(',').map(wholeNumber(20)).map(String),
  )
  .option('--rounds <number>', 'rounds of each contest (default: 11, 15 with --full)', wholeNumber(1))
  .option('--seed <number>', 'the seed of the messages', wholeNumber(0), 1)
  .addOption(
    new Option('--only <group>', 'the only group of contests (default: all)').choices(Object.keys(groups) as Group[]),
  )
  .option('--json <file>', 'write all figures there', text)
  .parse();
const values = program.opts();
if (values.report && !values.full) program.error('error: --report needs --full');
const { seed } = values;
const rounds = values.rounds ?? (values.full ? 15 : 11);

async function contests(): Promise<Result[]> {
  const chosen = workloads(values.full === true).filter(
    ({ group }) => values.only === undefined || group === values.only,
  );
  if (chosen.length === 0) program.error(`error: only --full has contests of '${values.only}'`);
  const bar = new SingleBar({ format: '{bar} {value}/{total} {name}', clearOnComplete: true });
  if (process.stderr.isTTY) bar.start(chosen.length, 0, { name: '' });
  const results: Result[] = [];
  for (const { group, name, set } of chosen) {
    bar.update({ name: `${groups[group]}: ${name}` });
    const { contest, remove } = await set(seed);
    const samples = await run(contest, rounds);
    await remove?.();
    const [first] = contest.rivals.keys() as Iterable<string> as [string];
    const standings: Record<string, Standing> = {};
    for (const rival of contest.rivals.keys()) {
      const of = (key: 'wall' | 'delay') => (samples[rival] ?? []).map((sample) => sample[key]);
      standings[rival] = {
        speed: ratio(samples, first, rival, 'wall'),
        cpu: ratio(samples, rival, first, 'cpu'),
        ...(Number.isNaN(samples[rival]?.[0]?.main) ? {} : { main: ratio(samples, rival, first, 'main') }),
        ...('rawSync' in samples ? { ofRaw: ratio(samples, rival, 'rawSync', 'wall') } : {}),
        ...('least stream' in samples ? { ofLeast: ratio(samples, rival, 'least stream', 'wall') } : {}),
        delayMs: figure(of('delay')),
        wallUs: figure(of('wall')).median,
      };
    }
    results.push({ group, name, rounds: samples[first]?.length ?? 0, standings });
    bar.increment();
  }
  bar.stop();
  return results;
}

/** The last line of what a script printed, in a process of its own. */
async function tell(script: string, ...args: string[]): Promise<unknown> {
  const path = fileURLToPath(new URL(script, import.meta.url));
  const { stdout } = await execute(process.execPath, ['--expose-gc', '--import=tsx/esm', path, ...args]);
  return JSON.parse(stdout.trim().split('\n').at(-1) as string);
}

async function memory(): Promise<Memory> {
  const burst = async (who: string) =>
    ((await tell('../spec/support/burst.ts', who, 'json', '20000')) as { peak: number }).peak;
  const gzipBurst = async (who: string, count: number) =>
    ((await tell('../spec/support/one-shot-burst.ts', who, 'gzip', String(count))) as { peak: number }).peak;
  const open = async (who: string) => ((await tell('memory.ts', 'open', who)) as { bytes: number }).bytes;
  const allocation = async (who: string) =>
    (await tell('memory.ts', 'allocation', who)) as { bytes: number; objects: number };
  return {
    burst: { stock: await burst('stock'), unbounded: await burst('unbounded'), bounded: await burst('bounded') },
    gzipBurst: { stock: 4 * (await gzipBurst('stock', 5_000)), pooled: await gzipBurst('pooled', 20_000) },
    open: { stock: await open('stock'), zlease: await open('zlease') },
    allocation: { stock: await allocation('stock'), zlease: await allocation('zlease') },
  };
}

function print({ node, results, memory, services }: Findings): void {
  for (const group of Object.keys(groups) as Group[]) {
    const rows: Record<string, Record<string, string>> = {};
    for (const { name, standings } of results.filter((result) => result.group === group)) {
      const [first, ...rest] = Object.keys(standings) as [string, ...string[]];
      for (const rival of rest) {
        const { speed, cpu, main, ofRaw, ofLeast, delayMs, wallUs } = standings[rival] as Standing;
        rows[`${name}: ${rival}`] = {
          'times as fast': show(speed),
          'CPU, of stock': show(cpu),
          "main thread's CPU": main === undefined ? '' : show(main),
          'time, of rawSync': ofRaw === undefined ? '' : show(ofRaw),
          'time, of least stream': ofLeast === undefined ? '' : show(ofLeast),
          'delay p99 ms, stock / this': `${standings[first]?.delayMs.median.toFixed(1)} / ${delayMs.median.toFixed(1)}`,
          'µs here': wallUs.toFixed(1),
        };
      }
    }
    if (Object.keys(rows).length === 0) continue;
    console.log(`\n${groups[group]} (Node ${node}: median and quartiles)`);
    console.table(rows);
  }
  if (memory !== undefined) console.log(JSON.stringify(memory));
  if (services !== undefined) printServices(services);
}

/**
 * This script once more, in a process of its own, which shows its progress. The Node that runs this is at hand, the others come as npm
 * packages.
 */
async function findingsOf(major: string, only = values.only): Promise<Findings> {
  const path = join(tmpdir(), `zlease-bench-${process.pid}-${major}.json`);
  const script = fileURLToPath(import.meta.url);
  const args = ['--import=tsx/esm', script, ...(values.full ? ['--full'] : []), '--json', path];
  args.push('--seed', String(seed), '--rounds', String(rounds), ...(only === undefined ? [] : ['--only', only]));
  const own = process.versions.node.split('.')[0];
  const [command, ...rest] =
    major === own
      ? [process.execPath, ...args]
      : ['npx', '--yes', '--package', `node-${platform()}-${arch()}@${major}`, '--', 'node', ...args];
  const [code] = await once(spawn(command as string, rest, { stdio: ['ignore', 'ignore', 'inherit'] }), 'exit');
  if (code !== 0) throw new Error(`The benchmark of ${only ?? 'all'} on Node ${major} has failed`);
  const found = JSON.parse(await readFile(path, 'utf8')) as Findings;
  await rm(path);
  return found;
}

/**
 * Each group in a process of its own. Once a process has freed blocks of megabytes, glibc's malloc reuses freed memory of hundreds of
 * kilobytes too: node:zlib's new engines then cost less than in a process that has only small messages.
 */
async function inProcesses(): Promise<Result[]> {
  const results: Result[] = [];
  const own = process.versions.node.split('.')[0] as string;
  for (const group of Object.keys(groups) as Group[]) results.push(...(await findingsOf(own, group)).results);
  return results;
}

async function findings(): Promise<Findings> {
  const more = values.full && values.only === undefined;
  const results = await (more ? inProcesses() : contests());
  return {
    node: process.versions.node,
    machine: `${availableParallelism()} × ${cpus()[0]?.model.trim()}, ${Math.round(totalmem() / 2 ** 30)} GB, ${platform()} ${arch()}`,
    date: new Date().toISOString().slice(0, 10),
    rounds,
    seed,
    results,
    ...(more ? { memory: await memory(), services: await serviceRows(Math.min(6, rounds)) } : {}),
  };
}

const all: Findings[] = [];
if (values.nodes === undefined) all.push(await findings());
else for (const major of values.nodes) all.push(await findingsOf(major));
for (const each of all) print(each);
if (values.json !== undefined) await writeFile(values.json, JSON.stringify(values.nodes === undefined ? all[0] : all));
// The library that draws takes a second to load.
if (values.report) await (await import('./report.ts')).report(all);

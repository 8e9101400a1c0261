/**
 * `npm start`: a grpc-js server and client, each in a process of its own. They do the same jobs with
 * node:zlib and, under zlease/register, on a pool. Every digest is compared, and a damaged upload has
 * to fail alone. `npm start -- --help` prints the usage.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { createRequire } from 'node:module';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { Option } from '@commander-js/extra-typings';
import { SingleBar } from 'cli-progress';
import { command, wholeNumber } from '../command.ts';
import type { Report } from './client.ts';
import { type Job, jobsFor, warmUp } from './jobs.ts';
import type { Usage } from './service.ts';
import { type Run, show } from './show.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));
const tsx = createRequire(import.meta.url).resolve('tsx');
const register = here('../../lib/register.ts');

const variants = ['node:zlib', 'zlease'] as const;

const program = command('npm start --', 'Runs a gRPC server and client with node:zlib, and under zlease/register.')
  .argument('[file...]', 'files to send (default: files of this repository, and the Node executable)')
  .option('--json', 'print the result as one line of JSON')
  .addOption(new Option('--only <variant>', 'run one of the two (default: both)').choices(variants))
  .option('--messages <number>', 'messages of each job', wholeNumber(1, 10_000_000), 8_000)
  .option('--at-a-time <number>', 'calls in flight', wholeNumber(1, 10_000), 16)
  .option('--part-length <number>', 'the longest part of a file that a call uploads, in bytes', wholeNumber(1), 2 ** 18)
  .parse();

/** A process of its own, which answers one message at a time. */
class Peer {
  readonly #child: ChildProcess;
  #settle: (answer: { answer?: unknown; error?: string }) => void = () => undefined;
  /** Is called with the number of messages or uploads that are done. */
  onProgress: (done: number) => void = () => undefined;

  constructor(script: string, variant: string) {
    const preload = variant === 'zlease' ? [tsx, register] : [tsx];
    this.#child = fork(here(script), { execArgv: preload.map((path) => `--import=${pathToFileURL(path).href}`) });
    this.#child.on('message', (message: { done?: number; answer?: unknown; error?: string }) => {
      if (message.done === undefined) this.#settle(message);
      else this.onProgress(message.done);
    });
    this.#child.on('exit', (code) => this.#settle({ error: `${script} ended with code ${code}` }));
  }

  answer<T>(): Promise<T> {
    return new Promise((resolve, reject) => {
      this.#settle = ({ answer, error }) => (error === undefined ? resolve(answer as T) : reject(new Error(error)));
    });
  }

  ask<T>(question: string | object): Promise<T> {
    const answer = this.answer<T>();
    this.#child.send(question);
    return answer;
  }

  end(): void {
    this.#child.kill();
  }
}

/** Does a job in two new processes, so that memory and engines are those of this job. */
async function run(job: Job, variant: string, atATime: number, progress: (done: number) => void): Promise<Run> {
  const [server, client] = [new Peer('server.ts', variant), new Peer('client.ts', variant)];
  try {
    const port = await server.answer<number>();
    await client.ask<Report>({ port, job: warmUp(job), atATime });
    await server.ask('start');
    client.onProgress = progress;
    const report = await client.ask<Report>({ port, job, atATime });
    const served = await server.ask<Usage>('usage');
    const { mismatches, ...rest } = report;
    const damaged = job.parts?.filter(({ isDamaged }) => isDamaged).length ?? 0;
    return {
      ...rest,
      job: job.name,
      variant,
      cpuUs: report.cpuUs + served.cpuUs,
      peakMemory: report.peakMemory + served.peakMemory,
      engines: report.engines + served.engines,
      leased: report.leased + served.leased,
      digestsMatch: mismatches === 0 && report.refusals.length === damaged,
    };
  } finally {
    client.end();
    server.end();
  }
}

async function main(): Promise<void> {
  const { json, only, messages, atATime, partLength } = program.opts();
  const jobs = await jobsFor(program.args, messages, partLength);
  const chosen = only === undefined ? variants : [only];
  const runs: Run[] = [];
  const bar = new SingleBar({ format: '{bar} {value}/{total} {name}', clearOnComplete: true });
  for (const job of jobs) {
    for (const variant of chosen) {
      const total = job.messages?.length ?? job.parts?.length ?? 0;
      if (process.stderr.isTTY) bar.start(total, 0, { name: `${job.name}, ${variant}` });
      runs.push(await run(job, variant, atATime, (done) => bar.update(done)));
      bar.stop();
    }
  }
  const digestsMatch = runs.every((each) => each.digestsMatch);
  process.exitCode = digestsMatch ? 0 : 1;
  if (json) console.log(JSON.stringify({ node: process.version, atATime, digestsMatch, runs }));
  else console.log(show(runs, atATime));
}

main().catch((error: Error) => {
  console.error(`grpc-pair: ${error.message}`);
  process.exit(1);
});

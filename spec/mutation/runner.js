/**
 * Stryker's test runner. Each mutant has a process of its own: queues, counts and budgets of the library
 * belong to the thread, so that a mutant which breaks them would fail the tests of the next one too. A
 * process that aborts has found its mutant.
 *
 * Time limits count the time in which the process works or waits for a CPU, not the time that passes:
 * a busy machine fails no test, and a process that waits for an event which never comes is soon found.
 */
import { fork } from 'node:child_process';
import { once } from 'node:events';
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { resolve } from 'node:path';
import { commonTokens, declareClassPlugin, PluginKind, tokens } from '@stryker-mutator/api/plugin';
import { DryRunStatus, TestStatus, toMutantRunResult } from '@stryker-mutator/api/test-runner';
import { COMPILED } from './build.js';

/** Times of tests in the run without a mutant, for all runners. */
const TIMES = `${COMPILED}/times.json`;

const LOOK_EVERY_MS = 200;
/**
 * Most time of one test over a mutant, in milliseconds: so many times that without a mutant, and some more.
 * Work is limited by one limit, waiting for events by another.
 */
const FACTOR = 5;
const GRACE_MS = 2_000;
/**
 * Most work of all tests of a mutant, in milliseconds. Mutants that survive take most of a run. Tests over
 * the limit are left out: a mutant may survive that they would find, but none is found that survives.
 */
const MOST_WORK_MS = 3_000;

/**
 * @typedef {object} Times
 * @property {number} workMs - CPU time of all threads
 * @property {number} idleMs - time in which no thread worked or waited for a CPU
 */

/** Returns a point in the life of a process. */
function now(pid) {
  let cpuMs = 0;
  let waitMs = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const [cpu = 0, wait = 0] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ').map(Number);
      cpuMs += cpu / 1e6;
      waitMs += wait / 1e6;
    }
  } catch {
    // It has just ended, or this is not Linux. Then a process that hangs is ended by Stryker's timeout.
  }
  return { pid, at: Date.now(), cpuMs, waitMs };
}

/** Returns the times of a process since a point in its life. */
function since(from) {
  const { at, cpuMs, waitMs } = now(from.pid);
  const workMs = Math.max(0, cpuMs - from.cpuMs);
  const idleMs = cpuMs === 0 ? 0 : Math.max(0, at - from.at - workMs - (waitMs - from.waitMs));
  return { workMs, idleMs };
}

/**
 * Runs the specs of one mutant.
 * @param {import('./job.ts').Job} job
 * @param {Record<string, Times>} [known] - times of the tests without a mutant
 */
async function play(job, known) {
  const child = fork(resolve(COMPILED, 'spec/mutation/run.js'), {
    execArgv: ['--expose-gc'],
    env: { ...process.env, NODE_COMPILE_CACHE: resolve(COMPILED, 'cache'), SPEC_SEED: '1', SPEC_RUNS: '40' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const pid = child.pid;
  const tests = [];
  /** @type {Record<string, Times>} */
  const taken = {};
  let coverage;
  /** Reason of a timeout. */
  let hung;
  let isOver = false;
  let current = '';
  /** Times at the start of the current test. */
  let from = now(pid);
  let errors = '';
  child.stderr?.on('data', (text) => {
    errors = `${errors}${text}`.slice(-2_000);
  });

  function note({ id, file, name, failure }) {
    const times = since(from);
    taken[id] = times;
    const base = { id, name, timeSpentMs: times.workMs, fileName: resolve(`spec/${file}.spec.ts`) };
    tests.push(
      failure === undefined
        ? { ...base, status: TestStatus.Success }
        : { ...base, status: TestStatus.Failed, failureMessage: failure },
    );
  }

  child.on('message', (message) => {
    if (message.type === 'start') {
      current = message.id;
      from = now(pid);
    } else if (message.type === 'end') {
      note(message.test);
    } else {
      isOver = true;
      coverage = message.coverage;
      if (message.isOverLimit) hung = 'The code of the mutant ran too often';
    }
  });
  child.send(job);

  const watch = setInterval(() => {
    const limits = known?.[current];
    // As a process ends, its threads take their times with them.
    if (limits === undefined || isOver) return;
    const { workMs, idleMs } = since(from);
    if (workMs > GRACE_MS + FACTOR * limits.workMs) hung = `${current} took too long`;
    if (idleMs > GRACE_MS + FACTOR * limits.idleMs) hung = `${current} waited too long`;
    if (hung !== undefined) child.kill('SIGKILL');
  }, LOOK_EVERY_MS);
  const [code, signal] = await once(child, 'exit');
  clearInterval(watch);
  if (!isOver && hung === undefined) {
    note({
      id: current,
      file: current.split(':')[0],
      name: current,
      failure: `${signal ?? code}: ${errors}`,
    });
  }
  return { tests, taken, coverage, hung };
}

/**
 * Returns the tests to run, and their files in order: the module's own spec first, then those of its
 * layer, then the quick ones. Most mutants fail the first of many.
 */
function selection(covering, known, sandboxFileName) {
  const [, layer, name] = /lib\/(\w+)\/([\w-]+)\.ts$/.exec(sandboxFileName);
  const files = new Map();
  for (const id of covering) {
    const file = id.slice(0, id.indexOf(':'));
    const one = files.get(file) ?? { file, ids: [], workMs: 0 };
    one.ids.push(id);
    one.workMs += known[id].workMs;
    files.set(file, one);
  }
  const distance = ({ file }) => (file === `${layer}/${name}` ? 0 : file.startsWith(`${layer}/`) ? 1 : 2);
  const order = [...files.values()].sort((a, b) => distance(a) - distance(b) || a.workMs - b.workMs);
  let leftMs = MOST_WORK_MS;
  const chosen = order.map(({ file, ids }) => {
    // No file takes all of the limit.
    let fileMs = Math.min(leftMs, MOST_WORK_MS / 3);
    const quick = ids.sort((a, b) => known[a].workMs - known[b].workMs);
    const some = quick.filter((id) => {
      fileMs -= known[id].workMs;
      if (fileMs < 0) return false;
      leftMs -= known[id].workMs;
      return true;
    });
    return { file, ids: some };
  });
  const left = chosen.filter(({ ids }) => ids.length > 0);
  return { files: left.map(({ file }) => file), only: left.flatMap(({ ids }) => ids) };
}

class ProcessRunner {
  static inject = tokens(commonTokens.options);
  #titles;

  constructor(options) {
    this.#titles = options.specs;
  }

  capabilities() {
    return { reloadEnvironment: true };
  }

  async dryRun() {
    const titles = this.#titles;
    const job = { titles, files: Object.keys(titles), only: undefined, mutant: undefined, hitLimit: undefined };
    const { tests, taken, coverage } = await play(job);
    writeFileSync(TIMES, JSON.stringify(taken));
    return { status: DryRunStatus.Complete, tests, mutantCoverage: coverage };
  }

  async mutantRun({ activeMutant, sandboxFileName, testFilter, hitLimit }) {
    const known = JSON.parse(readFileSync(TIMES, 'utf8'));
    const { files, only } = selection(testFilter ?? Object.keys(known), known, sandboxFileName);
    const { tests, hung } = await play({ titles: this.#titles, files, only, mutant: activeMutant.id, hitLimit }, known);
    const hasFailed = tests.some(({ status }) => status === TestStatus.Failed);
    if (hung !== undefined && !hasFailed) return toMutantRunResult({ status: DryRunStatus.Timeout, reason: hung });
    return toMutantRunResult({ status: DryRunStatus.Complete, tests });
  }
}

/** Prints each mutant that survives, at once: a run takes long. */
class Survivors {
  onMutantTested({ status, fileName, location, mutatorName, replacement }) {
    if (status !== 'Survived' && status !== 'NoCoverage') return;
    const { line, column } = location.start;
    console.log(`${status}: ${fileName}:${line}:${column} ${mutatorName}: ${replacement}`);
  }
}

export const strykerPlugins = [
  declareClassPlugin(PluginKind.TestRunner, 'process', ProcessRunner),
  declareClassPlugin(PluginKind.Reporter, 'survivors', Survivors),
];

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
/** A process that works less than a fifth of this time hangs. */
const STALL_MS = 2_000;
/** Most work of one test over a mutant: a few times that without a mutant, in milliseconds. */
const FACTOR = 5;
const GRACE_MS = 3_000;
/** A mutant that at least `MANY` tests cover is spared the tests that take longer. */
const SLOW_MS = 100;
const MANY = 50;

/** Returns the CPU time of a process, and the time that it waited for a CPU, in milliseconds. */
function times(pid) {
  let cpuMs = 0;
  let waitMs = 0;
  try {
    for (const thread of readdirSync(`/proc/${pid}/task`)) {
      const [cpu = 0, wait = 0] = readFileSync(`/proc/${pid}/task/${thread}/schedstat`, 'utf8').split(' ').map(Number);
      cpuMs += cpu / 1e6;
      waitMs += wait / 1e6;
    }
  } catch {
    // It has just ended, or the system has no such files. Then only an endless loop's hit limit ends it.
  }
  return { cpuMs, busyMs: cpuMs + waitMs };
}

/**
 * Runs the specs of one mutant.
 * @param {import('./job.ts').Job} job
 * @param {Record<string, number>} known - times of the tests without a mutant, in milliseconds
 */
async function play(job, known) {
  const child = fork(resolve(COMPILED, 'spec/mutation/run.js'), {
    execArgv: ['--expose-gc'],
    env: { ...process.env, SPEC_SEED: '1', SPEC_RUNS: '40' },
    stdio: ['ignore', 'ignore', 'pipe', 'ipc'],
  });
  const pid = child.pid;
  const tests = [];
  let coverage;
  /** Reason of a timeout. */
  let hung;
  let isOver = false;
  let current = '';
  let currentFrom = 0;
  let errors = '';
  child.stderr?.on('data', (text) => {
    errors = `${errors}${text}`.slice(-2_000);
  });

  function note({ id, file, name, failure }) {
    const timeSpentMs = Math.max(0, times(pid).cpuMs - currentFrom);
    const base = { id, name, timeSpentMs, fileName: resolve(`spec/${file}.spec.ts`) };
    tests.push(
      failure === undefined
        ? { ...base, status: TestStatus.Success }
        : { ...base, status: TestStatus.Failed, failureMessage: failure },
    );
  }

  child.on('message', (message) => {
    if (message.type === 'start') {
      current = message.id;
      currentFrom = times(pid).cpuMs;
    } else if (message.type === 'end') {
      note(message.test);
    } else {
      isOver = true;
      coverage = message.coverage;
      if (message.isOverLimit) hung = 'The code of the mutant ran too often';
    }
  });
  child.send(job);

  let lookedAt = Date.now();
  let busyThen = 0;
  const watch = setInterval(() => {
    const { cpuMs, busyMs } = times(pid);
    const limitMs = GRACE_MS + FACTOR * (known[current] ?? Number.POSITIVE_INFINITY);
    if (current !== '' && cpuMs - currentFrom > limitMs) hung = `${current} took too long`;
    if (Date.now() - lookedAt >= STALL_MS) {
      if (current !== '' && busyMs > 0 && busyMs - busyThen < STALL_MS / 5) hung = `${current} waited too long`;
      lookedAt = Date.now();
      busyThen = busyMs;
    }
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
  return { tests, coverage, hung };
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
    const { tests, coverage, hung } = await play(job, {});
    if (hung !== undefined) return { status: DryRunStatus.Timeout, reason: hung };
    writeFileSync(TIMES, JSON.stringify(Object.fromEntries(tests.map(({ id, timeSpentMs }) => [id, timeSpentMs]))));
    return { status: DryRunStatus.Complete, tests, mutantCoverage: coverage };
  }

  async mutantRun({ activeMutant, testFilter, hitLimit }) {
    const known = JSON.parse(readFileSync(TIMES, 'utf8'));
    const covering = testFilter ?? Object.keys(known);
    const only = covering.length < MANY ? covering : covering.filter((id) => known[id] <= SLOW_MS);
    // Quick files first: most mutants are found by any of many tests.
    const costs = new Map();
    for (const id of only) {
      const file = id.slice(0, id.indexOf(':'));
      costs.set(file, (costs.get(file) ?? 0) + (known[id] ?? 0));
    }
    const files = [...costs].sort(([, a], [, b]) => a - b).map(([file]) => file);
    const { tests, hung } = await play({ titles: this.#titles, files, only, mutant: activeMutant.id, hitLimit }, known);
    if (hung !== undefined) return toMutantRunResult({ status: DryRunStatus.Timeout, reason: hung });
    return toMutantRunResult({ status: DryRunStatus.Complete, tests });
  }
}

export const strykerPlugins = [declareClassPlugin(PluginKind.TestRunner, 'process', ProcessRunner)];

/**
 * What the programs in this folder have in common: they answer questions, a line of JSON each way, until their stdin
 * ends; then they close and end by themselves. The last argument is the library that may have been preloaded.
 */
import { createInterface } from 'node:readline';
import type { PoolStats } from '../../lib/index.ts';
import { collectAll } from '../support/memory.ts';
import { until } from '../support/until.ts';

export interface State {
  stats: PoolStats;
  /** Errors and warnings that nobody listened to. */
  unhandled: string[];
  /** Of the process, in bytes: the highest since the last time that this was asked. */
  peakRss: number;
  rss: number;
  /** CPU time since the start, in microseconds. */
  cpu: number;
}

const unhandled: string[] = [];
process.on('uncaughtException', (error) => unhandled.push(`${error?.stack ?? error}`));
process.on('warning', ({ name, message }) => unhandled.push(`${name}: ${message}`));

const MB = 2 ** 20;
let peakRss = 0;
// Garbage that waits for V8 does not count: how much there is depends on how busy the machine is.
const sampler = setInterval(() => {
  if (process.memoryUsage.rss() < peakRss + 4 * MB) return;
  collectAll();
  peakRss = Math.max(peakRss, process.memoryUsage.rss());
}, 5);
sampler.unref();

const { defaultPool } = (await import(process.argv.at(-1) as string)) as typeof import('../../lib/index.ts');

/** Once all engines are back. */
async function state({ collect = false }): Promise<State> {
  await until(() => defaultPool.stats.leased === 0);
  if (collect) collectAll();
  const { user, system } = process.cpuUsage();
  const rss = process.memoryUsage.rss();
  const peak = peakRss || rss;
  peakRss = 0;
  return { stats: defaultPool.stats, unhandled, peakRss: peak, rss, cpu: user + system };
}

/** Answers `{ name, ...question }` by `answers[name]`, questions side by side, each answer with its question's id. */
export async function run(
  answers: Record<string, (question: never) => unknown>,
  close: () => Promise<void> | void,
): Promise<void> {
  const all: Record<string, (question: never) => unknown> = { state, ...answers };
  const print = (line: object) => process.stdout.write(`${JSON.stringify(line)}\n`);
  for await (const line of createInterface({ input: process.stdin })) {
    const { id, name, ...question } = JSON.parse(line);
    void Promise.resolve(all[name]?.(question as never)).then(
      (answer) => print({ id, answer }),
      (error) => print({ id, error: `${error?.stack ?? error}` }),
    );
  }
  await close();
}

/** Holds calls back until `size` of them are here, so that they are in flight at one time, and lets them go together. */
export class Gate {
  #held: (() => void)[] = [];

  pass(size: number): Promise<void> {
    return new Promise((go) => {
      this.#held.push(go);
      if (this.#held.length < size) return;
      const all = this.#held;
      this.#held = [];
      for (const one of all) one();
    });
  }
}

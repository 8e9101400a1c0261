/**
 * Waiting for a condition. A wait has no bound of its own: the timeout of the test is the bound, and its error names the
 * condition, see strict.ts. So a busy machine makes a wait longer and never makes it fail.
 */
import { setTimeout as delay } from 'node:timers/promises';

interface Wait {
  readonly condition: string;
  over: boolean;
}

const waits = new Set<Wait>();

/**
 * Resolves as soon as `condition` returns true. Rejects if the test ends before.
 * @param between - called and awaited before each further look at the condition, for example to collect garbage
 */
export async function until(condition: () => boolean, between?: () => void | Promise<void>): Promise<void> {
  const wait: Wait = { condition: String(condition), over: false };
  waits.add(wait);
  try {
    while (!condition()) {
      await delay(1);
      if (wait.over) throw new Error(`The test has ended. ${describe([wait])}`);
      await between?.();
    }
  } finally {
    waits.delete(wait);
  }
}

/** Ends all waits. Returns a sentence with their conditions, empty if there were none. */
export function endWaits(): string {
  const all = [...waits];
  for (const wait of all) wait.over = true;
  return describe(all);
}

function describe(all: readonly Wait[]): string {
  return all.map(({ condition }) => `It waited until ${condition}.`).join(' ');
}

export function collectGarbage(): void {
  if (globalThis.gc === undefined) throw new Error('Node runs without --expose-gc');
  globalThis.gc();
}

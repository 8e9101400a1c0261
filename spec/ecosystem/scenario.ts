/**
 * What the programs in this folder are made of: each is run twice, on plain Node and under zlease/register, and
 * prints a line of JSON for each scenario. Results hold nothing that differs from run to run: no ports, no times.
 */
import { createHash } from 'node:crypto';
import zlib from 'node:zlib';
import { collectGarbage, until } from '../support/until.ts';

/** Of one scenario. */
const TIMEOUT_MS = 60_000;

const warnings = new Set<string>();
process.on('warning', ({ name, message }) => warnings.add(`${name}: ${message}`));

/** What `run` gives, or the error it ends with, is the result. One at a time: await it. */
export async function scenario(name: string, run: () => Promise<unknown> | unknown): Promise<void> {
  let timer: NodeJS.Timeout | undefined;
  const timeout = new Promise((resolve) => {
    timer = setTimeout(resolve, TIMEOUT_MS, 'timed out');
  });
  const result = await Promise.race([Promise.resolve().then(run), timeout]).catch(failure);
  clearTimeout(timer);
  print({ name, result: result ?? null });
}

/**
 * The last line of a program: which streams there were, and the state of the pool when all is closed.
 * @param calls - messages that were decompressed by each function of node:zlib, for a program that counts them
 */
export async function finish(calls?: Record<string, number>): Promise<void> {
  await scenario('process warnings', () => [...warnings].sort());
  const library = new URL('../../dist/index.js', import.meta.url).href;
  const { defaultPool } = (await import(library)) as typeof import('../../lib/index.ts');
  // Sockets that were cut close in their own time, and with them the streams that they were piped to. Streams that a
  // package leaves open for good go with the garbage.
  await until(() => defaultPool.stats.leased === 0, collectGarbage);
  // Pooled streams are of the same class; what they have of a handle is not their own.
  print({ stock: Object.hasOwn(zlib.createGunzip(), '_handle'), stats: defaultPool.stats, calls });
}

function print(line: object): void {
  process.stdout.write(`${JSON.stringify(line)}\n`);
}

/** Bytes, in a form that is short and can be compared. */
export function digest(bytes: Uint8Array | string): { length: number; sha1: string } {
  return { length: bytes.length, sha1: createHash('sha1').update(bytes).digest('hex').slice(0, 12) };
}

/** An error, and those that caused it. */
export function failure(error: unknown): unknown {
  if (!(error instanceof Error)) return { thrown: String(error) };
  const { name, message, code, errno, cause } = error as NodeJS.ErrnoException & { cause?: unknown };
  return { name, message, code, errno, ...(cause === undefined ? {} : { cause: failure(cause) }) };
}

/** The result of `run`, or its error; for scenarios that go on after one. */
export async function outcome(run: () => Promise<unknown>): Promise<unknown> {
  return run().catch(failure);
}

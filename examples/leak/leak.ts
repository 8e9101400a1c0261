/**
 * `node --expose-gc --import tsx examples/leak/leak.ts`: a leak on purpose, and how it is told: by name of the function that asked for
 * the stream. Then the same without the leak.
 */
import { subscribe } from 'node:diagnostics_channel';
import { readFileSync } from 'node:fs';
import { setTimeout as delay } from 'node:timers/promises';
import { gzipSync } from 'node:zlib';
import { type DecompressStream, type LeakEvent, ZlibPool } from 'zlease';

const pool = new ZlibPool({ leakDetection: 'all' });
const data = gzipSync(readFileSync(new URL('../../package-lock.json', import.meta.url)));

/** The mistake: the first bytes are enough, and the stream is forgotten. */
async function peekAndForget(): Promise<string> {
  return firstBytes(pool.createGunzip());
}

/** Destroyed, it gives its engine back. */
async function peekAndClose(): Promise<string> {
  const gunzip = pool.createGunzip();
  try {
    return await firstBytes(gunzip);
  } finally {
    gunzip.destroy();
  }
}

function firstBytes(gunzip: DecompressStream): Promise<string> {
  return new Promise((resolve, reject) => {
    gunzip.on('error', reject);
    gunzip.once('data', (chunk: Buffer) => {
      gunzip.pause();
      resolve(String(chunk.subarray(0, 20)));
    });
    gunzip.write(data.subarray(0, 1_000));
  });
}

/** The first function of this file in a stack. */
function asker(stack = ''): string | undefined {
  return /at (\w+) \(.*leak\.ts/.exec(stack)?.[1];
}

/** Garbage is collected when Node sees fit: for an example, now. */
async function collect(): Promise<void> {
  for (let i = 0; i < 100 && pool.stats.leased > 0; i++) {
    await delay(10);
    globalThis.gc?.();
  }
  // Warnings are told in a later tick.
  await delay(10);
}

function tell(what: string): void {
  const { leased, leaked, created, discarded } = pool.stats;
  console.log(`${what}: ${created} created, ${leaked} leaked, ${discarded} discarded, ${leased} leased`);
}

if (globalThis.gc === undefined) {
  console.error('leak: start it with --expose-gc');
  process.exit(1);
}

// For metrics: each leak, as it is noticed.
subscribe('zlease:leak', (event) => {
  const { format, id, stack } = event as LeakEvent;
  console.log(`zlease:leak: ${format}, lease ${id}, asked for by ${asker(stack)}()`);
});
// For the log: the warning, which Node also prints to stderr. `detail` is the stack.
process.on('warning', (warning: Error & { code?: string; detail?: string }) => {
  console.log(`${warning.name} ${warning.code}: ${asker(warning.detail)}()`);
});

await peekAndForget();
tell('after peekAndForget()');
await collect();
tell('after a collection');

await peekAndClose();
await collect();
tell('after peekAndClose()');

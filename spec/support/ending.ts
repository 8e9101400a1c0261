/**
 * A process, or worker thread, that ends in the middle of native writes: run as `ending.ts HOW ENGINE`. It says 'writing' once writes are
 * under way, and then does to itself, or waits for, what it is to end by.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import { isMainThread, parentPort, workerData } from 'node:worker_threads';
import { ZlibPool, type ZlibPoolOptions } from '../../lib/index.ts';
import { sample } from './samples.ts';

const [how, engine] = isMainThread ? process.argv.slice(2) : (workerData as [string, string]);
const { data } = sample(2_000_000);
const pool = new ZlibPool({ engine: engine as NonNullable<ZlibPoolOptions['engine']>, inline: { inputLength: 0 } });

/** One message after another, each in the threadpool. */
async function writeOn(): Promise<never> {
  for (;;) {
    await pool.decompress(data, 'gzip');
    const stream = pool.createGunzip().resume();
    stream.end(data);
    await new Promise((resolve) => stream.once('close', resolve));
  }
}

for (let i = 0; i < 6; i++) void writeOn();
while (pool.stats.leased < 6) await nextTurn();
// Up to a few of them, and at no moment in particular.
const momentMs = Math.random() * 30;

if (how === 'exit') setTimeout(() => process.exit(7), momentMs);
if (how === 'uncaught') {
  setTimeout(() => {
    throw new Error('nobody catches this');
  }, momentMs);
}
setTimeout(() => (isMainThread ? console.log('writing') : parentPort?.postMessage('writing')), momentMs);

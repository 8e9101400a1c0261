/**
 * Whatever ends a process, a thread or a pool in the middle of threadpool writes: it ends as it would without us, without an abort and
 * without a hang. `SPEC_ENDINGS` says how often each is tried.
 */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import { Worker } from 'node:worker_threads';
import { expect } from 'chai';
import { engines, ZlibPool } from '../support/library.ts';
import { closed } from '../support/outcome.ts';
import { sample } from '../support/samples.ts';
import { CHILD_TIMEOUT_MS, loader, TEST_TIMEOUT_MS } from '../support/script.ts';
import { dice, seed } from '../support/seed.ts';

const times = Number(process.env.SPEC_ENDINGS ?? 3);
const script = new URL('../support/ending.ts', import.meta.url);

interface Ending {
  code: number | null;
  signal: NodeJS.Signals | null;
  stderr: string;
}

async function ending(how: string, engine: string): Promise<Ending> {
  const child = spawn(process.execPath, [...loader, fileURLToPath(script), how, engine], {
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  const stderr = text(child.stderr);
  if (how === 'SIGTERM') child.stdout.once('data', () => child.kill('SIGTERM'));
  else child.stdout.resume();
  const hung = setTimeout(() => child.kill('SIGKILL'), CHILD_TIMEOUT_MS);
  const [code, signal] = await once(child, 'exit');
  clearTimeout(hung);
  return { code, signal, stderr: await stderr };
}

const expected: Record<string, Partial<Ending>> = {
  exit: { code: 7, signal: null },
  uncaught: { code: 1, signal: null },
  SIGTERM: { code: null, signal: 'SIGTERM' },
};

describe('In the middle of threadpool writes', function () {
  this.timeout((1 + times) * TEST_TIMEOUT_MS);
  this.slow(30_000);

  for (const [how, end] of Object.entries(expected)) {
    it(`a process ends as it would without us: ${how}, ${times} times`, async () => {
      for (let i = 0; i < times; i++) {
        const { code, signal, stderr } = await ending(how, engines[i % 2] as string);
        expect({ code, signal }, stderr).to.deep.equal(end);
        if (how === 'uncaught') expect(stderr).to.include('Error: nobody catches this');
        expect(stderr).not.to.match(/assertion|fatal|core dumped/i);
      }
    });
  }

  it(`a worker thread is terminated, ${times} times`, async () => {
    for (let i = 0; i < times; i++) {
      // Node 20 hands --import on to no worker thread.
      const load = loader.length > 0 ? "(await import('tsx/esm/api')).register();" : '';
      const worker = new Worker(`(async () => { ${load} await import('${script}'); })()`, {
        eval: true,
        execArgv: [],
        workerData: ['terminate', engines[i % 2]],
      });
      await once(worker, 'message');
      const ended = once(worker, 'exit');
      await worker.terminate();
      expect((await ended)[0]).to.equal(1);
    }
  });

  for (const engine of engines) {
    it(`a pool is destroyed, and each of its streams closes with the error (${engine}, 200 times, seed ${seed})`, async () => {
      const { data } = sample(2_000_000);
      const roll = dice();
      for (let i = 0; i < 200; i++) {
        const pool = new ZlibPool({ engine, inline: { inputLength: 0 }, maxLeased: 5 });
        const why = new Error('the end');
        const errors: Error[] = [];
        const streams = Array.from({ length: 8 }, () => pool.createGunzip().resume());
        for (const stream of streams) stream.on('error', (error) => errors.push(error)).end(data);
        const messages = Promise.allSettled([pool.decompress(data, 'gzip'), pool.decompress(data, 'gzip')]);
        if (roll.onceIn(2)) await delay(roll.below(5));
        pool.destroy(why);
        await Promise.all([...streams.map(closed), pool.close(), messages]);
        // Those that were through by then were through.
        expect(errors.every((error) => error === why)).to.equal(true);
        for (const result of await messages) {
          if (result.status === 'rejected') expect(result.reason).to.equal(why);
        }
        const { leased, waiting, created, discarded, evicted } = pool.stats;
        expect({ leased, waiting, created }).to.deep.equal({ leased: 0, waiting: 0, created: discarded + evicted });
      }
    });
  }
});

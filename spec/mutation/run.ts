/**
 * Runs spec files over the instrumented library, for one mutant, up to the first failure. The parent
 * sends a `Job` and receives `Message`s. Compiled, this file lies beside the compiled specs.
 */
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import type { InstrumenterContext } from '@stryker-mutator/api/core';
import Mocha from 'mocha';
import type { Job, Message, Test } from './job.ts';

process.on('disconnect', () => process.exit());
const [job] = (await once(process, 'message')) as [Job];
const { titles, files, only, mutant, hitLimit } = job;

/** The instrumented library reads the active mutant here, and counts its coverage. */
const context: InstrumenterContext = { activeMutant: mutant, hitLimit, hitCount: hitLimit && 0 };
Object.assign(globalThis, { __stryker__: context });

// After the mutant is active: the specs of the library's own modules import them.
const { mochaHooks } = await import('../support/strict.ts');

function send(message: Message): Promise<void> {
  return new Promise((resolve) => process.send?.(message, () => resolve()));
}

const wanted = only && new Set(only);
let hasFailed = false;

/** Runs a spec file. Files are loaded one by one: most mutants fail the first of many. */
async function play(file: string): Promise<void> {
  const tests = new Map<Mocha.Runnable, Test>();
  const rootHooks = {
    ...mochaHooks,
    beforeEach(this: Mocha.Context): void {
      const id = tests.get(this.currentTest as Mocha.Runnable)?.id as string;
      context.currentTestId = id;
      void send({ type: 'start', id });
    },
  };
  const isMutant = mutant !== undefined;
  const mocha = new Mocha({ bail: isMutant, timeout: 0, reporter: class {} as never, rootHooks } as never);

  /** Names the tests of a suite, and removes those that are not wanted. */
  function select(suite: Mocha.Suite): void {
    suite.tests = suite.tests.filter((test) => {
      const name = test.fullTitle();
      const same = [...tests.values()].filter((other) => other.name === name).length;
      const id = `${file}: ${name}${same === 0 ? '' : ` #${same + 1}`}`;
      tests.set(test, { id, file, name });
      return wanted?.has(id) ?? new RegExp(titles[file] as string).test(name);
    });
    for (const child of suite.suites) select(child);
  }

  mocha.addFile(fileURLToPath(new URL(`../${file}.spec.js`, import.meta.url)));
  await mocha.loadFilesAsync();
  select(mocha.suite);
  await new Promise<void>((resolve) => {
    const runner = mocha.run(() => resolve());
    runner.on('pass', (test) => void send({ type: 'end', test: tests.get(test) as Test }));
    runner.on('fail', (failed, error: Error) => {
      hasFailed = true;
      // A hook fails for the test before or after it.
      const test = tests.get(failed) ?? tests.get(failed.ctx?.currentTest as Mocha.Runnable);
      const known = test ?? { id: `${file}: ${failed.fullTitle()}`, file, name: failed.fullTitle() };
      void send({ type: 'end', test: { ...known, failure: error?.stack ?? String(error) } });
    });
  });
  // The runner's, as in a worker of mocha.
  process.removeAllListeners('uncaughtException');
  process.removeAllListeners('unhandledRejection');
}

for (const file of files) {
  await play(file);
  if (hasFailed && mutant !== undefined) break;
}
const { hitCount = 0, mutantCoverage } = context;
await send({ type: 'over', coverage: mutantCoverage, isOverLimit: hitCount > (hitLimit ?? Number.POSITIVE_INFINITY) });
process.exit();

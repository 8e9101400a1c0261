/** Specs run over copies of the library: an unbroken one has to pass, a broken one has to fail. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import pLimit from 'p-limit';
import { formats } from '../../lib/engine/codecs.ts';
import { CHILD_TIMEOUT_MS, loader } from '../support/script.ts';
import { editedCopy } from './copy.ts';
import type { Edit, Variant } from './variants.ts';

const top = fileURLToPath(new URL('../..', import.meta.url));

const AHEAD = 8;

const major = Number.parseInt(process.versions.node, 10);

/** Specs that take a second or two, for the run over an unbroken copy. */
const QUICK = ['promises/p2-close', 'promises/p4-once', 'promises/p10-contained'];

interface Outcome {
  /** Mocha's exit code, or the signal that ended it. */
  ended: number | string;
  output: string;
}

/**
 * Runs spec files over a copy of the library with `edits` made to it.
 * @param files - below `spec`, without their endings
 * @param grep - runs only the tests with this in their titles
 */
async function runOver(edits: readonly Edit[], files: readonly string[], grep = ''): Promise<Outcome> {
  const copy = await editedCopy(edits);
  try {
    const script = join('spec', 'broken', 'run.ts');
    const child = spawn(process.execPath, [...loader, '--expose-gc', script, grep, ...files.map(pathOf)], {
      cwd: top,
      env: {
        ...process.env,
        SPEC_LIB: copy,
        // A broken copy is given as many random runs as it takes, and little time for a test that hangs.
        ...(edits.length > 0 ? { SPEC_RUNS: '15000', SPEC_TIMEOUT_MS: '5000' } : {}),
      },
    });
    const output = Promise.all([text(child.stdout), text(child.stderr)]);
    const hung = setTimeout(() => child.kill('SIGKILL'), CHILD_TIMEOUT_MS);
    const [code, signal] = await once(child, 'exit');
    clearTimeout(hung);
    return { ended: signal ?? code, output: (await output).join('\n') };
  } finally {
    await rm(copy, { recursive: true });
  }
}

/** The specs of `npm test` end in `.spec.ts`, those of other tiers, in folders of their own, in `.mocha.ts`. */
function pathOf(file: string): string {
  return join(top, 'spec', `${file}.${/^(deep|docs)\//.test(file) ? 'mocha' : 'spec'}.ts`);
}

/** A test for each variant and each spec that catches it. */
export function describeCaught(title: string, all: readonly Variant[]): void {
  const variants = all.filter(
    ({ needs, lastMajor = major }) => (needs === undefined || formats.includes(needs)) && major <= lastMajor,
  );

  describe(title, () => {
    // Mocha runs two such files side by side.
    const limit = pLimit(Math.max(1, availableParallelism() >> 1));
    const runs: Array<{ start: () => Promise<Outcome>; outcome?: Promise<Outcome> }> = [];

    /** A test waits for its own run; those of the next few tests go on beside it. */
    function runOf(...args: Parameters<typeof runOver>): () => Promise<Outcome> {
      const at = runs.push({ start: () => runOver(...args) }) - 1;
      return () => {
        for (const run of runs.slice(at, at + AHEAD)) {
          run.outcome ??= limit(run.start);
          // Its own test fails with it.
          run.outcome.catch(() => {});
        }
        return runs[at]?.outcome as Promise<Outcome>;
      };
    }

    const unbroken = runOf([], QUICK);
    it('pass over an unbroken copy', async () => {
      const { ended, output } = await unbroken();
      expect(ended, output).to.equal(0);
    });

    for (const { name, caughtBy, edits, grep } of variants) {
      const outcome = runOf(edits, [caughtBy], grep);
      it(`catch ${name} (${caughtBy})`, async () => {
        const { ended, output } = await outcome();
        expect(ended, output).not.to.equal(0);
        // A syntax error or a missing file ends the process too, before any test ran.
        expect(output).to.match(/[1-9]\d* failing|Check failed|SIG|Assertion/i);
      });
    }
  });
}

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
import { formats } from '../../lib/formats.ts';
import { editedCopy } from './copy.ts';
import type { Edit, Variant } from './variants.ts';

const top = fileURLToPath(new URL('../..', import.meta.url));

const AHEAD = 8;

interface Outcome {
  /** Mocha's exit code, or the signal that ended it. */
  ended: number | string;
  output: string;
}

/** Runs a spec file over a copy of the library with `edits` made to it. */
async function runOver(edits: readonly Edit[], file: string): Promise<Outcome> {
  const copy = await editedCopy(edits);
  try {
    const script = join('spec', 'broken', 'run.ts');
    const child = spawn(
      process.execPath,
      ['--import=tsx', '--expose-gc', script, join(top, 'spec', `${file}.spec.ts`)],
      {
        cwd: top,
        env: {
          ...process.env,
          ZLEASE_LIB: copy,
          // Where something is to be found, random runs go on until it is, and nobody waits long for what hangs.
          ...(edits.length > 0 ? { ZLEASE_RUNS: '15000', ZLEASE_SPEC_TIMEOUT_MS: '5000' } : {}),
        },
      },
    );
    const output = Promise.all([text(child.stdout), text(child.stderr)]);
    const hung = setTimeout(() => child.kill('SIGKILL'), 110_000);
    const [code, signal] = await once(child, 'exit');
    clearTimeout(hung);
    return { ended: signal ?? code, output: (await output).join('\n') };
  } finally {
    await rm(copy, { recursive: true });
  }
}

/** A test for each spec file over an unbroken copy, and for each variant and file over a broken one. */
export function describeCaught(title: string, all: readonly Variant[]): void {
  const variants = all.filter(({ needs }) => needs === undefined || formats.includes(needs));
  const files = [...new Set(variants.flatMap(({ caughtBy }) => caughtBy))];

  describe(title, function () {
    this.timeout(120_000);
    this.slow(60_000);

    const limit = pLimit(availableParallelism());
    const runs: Array<{ edits: readonly Edit[]; file: string; outcome?: Promise<Outcome> }> = [];

    /** A test waits for its own run; those of the next few tests go on beside it. */
    function runOf(edits: readonly Edit[], file: string): () => Promise<Outcome> {
      const at = runs.push({ edits, file }) - 1;
      return () => {
        for (const run of runs.slice(at, at + AHEAD)) {
          run.outcome ??= limit(() => runOver(run.edits, run.file));
          // It is its test that fails, when its turn comes.
          run.outcome.catch(() => {});
        }
        return runs[at]?.outcome as Promise<Outcome>;
      };
    }

    for (const file of files) {
      const outcome = runOf([], file);
      it(`pass over an unbroken copy (${file})`, async () => {
        const { ended, output } = await outcome();
        expect(ended, output).to.equal(0);
      });
    }

    for (const { name, caughtBy, edits } of variants) {
      for (const file of caughtBy) {
        const outcome = runOf(edits, file);
        it(`catch ${name} (${file})`, async () => {
          const { ended, output } = await outcome();
          expect(ended, output).not.to.equal(0);
          // It ran and failed: neither a syntax error nor a missing file.
          expect(output).to.match(/[1-9]\d* failing|Check failed|SIG|Assertion/i);
        });
      }
    }
  });
}

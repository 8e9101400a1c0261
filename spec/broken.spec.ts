/** The promise specs, proven: each broken variant of the library makes them fail, an unbroken copy does not. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { rm } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { formats } from '../lib/formats.ts';
import { editedCopy } from './broken/copy.ts';
import { variants as all, type Edit } from './broken/variants.ts';

const top = fileURLToPath(new URL('..', import.meta.url));
const variants = all.filter(({ needs }) => needs === undefined || formats.includes(needs));
const files = [...new Set(variants.flatMap(({ caughtBy }) => caughtBy))];

/** Runs spec files over a copy of the library with `edits` made to it; gives mocha's exit code, or a signal. */
async function runOver(
  edits: readonly Edit[],
  caughtBy: readonly string[],
): Promise<{ ended: number | string; output: string }> {
  const copy = await editedCopy(edits);
  try {
    const args = [
      '--import=tsx',
      '--expose-gc',
      join('spec', 'broken', 'run.ts'),
      ...caughtBy.map((name) => join(top, 'spec', `${name}.spec.ts`)),
    ];
    const child = spawn(process.execPath, args, {
      cwd: top,
      // Where something is to be found, the random runs go on until it is.
      env: { ...process.env, ZLEASE_LIB: copy, ...(edits.length > 0 ? { ZLEASE_RUNS: '15000' } : {}) },
    });
    const output = Promise.all([text(child.stdout), text(child.stderr)]);
    const hung = setTimeout(() => child.kill('SIGKILL'), 110_000);
    const [code, signal] = await once(child, 'exit');
    clearTimeout(hung);
    return { ended: signal ?? code, output: (await output).join('\n') };
  } finally {
    await rm(copy, { recursive: true });
  }
}

describe('The promise specs', function () {
  this.timeout(120_000);
  this.slow(60_000);

  for (const file of files) {
    it(`pass over an unbroken copy (${file})`, async () => {
      const { ended, output } = await runOver([], [file]);
      expect(ended, output).to.equal(0);
    });
  }

  for (const { name, caughtBy, edits } of variants) {
    for (const file of caughtBy) {
      it(`catch ${name} (${file})`, async () => {
        const { ended, output } = await runOver(edits, [file]);
        expect(ended, output).not.to.equal(0);
        // It ran and failed: neither a syntax error nor a missing file.
        expect(output).to.match(/[1-9]\d* failing|Check failed|SIG|Assertion/i);
      });
    }
  }
});

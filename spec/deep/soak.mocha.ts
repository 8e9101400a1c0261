/** A soak in short: it passes, and notices a library that is broken. */
import { execFile } from 'node:child_process';
import { rm } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import { editedCopy } from '../broken/copy.ts';
import { type Edit, type Variant, variants } from '../broken/variants.ts';
import { CHILD_TIMEOUT_MS, loader, TEST_TIMEOUT_MS } from '../support/script.ts';
import { seed } from '../support/seed.ts';

const script = fileURLToPath(new URL('../soak/main.ts', import.meta.url));

/** A soak over a broken library ends with its first wrong result, after seconds, or it hangs. */
const BROKEN_TIMEOUT_MS = 60_000;

interface Summary {
  code: number;
  good: number;
  failed: number;
  aborted: number;
  problems: string[];
}

async function soak(jobs: number, edits: readonly Edit[] = []): Promise<Summary> {
  const lib = await editedCopy(edits);
  try {
    const args = [...loader, script, '--jobs', String(jobs), '--seed', String(seed)];
    return await new Promise((resolve) => {
      execFile(
        process.execPath,
        args,
        { env: { ...process.env, SPEC_LIB: lib }, timeout: edits.length > 0 ? BROKEN_TIMEOUT_MS : CHILD_TIMEOUT_MS },
        (error, stdout) => {
          // A broken library may hang, or end the process by an assertion of Node. Either leaves no summary.
          const summary = stdout.trim().split('\n').at(-1) || '{"problems":["the process ended without a summary"]}';
          resolve({ ...JSON.parse(summary), code: error === null ? 0 : 1 });
        },
      );
    });
  } finally {
    await rm(lib, { recursive: true });
  }
}

describe('A soak', function () {
  this.timeout(TEST_TIMEOUT_MS);
  this.slow(30_000);

  it(`loses and crosses nothing (seed ${seed})`, async () => {
    const { code, problems, good, failed, aborted } = await soak(4_000);
    expect(problems).to.deep.equal([]);
    expect(code).to.equal(0);
    expect(Math.min(good, failed, aborted)).to.be.above(0);
  });

  for (const name of ['P5: a skipped reset', 'P5: one shelf for all kinds of engines']) {
    // It ends with the first wrong result.
    it(`notices ${name} (seed ${seed})`, async () => {
      const variant = variants.find((one) => one.name === name) as Variant;
      const { code, problems } = await soak(20_000, variant.edits);
      expect(problems).not.to.deep.equal([]);
      expect(code).to.equal(1);
    });
  }
});

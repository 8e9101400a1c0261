/** No path through the public names aborts the process: each is tried in a process of its own. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { provocations } from '../support/provoke.ts';
import { CHILD_TIMEOUT_MS, loader, TEST_TIMEOUT_MS } from '../support/script.ts';

const run = promisify(execFile);
const script = fileURLToPath(new URL('../support/provoke.ts', import.meta.url));

describe('No abort', function () {
  this.timeout(TEST_TIMEOUT_MS);
  this.slow(10_000);

  for (const engine of ['native', 'public']) {
    for (const name of Object.keys(provocations).filter((name) => name !== 'keeps writing')) {
      it(`comes of somebody who ${name} (${engine})`, async () => {
        // Rejects for an exit code that is not 0, and for a signal.
        const { stdout } = await run(process.execPath, [...loader, '--expose-gc', script, name, engine], {
          timeout: CHILD_TIMEOUT_MS,
        });
        expect(stdout.trim()).to.match(/^survived/);
      });
    }
  }
});

/** Memory that runs out, in a process of its own: a message fails, and the process goes on. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { engines } from '../support/library.ts';
import { loader } from '../support/script.ts';

const run = promisify(execFile);
const script = fileURLToPath(new URL('../support/out-of-memory.ts', import.meta.url));

describe('A message without memory', () => {
  // prlimit is of Linux.
  for (const way of process.platform === 'linux' ? ['decompress', 'decompressSync'] : []) {
    for (const engine of engines) {
      it(`fails with ERR_BUFFER_TOO_LARGE where there is none for all of it in one piece (${way}, ${engine})`, async () => {
        const { stdout } = await run(process.execPath, [...loader, script, way, engine]);
        const last = stdout.trim().split('\n').at(-1) as string;
        expect(JSON.parse(last)).to.deep.equal({ code: 'ERR_BUFFER_TOO_LARGE', after: 'hello', leased: 0 });
      });
    }
  }
});

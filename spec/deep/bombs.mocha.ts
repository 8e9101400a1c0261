/** Bombs on every road to an engine: stopped at the limit, in bounded memory, while others are served. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { constants, gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { engines } from '../support/library.ts';
import { compress, formats } from '../support/samples.ts';
import { CHILD_TIMEOUT_MS, loader, TEST_TIMEOUT_MS } from '../support/script.ts';

const run = promisify(execFile);
const script = fileURLToPath(new URL('../support/bombs.ts', import.meta.url));
// V8's nursery of a fixed size: on Node 26 it grows to 64 MB by itself.
const flags = [...loader, '--expose-gc', '--min-semi-space-size=8', '--max-semi-space-size=8'];
const MB = 2 ** 20;

interface Seen {
  name: string;
  format: string;
  expected: string;
  code: string;
  length: number;
  made: number;
}

/** No limit here lets more than this through, and no step makes more than a slab. */
const MOST = 4 * MB + 262_144;

describe('A bomb', function () {
  this.timeout(TEST_TIMEOUT_MS);
  this.slow(60_000);

  let folder = '';

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zlease-bombs-'));
    const zeros = Buffer.alloc(128 * MB);
    for (const format of formats) {
      // Brotli's best would take minutes.
      const options = format === 'br' ? { params: { [constants.BROTLI_PARAM_QUALITY]: 1 } } : {};
      await writeFile(join(folder, `${format} of 128 MB`), compress(format, zeros, options as never));
    }
    const member = gzipSync(zeros.subarray(0, 1_000_000), { level: 9 });
    const all = Buffer.concat(Array.from({ length: 10_000 }, () => member));
    await writeFile(join(folder, 'gzip of 10 GB in members'), all);
  });

  after(() => rm(folder, { recursive: true }));

  for (const engine of engines) {
    for (const road of ['stream', 'message', 'message at once', 'HTTP', 'nested', 'grpc']) {
      it(`is stopped at the limit, in little memory, while others are served (${road}, ${engine})`, async () => {
        const { stdout } = await run(process.execPath, [...flags, script, road, engine, folder], {
          timeout: CHILD_TIMEOUT_MS,
        });
        const { seen, served, grown } = JSON.parse(stdout.trim().split('\n').at(-1) as string) as {
          seen: Seen[];
          served: number;
          grown: number;
        };
        if (process.env.SPEC_SHOW !== undefined) console.log(road, engine, grown / MB, served, seen);
        expect(seen.length).to.be.at.least(5);
        expect(served).to.be.at.least(seen.length);
        for (const { name, format, expected, code, length, made } of seen) {
          expect(code, `${name}, ${format}`).to.equal(expected);
          expect(length).to.be.at.most(MOST);
          // In nested bombs the outer layer's output counts too.
          expect(made, `${name}, ${format}, ${expected}`).to.be.at.most(road === 'nested' ? 4 * MOST : MOST);
        }
        expect(grown).to.be.below(64 * MB);
      });
    }
  }
});

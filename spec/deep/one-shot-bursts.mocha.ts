/** Memory of node:zlib's functions under `install()`, beside those of node:zlib: many messages at once, many open streams. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { CHILD_TIMEOUT_MS, loader, TEST_TIMEOUT_MS } from '../support/script.ts';

const run = promisify(execFile);
const script = fileURLToPath(new URL('../support/one-shot-burst.ts', import.meta.url));

async function peakOf(who: 'stock' | 'pooled', what: string, count: number): Promise<number> {
  const args = [...loader, '--expose-gc', script, who, what, String(count)];
  const { stdout } = await run(process.execPath, args, { timeout: CHILD_TIMEOUT_MS });
  if (process.env.SPEC_SHOW !== undefined) console.log(who, what, count, stdout);
  const { right, peak } = JSON.parse(stdout.trim().split('\n').at(-1) as string);
  expect(right).to.equal(count);
  return peak;
}

describe('Under install(), the memory', function () {
  this.timeout(4 * TEST_TIMEOUT_MS);
  this.slow(60_000);

  it('of 20,000 calls of gzip() at once is at most 0.05 of that of node:zlib', async () => {
    // node:zlib makes an engine for each: 4.8 GB for all of them. A quarter of the calls takes a quarter.
    const stock = 4 * (await peakOf('stock', 'gzip', 5_000));
    expect((await peakOf('pooled', 'gzip', 20_000)) / stock).to.be.below(0.05);
  });

  it('of 20,000 calls of gunzip() at once is at most 0.25 of that of node:zlib', async () => {
    const stock = await peakOf('stock', 'gunzip', 20_000);
    expect((await peakOf('pooled', 'gunzip', 20_000)) / stock).to.be.below(0.25);
  });

  it('of 1,000 idle streams of createGzip() is no more than that of node:zlib', async () => {
    expect(await peakOf('pooled', 'idle', 1_000)).to.be.below(await peakOf('stock', 'idle', 1_000));
  });

  it('of 1,000 written streams of createGzip() is that of node:zlib, to 5 %: the encoders take nearly all of it', async () => {
    expect((await peakOf('pooled', 'written', 1_000)) / (await peakOf('stock', 'written', 1_000))).to.be.below(1.05);
  });
});

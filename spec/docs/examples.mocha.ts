/** The examples run, as processes of their own. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { TEST_TIMEOUT_MS } from '../support/script.ts';

const run = promisify(execFile);
const top = fileURLToPath(new URL('../..', import.meta.url));

async function pair(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return run(process.execPath, ['--import=tsx', join(top, 'examples/grpc-pair/main.ts'), ...args], { cwd: top });
}

interface Run {
  job: string;
  variant: string;
  calls: number;
  messages: number;
  engines: number;
  leased: number;
  digestsMatch: boolean;
  refusals: string[];
}

describe('examples/grpc-pair', function () {
  this.timeout(TEST_TIMEOUT_MS);
  this.slow(20_000);

  it('does each job with node:zlib and on the pool, verified, and one damaged upload fails alone', async () => {
    const { stdout } = await pair('--json', '--messages', '200');
    const { node, atATime, digestsMatch, runs } = JSON.parse(stdout.trim().split('\n').at(-1) as string);
    expect({ node, atATime, digestsMatch }).to.deep.equal({ node: process.version, atATime: 16, digestsMatch: true });
    const done = (runs as Run[]).map(({ job, variant }) => `${job}, ${variant}`);
    const jobs = ['JSON records', 'lines of text', 'uploads of files'];
    expect(done).to.deep.equal(jobs.flatMap((job) => [`${job}, node:zlib`, `${job}, zlease`]));
    for (const { job, variant, messages, engines, leased, refusals, ...rest } of runs as Run[]) {
      expect(rest.digestsMatch).to.equal(true);
      expect(leased).to.equal(0);
      const isUpload = job.startsWith('uploads');
      if (!isUpload) expect(messages).to.equal(200);
      expect(refusals).to.have.length(isUpload ? 1 : 0);
      // Client and server compress and decompress each message and each reply.
      if (variant === 'zlease') expect(engines).to.be.below(150);
      else if (!isUpload) expect(engines).to.equal(800);
    }
  });

  it('draws the result for people, on files of theirs, and says why the damaged upload was refused', async () => {
    const { stdout } = await pair('--at-a-time', '3', '--messages', '50', 'package.json');
    expect(stdout).to.match(/^lines of text: 50 messages in 3 calls/m);
    expect(stdout).to.match(/^ {2}node:zlib +█.* [\d,]+\/s +[\d,]+ µs +\d+ MB +200$/m);
    expect(stdout).to.match(/^ {2}zlease +█.* [\d,]+\/s +[\d,]+ µs +\d+ MB +\d+$/m);
    expect(stdout).to.match(/^ +[\d.]+ times as fast, [\d.]+ of the CPU time$/m);
    expect(stdout).to.match(/^All digests match\.$/m);
    // The damage may leave data that has no end.
    expect(stdout).to.match(/^The damaged upload alone was refused: status 13, Z_(DATA|BUF)_ERROR/m);
    expect(stdout).to.match(/^Engines still leased: 0\.$/m);
    for (const line of stdout.split('\n')) expect(line.length, line).to.be.at.most(100);
  });

  it('does one half alone', async () => {
    const { stdout } = await pair('--json', '--only', 'zlease', '--messages', '20', 'package.json');
    const { runs } = JSON.parse(stdout.trim().split('\n').at(-1) as string);
    expect((runs as Run[]).map(({ variant }) => variant)).to.deep.equal(['zlease', 'zlease']);
  });

  it('names a file that it can not read', async () => {
    const failure = await pair('no-such-file').catch((error: { code: number; stderr: string }) => error);
    expect(failure).to.have.property('code', 1);
    expect(failure.stderr).to.match(/^grpc-pair: ENOENT/m);
  });
});

describe('The examples in pairs', function () {
  this.timeout(TEST_TIMEOUT_MS);
  this.slow(10_000);

  for (const name of ['grpc-records', 'grpc-gateway']) {
    it(`come to the same, stock and pooled (${name})`, async () => {
      const [stock, pooled] = await Promise.all(
        ['stock', 'pooled'].map((half) =>
          run(process.execPath, ['--import=tsx', join(top, `examples/${name}/${half}.ts`)], { cwd: top }),
        ),
      );
      expect(stock?.stdout).to.match(/^1000 (records|messages, 1189000 bytes)\n$/);
      expect(pooled?.stdout).to.equal(`${stock?.stdout}1 engine made, 999 times used again, 0 still out\n`);
    });
  }

  it('come to the same, stock and pooled (connect)', async () => {
    const [stock, pooled] = await Promise.all(
      ['stock', 'pooled'].map((half) =>
        run(process.execPath, ['--import=tsx', join(top, `examples/connect/${half}.ts`)], { cwd: top }),
      ),
    );
    expect(stock?.stdout).to.match(/as sent: true\nConnectError: \[resource_exhausted\].*\n$/);
    expect(pooled?.stdout.startsWith(stock?.stdout as string)).to.equal(true);
    expect(pooled?.stdout).to.match(/leased .* 0 /);
  });
});

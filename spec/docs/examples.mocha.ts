/** The examples run, as processes of their own. */
import { execFile } from 'node:child_process';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { TEST_TIMEOUT_MS } from '../support/script.ts';

const run = promisify(execFile);
const top = fileURLToPath(new URL('../..', import.meta.url));

async function upload(...args: string[]): Promise<{ stdout: string; stderr: string }> {
  return run(process.execPath, ['--import=tsx', join(top, 'examples/grpc-upload/main.ts'), ...args], { cwd: top });
}

describe('examples/grpc-upload', function () {
  this.timeout(TEST_TIMEOUT_MS);
  this.slow(10_000);

  it('uploads files in many calls at a time, verified, and one damaged upload fails alone', async () => {
    const { stdout } = await upload('--json', '--part-length', '2000', 'package-lock.json', 'README.md');
    const result = JSON.parse(stdout.trim().split('\n').at(-1) as string);
    expect(Object.keys(result)).to.deep.equal([
      'calls',
      'messages',
      'bytesIn',
      'bytesOut',
      'digestsMatch',
      'seconds',
      'pool',
    ]);
    expect(result.digestsMatch).to.equal(true);
    expect(result.calls).to.be.above(20);
    expect(result.pool).to.include({ leased: 0, leaked: 0, failed: 1, discarded: 0 });
    expect(result.pool.created).to.be.at.most(18);
  });

  it('prints a table for people, and the reason why the damaged upload was refused', async () => {
    const { stdout } = await upload('--at-a-time', '3', 'package.json');
    expect(stdout).to.match(/digests match\W+true/);
    expect(stdout).to.match(/damaged upload.*status 13, Z_DATA_ERROR/);
    expect(stdout).to.match(/throughput.*MB\/s/);
  });

  it('says what is wrong with a file', async () => {
    const failure = await upload('no-such-file').catch((error: { code: number; stderr: string }) => error);
    expect(failure).to.have.property('code', 1);
    expect(failure.stderr).to.match(/^grpc-upload: ENOENT/m);
  });

  it('does the same with node:zlib, and no pool', async () => {
    const { stdout } = await upload('--json', '--stock', '--at-a-time', '4', 'package-lock.json');
    const result = JSON.parse(stdout.trim().split('\n').at(-1) as string);
    expect(result).to.include({ digestsMatch: true });
    expect(result.pool.created).to.equal(0);
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

/** The package as it would be published: built, packed, installed, and used from ESM, CommonJS and TypeScript. */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);
const top = fileURLToPath(new URL('..', import.meta.url));
const tsc = join(top, 'node_modules/.bin/tsc');

const use = `const { gzipSync } = await import('node:zlib');
let text = '';
createGunzip().on('data', (chunk) => { text += chunk; }).on('end', () => console.log(text)).end(gzipSync('unpacked'));`;

describe('The package', function () {
  this.timeout(60_000);
  this.slow(20_000);
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zlease-package-'));
    await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: top });
    const [tarball] = await readdir(folder);
    await mkdir(join(folder, 'node_modules/zlease'), { recursive: true });
    await run('tar', ['-xzf', tarball as string, '-C', 'node_modules/zlease', '--strip-components=1'], { cwd: folder });
  });

  after(() => rm(folder, { recursive: true }));

  it('works by import', async () => {
    await writeFile(join(folder, 'use.mjs'), `import { createGunzip } from 'zlease';\n${use}`);
    const { stdout, stderr } = await run(process.execPath, ['use.mjs'], { cwd: folder });
    expect({ stdout, stderr }).to.deep.equal({ stdout: 'unpacked\n', stderr: '' });
  });

  it('works by require()', async () => {
    await writeFile(join(folder, 'use.cjs'), `const { createGunzip } = require('zlease');\n(async () => {${use}})();`);
    const { stdout } = await run(process.execPath, ['use.cjs'], { cwd: folder });
    expect(stdout).to.equal('unpacked\n');
  });

  it('has ./prometheus by import and by require(), for a prom-client that it does not look for itself', async () => {
    const collect = `const register = require(${JSON.stringify(join(top, 'node_modules/prom-client'))}).register;
collectPool(defaultPool, { register });
register.metrics().then((text) => console.log(/^zlease_engines_idle.*$/m.exec(text)[0]));`;
    await writeFile(
      join(folder, 'metrics.mjs'),
      `import { createRequire } from 'node:module';
import { defaultPool } from 'zlease';
import { collectPool } from 'zlease/prometheus';
const require = createRequire(import.meta.url);\n${collect}`,
    );
    await writeFile(
      join(folder, 'metrics.cjs'),
      `const { defaultPool } = require('zlease');\nconst { collectPool } = require('zlease/prometheus');\n${collect}`,
    );
    for (const script of ['metrics.mjs', 'metrics.cjs']) {
      const { stdout } = await run(process.execPath, [script], { cwd: folder });
      expect(stdout, script).to.equal('zlease_engines_idle{pool="default"} 0\n');
    }
  });

  it('has strict types, and nothing internal in them', async () => {
    await writeFile(
      join(folder, 'use.mts'),
      `import { type DecompressStream, type PoolStats, ZlibPool } from 'zlease';
import { collectPool, type PrometheusRegistry } from 'zlease/prometheus';
declare const register: PrometheusRegistry;
collectPool(new ZlibPool(), { register, name: 'typed' }) satisfies () => void;
// @ts-expect-error: it has to be told which registry
collectPool(new ZlibPool(), {});
await using pool: ZlibPool = new ZlibPool({ maxIdle: 3, inline: { turnLength: 0 } });
const stream: DecompressStream = pool.createInflate({ chunkSize: 100, maxOutputLength: 9 });
const stats: PoolStats = pool.stats;
// @ts-expect-error: not for users
pool.leaseKind;
// @ts-expect-error: no such option
new ZlibPool({ maxIdel: 3 });
stream.reset();
console.log(stats.leased satisfies number);
`,
    );
    const flags = [
      '--strict',
      '--noEmit',
      '--module',
      'nodenext',
      '--target',
      'es2022',
      '--lib',
      'es2023,esnext.disposable',
      '--types',
      'node',
    ];
    await run(tsc, [...flags, '--typeRoots', join(top, 'node_modules/@types'), 'use.mts'], { cwd: folder }).catch(
      (error) => {
        throw new Error(error.stdout);
      },
    );
  });

  it('holds what it needs, and neither specs nor sources', async () => {
    const files = (await readdir(join(folder, 'node_modules/zlease'), { recursive: true })).sort();
    expect(files).to.include.members([
      'LICENSE',
      'README.md',
      'CHANGELOG.md',
      'package.json',
      'dist/index.js',
      'dist/index.d.ts',
    ]);
    expect(files.filter((name) => /spec|examples|bench|^lib/.test(name))).to.deep.equal([]);
    const { dependencies = {} } = JSON.parse(await readFile(join(folder, 'node_modules/zlease/package.json'), 'utf8'));
    for (const name of Object.keys(dependencies)) expect(name).to.equal('through2');
  });
});

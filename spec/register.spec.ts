/** zlease/register, as users start it: built, in a process of its own, by each of the ways that Node has. */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);
const top = fileURLToPath(new URL('..', import.meta.url));
const major = Number.parseInt(process.versions.node, 10);

interface Seen {
  pooled: boolean;
  text: string;
  web: string;
  leases: number;
  evicted: number;
}

describe('zlease/register', function () {
  this.timeout(120_000);
  this.slow(5_000);
  let folder: string;
  let register: string;
  let script: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zlease-register-'));
    const dist = join(folder, 'dist');
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    await run(process.execPath, [
      join(top, 'node_modules/typescript/bin/tsc'),
      '-p',
      join(top, 'tsconfig.build.json'),
      '--outDir',
      dist,
    ]);
    register = join(dist, 'register.js');
    script = join(folder, 'app.js');
    await writeFile(
      script,
      `import { createGunzip, gzipSync } from 'node:zlib';
import { Worker, isMainThread, parentPort } from 'node:worker_threads';
import { DecompressStream, defaultPool } from ${JSON.stringify(pathToFileURL(join(dist, 'index.js')).href)};
const seen = { pooled: createGunzip() instanceof DecompressStream };
const chunks = [];
for await (const chunk of createGunzip().end(gzipSync('streamed'))) chunks.push(chunk);
seen.text = String(Buffer.concat(chunks));
const web = new DecompressionStream('gzip');
const writer = web.writable.getWriter();
writer.write(gzipSync('web')).catch(() => {});
writer.close().catch(() => {});
seen.web = '';
for await (const chunk of web.readable) seen.web += Buffer.from(chunk);
const { created, reused, evicted } = defaultPool.stats;
Object.assign(seen, { leases: created + reused, evicted });
if (!isMainThread) parentPort.postMessage(seen);
else if (process.argv[2] !== 'worker') console.log(JSON.stringify(seen));
else new Worker(new URL(import.meta.url)).on('message', (theirs) => console.log(JSON.stringify(theirs)));
`,
    );
  });

  after(() => rm(folder, { recursive: true }));

  async function start(
    flags: string[],
    args: string[] = [],
    env: NodeJS.ProcessEnv = {},
  ): Promise<Seen & { stderr: string }> {
    const { stdout, stderr } = await run(process.execPath, [...flags, script, ...args], {
      env: { ...process.env, NODE_OPTIONS: '', ...env },
    });
    return { ...JSON.parse(stdout), stderr };
  }

  const works = { pooled: true, text: 'streamed', web: 'web', leases: 2, evicted: 0 };
  const url = () => pathToFileURL(register).href;

  it('works as --import, without a word', async () => {
    expect(await start(['--import', url()])).to.deep.equal({ ...works, stderr: '' });
  });

  it('works as -r', async () => {
    expect(await start(['-r', register])).to.deep.equal({ ...works, stderr: '' });
  });

  it('works in NODE_OPTIONS', async () => {
    expect(await start([], [], { NODE_OPTIONS: `--import=${url()}` })).to.include(works);
  });

  it('works in worker threads', async () => {
    expect(await start(['--import', url()], ['worker'])).to.include(works);
    expect(await start(['-r', register], ['worker'])).to.include(works);
  });

  it('works under --frozen-intrinsics and --disable-proto=throw', async () => {
    expect(await start(['--frozen-intrinsics', '--import', url()])).to.include(works);
    expect(await start(['--disable-proto=throw', '--import', url()])).to.include(works);
    expect(await start(['--frozen-intrinsics', '--disable-proto=delete', '-r', register])).to.include(works);
  });

  it('works under the permission model', async () => {
    const flag = major === 20 ? '--experimental-permission' : '--permission';
    expect(await start([flag, `--allow-fs-read=${folder}/*`, '--import', url()])).to.include(works);
  });

  it('is off by ZLEASE=off', async () => {
    const seen = await start(['--import', url()], [], { ZLEASE: 'off' });
    expect(seen).to.include({ ...works, pooled: false, leases: 0, stderr: '' });
  });

  it('takes pool options from the environment, and starts no process on a bad one', async () => {
    expect(await start(['--import', url()], [], { ZLEASE_MAX_IDLE: '0' })).to.include({ ...works, evicted: 2 });
    for (const env of [{ ZLEASE: 'maybe' }, { ZLEASE_MAX_IDLE: 'many' }, { ZLEASE_ENGINE: 'steam' }]) {
      const error = await start(['--import', url()], [], env).then(
        () => undefined,
        (reason: { stderr: string }) => reason,
      );
      expect(error?.stderr)
        .to.include('ERR_INVALID_ARG_VALUE')
        .and.match(/ZLEASE|engine/);
    }
  });
});

/** zlease/register, as users start it: built, in a process of its own, by each of the ways that Node has. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { supportsSyncHooks } from 'import-in-the-middle/register-hooks.mjs';

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
  /** The same for `require()`. */
  let required: string;
  let script: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zlease-register-'));
    const dist = join(folder, 'dist');
    await writeFile(join(folder, 'package.json'), '{"type":"module"}');
    const lib = process.env.SPEC_LIB ?? join(top, 'lib');
    const project = join(folder, 'tsconfig.json');
    await writeFile(
      project,
      JSON.stringify({
        extends: join(top, 'tsconfig.build.json'),
        compilerOptions: { rootDir: lib, outDir: dist, typeRoots: [join(top, 'node_modules/@types')] },
        include: [lib],
        exclude: [join(lib, 'node_modules')],
      }),
    );
    await run(process.execPath, [join(top, 'node_modules/typescript/bin/tsc'), '-p', project]);
    await symlink(join(top, 'node_modules'), join(folder, 'node_modules'));
    register = join(dist, 'register.js');
    required = join(dist, 'register.cjs');
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

  const works = { pooled: true, text: 'streamed', web: 'web', leases: 4, evicted: 0 };
  const url = () => pathToFileURL(register).href;

  it('works as --import, without a word', async () => {
    expect(await start(['--import', url()])).to.deep.equal({ ...works, stderr: '' });
  });

  it('leaves the compressing half alone with ZLEASE=decompress, and all with ZLEASE=off', async () => {
    const code = `
import zlib from 'node:zlib';
import { CompressStream, DecompressStream, defaultPool } from ${JSON.stringify(pathToFileURL(join(dirname(register), 'index.js')).href)};
const is = [zlib.createGzip() instanceof CompressStream, zlib.createGunzip() instanceof DecompressStream];
const text = String(zlib.gunzipSync(zlib.gzipSync('x')));
const { created } = defaultPool.stats;
console.log(JSON.stringify({ is, text, created }));`;
    const seen = async (ZLEASE: string) => {
      const args = ['--import', url(), '--input-type=module', '-e', code];
      const { stdout } = await run(process.execPath, args, { env: { ...process.env, NODE_OPTIONS: '', ZLEASE } });
      return JSON.parse(stdout);
    };
    expect(await seen('')).to.deep.equal({ is: [true, true], text: 'x', created: 2 });
    expect(await seen('decompress')).to.deep.equal({ is: [false, true], text: 'x', created: 1 });
    expect(await seen('off')).to.deep.equal({ is: [false, false], text: 'x', created: 0 });
  });

  it('works as -r', async () => {
    expect(await start(['-r', required])).to.deep.equal({ ...works, stderr: '' });
  });

  it('works in NODE_OPTIONS', async () => {
    expect(await start([], [], { NODE_OPTIONS: `--import=${url()}` })).to.include(works);
  });

  it('works in worker threads', async () => {
    expect(await start(['--import', url()], ['worker'])).to.include(works);
    expect(await start(['-r', required], ['worker'])).to.include(works);
  });

  it('works under --frozen-intrinsics and --disable-proto=throw', async () => {
    expect(await start(['--frozen-intrinsics', '--import', url()])).to.include(works);
    expect(await start(['--disable-proto=throw', '--import', url()])).to.include(works);
    expect(await start(['--frozen-intrinsics', '--disable-proto=delete', '-r', required])).to.include(works);
  });

  it('works under the permission model', async () => {
    const flag = major === 20 ? '--experimental-permission' : '--permission';
    expect(await start([flag, `--allow-fs-read=${folder}/*`, '--import', url()])).to.include(works);
  });

  describe('with loader hooks that wrap every module', () => {
    const inTheMiddle = 'import-in-the-middle/hook.mjs';
    const ways: Record<string, { flag: string; hook: string }> = {
      'of module.register()': {
        flag: '--import',
        hook: `import { register } from 'node:module'; register('${inTheMiddle}', import.meta.url);`,
      },
      'of --experimental-loader': { flag: '--experimental-loader', hook: `export * from '${inTheMiddle}';` },
      ...(supportsSyncHooks() && {
        'of module.registerHooks()': {
          flag: '--import',
          hook: "import { register } from 'import-in-the-middle/register-hooks.mjs'; register();",
        },
      }),
    };

    for (const [name, { flag, hook }] of Object.entries(ways)) {
      it(`works before and after those ${name}`, async () => {
        const file = join(folder, `${name.replace(/\W/g, '')}.mjs`);
        await writeFile(file, hook);
        const hooks = ['--no-warnings', flag, pathToFileURL(file).href];
        const registers = [
          ['--import', url()],
          ['-r', required],
        ];
        for (const flags of registers) {
          expect(await start([...hooks, ...flags]), `hooks, then ${flags[0]}`).to.deep.equal({ ...works, stderr: '' });
          expect(await start([...flags, ...hooks]), `${flags[0]}, then hooks`).to.deep.equal({ ...works, stderr: '' });
        }
      });
    }

    it('has each module of the library reach node:zlib past them', async () => {
      const dist = dirname(register);
      for (const name of (await readdir(dist)).filter((file) => file.endsWith('.js'))) {
        expect(await readFile(join(dist, name), 'utf8'), name).not.to.match(/^(im|ex)port\b[^;(]*'node:zlib'/m);
      }
    });
  });

  it('leaves Node’s WebSocket an engine for each connection until it is collected, and names such streams to a waiter', async () => {
    const file = join(folder, 'websocket.js');
    await writeFile(
      file,
      `import zlib, { gzipSync } from 'node:zlib';
import { setTimeout as delay } from 'node:timers/promises';
import { WebSocketServer } from 'ws';
import { defaultPool } from ${JSON.stringify(pathToFileURL(join(dirname(register), 'index.js')).href)};
const made = [];
const { createInflateRaw } = zlib;
const keeping = (options) => {
  const stream = createInflateRaw(options);
  made.push(stream);
  return stream;
};
Object.defineProperty(zlib, 'createInflateRaw', { value: keeping });
const server = new WebSocketServer({ host: '127.0.0.1', port: 0, perMessageDeflate: { threshold: 0 } });
server.on('connection', (socket) => socket.send('hello '.repeat(100)));
await new Promise((resolve) => server.on('listening', resolve));
for (let i = 0; i < 3; i++) {
  const client = new WebSocket('ws://127.0.0.1:' + server.address().port);
  await new Promise((resolve) => {
    client.onclose = resolve;
    client.onmessage = () => client.close();
  });
}
const seen = { made: made.length };
await defaultPool.decompress(gzipSync('x'), 'gzip').catch(({ message }) => (seen.message = message));
made.length = 0;
while (defaultPool.stats.leased > 0) {
  gc();
  await delay(5);
}
seen.leaked = defaultPool.stats.leaked;
server.close();
console.log(JSON.stringify(seen));
`,
    );
    const flags = ['--expose-gc', ...(major === 20 ? ['--experimental-websocket', '--no-warnings'] : [])];
    const { stdout } = await run(process.execPath, [...flags, '--import', url(), file], {
      env: {
        ...process.env,
        NODE_OPTIONS: '',
        ZLEASE: 'decompress',
        ZLEASE_MAX_LEASED: '3',
        ZLEASE_LEASE_TIMEOUT_MS: '50',
      },
    });
    const { message, ...seen } = JSON.parse(stdout);
    expect(seen).to.deep.equal({ made: 3, leaked: 3 });
    expect(message).to.match(
      /leased 3 of 3, idle 0, waiting 1 of Infinity; streams that wait for input or a reader: 3$/,
    );
  });

  describe('beside the one-shot functions', () => {
    let program: string;

    /** Runs the program, and returns its exit code and both outputs. */
    async function outputs(env: NodeJS.ProcessEnv, how = 'plain', flags: string[] = []) {
      const child = run(process.execPath, [...flags, '--import', url(), program, how], {
        env: { ...process.env, NODE_OPTIONS: '', ...env },
      });
      return child.then(
        ({ stdout, stderr }) => ({ code: 0, stdout, stderr }),
        ({ code, stdout, stderr }: { code: number; stdout: string; stderr: string }) => ({ code, stdout, stderr }),
      );
    }

    before(async () => {
      program = join(folder, 'one-shots.js');
      await writeFile(
        program,
        `import zlib, { createInflate, deflateSync, gunzip, gzipSync } from 'node:zlib';
import { once } from 'node:events';
import { promisify } from 'node:util';
import { Worker, isMainThread } from 'node:worker_threads';
const [, , how] = process.argv;
for (const text of ['a', 'b', 'c']) zlib.gunzipSync(gzipSync(text));
await promisify(gunzip)(gzipSync('d'));
if (isMainThread) {
  await Promise.all(['e', 'f'].map((text) => once(createInflate().resume().end(deflateSync(text)), 'close')));
  await promisify(gunzip)(Buffer.from('bad data')).catch(() => {});
}
if (isMainThread && how === 'worker') await once(new Worker(new URL(import.meta.url)), 'exit');
if (isMainThread) console.log(zlib.gunzip === gunzip, zlib.gunzip.length);
if (how === 'exit') process.exit(3);
if (how === 'throw') throw new Error('of the program');
`,
      );
    });

    const table = `zlease
entry point    format   leases  engines made  reused
gzipSync       gzip          4             1       3
gunzipSync     gzip          3             1       2
gunzip         gzip          2             0       2
deflateSync    deflate       2             1       1
createInflate  deflate       2             2       0
peak leased 2, leased at exit 0, failed 1
`;

    it('prints a table at exit with ZLEASE_REPORT=1, and nothing without', async () => {
      expect(await outputs({ ZLEASE_REPORT: '1' })).to.deep.equal({ code: 0, stdout: 'true 3\n', stderr: table });
      for (const env of [{}, { ZLEASE_REPORT: '0' }, { ZLEASE_REPORT: '1', ZLEASE: 'off' }]) {
        expect(await outputs(env)).to.deep.equal({ code: 0, stdout: 'true 3\n', stderr: '' });
      }
    });

    it('has them give the bytes of node:zlib in a process that has compressed nothing before', async () => {
      const file = join(folder, 'bytes.js');
      await writeFile(
        file,
        `import zlib from 'node:zlib';
import { promisify } from 'node:util';
for (const name of ['gzip', 'deflate', 'deflateRaw', 'brotliCompress', 'zstdCompress'].filter((each) => each in zlib)) {
  for (const length of [0, 1_000, 300_000]) {
    const bytes = await promisify(zlib[name])(Buffer.alloc(length, 'ab'));
    console.log(name, length, bytes.toString('base64'));
  }
}
`,
      );
      const [plain, pooled] = await Promise.all(
        [[], ['--import', url()]].map(async (flags) => (await run(process.execPath, [...flags, file])).stdout),
      );
      expect(plain).to.match(/^gzip 0 H4/);
      expect(pooled).to.equal(plain);
    });

    it('prints the table once if the process ends by process.exit() or by an exception', async () => {
      expect(await outputs({ ZLEASE_REPORT: '1' }, 'exit')).to.deep.include({ code: 3, stderr: table });
      const { code, stderr } = await outputs({ ZLEASE_REPORT: '1' }, 'throw');
      expect(code).to.equal(1);
      expect(stderr).to.include('Error: of the program');
      expect(stderr.split(table)).to.have.length(2);
    });

    it('prints the table once with worker threads, without their leases', async () => {
      expect(await outputs({ ZLEASE_REPORT: '1' }, 'worker')).to.deep.include({ code: 0, stderr: table });
    });

    it('prints the table once if it is preloaded in both ways', async () => {
      const { stderr } = await outputs({ ZLEASE_REPORT: '1' }, 'plain', ['-r', required]);
      expect(stderr).to.equal(table);
    });

    it('says in the table that there was no lease', async () => {
      const { stderr } = await run(process.execPath, ['--import', url(), '-e', '0'], {
        env: { ...process.env, NODE_OPTIONS: '', ZLEASE_REPORT: '1' },
      });
      expect(stderr).to.equal('zlease\nno leases in the main thread\npeak leased 0, leased at exit 0, failed 0\n');
    });

    it('leaves the one-shot functions as they are with ZLEASE_ONE_SHOT=off', async () => {
      const { stdout, stderr } = await outputs({ ZLEASE_REPORT: '1', ZLEASE_ONE_SHOT: 'off' });
      expect(stdout).to.equal('true 3\n');
      expect(stderr).to.equal(`zlease
entry point    format   leases  engines made  reused
createInflate  deflate       2             2       0
peak leased 2, leased at exit 0, failed 0
`);
    });

    it('warns once of an unknown variable, also with worker threads', async () => {
      const { code, stderr } = await outputs({ ZLEASE_MAX_IDEL: '1', ZLEASE_MAX_IDLE: '1' }, 'worker');
      expect(code).to.equal(0);
      const [warning, ...more] = stderr.split('\n').filter((line) => /zlease/i.test(line));
      expect(warning).to.match(/\[ZLEASE_UNKNOWN_VARIABLE\] ZleaseWarning: .*\bZLEASE_MAX_IDEL\b/);
      expect(more).to.deep.equal([]);
      expect((await outputs({ ZLEASE_MAX_IDEL: '1' }, 'plain', ['--no-warnings'])).stderr).to.equal('');
    });

    it('leaves a frozen node:zlib as it is', async () => {
      const freeze = join(folder, 'freeze.mjs');
      await writeFile(freeze, "import zlib from 'node:zlib'; Object.freeze(zlib);");
      const { code, stderr } = await outputs({ ZLEASE_REPORT: '1' }, 'plain', ['--import', pathToFileURL(freeze).href]);
      expect(code).to.equal(0);
      expect(stderr).to.include('no leases in the main thread');
    });
  });

  it('is off by ZLEASE=off', async () => {
    const seen = await start(['--import', url()], [], { ZLEASE: 'off' });
    expect(seen).to.include({ ...works, pooled: false, leases: 0, stderr: '' });
  });

  it('takes pool options from the environment, and starts no process on a bad one', async () => {
    expect(await start(['--import', url()], [], { ZLEASE_MAX_IDLE: '0' })).to.include({ ...works, evicted: 4 });
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

/** The package as it would be published: built, packed, installed by npm, and used from ESM, CommonJS, TypeScript and a bundle. */
import { execFile } from 'node:child_process';
import { cp, mkdir, mkdtemp, readdir, readFile, rm, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { transform } from 'esbuild';
import { bundled, checks, lengthOf, MAX_TARBALL_LENGTH, type Manifest, manifestOf } from '../support/packed.ts';
import { TEST_TIMEOUT_MS } from '../support/script.ts';
import { type Use, uses } from '../support/subpath-uses.ts';

const run = promisify(execFile);
const top = fileURLToPath(new URL('../..', import.meta.url));
const tsc = join(top, 'node_modules/.bin/tsc');
const { exports: subpaths } = await manifestOf(top);

/** How each kind of project gets a module, and where its code stands. */
const projects = {
  ESM: {
    type: 'module',
    head: (name: string) => `
      import stream from 'node:stream';
      import zlib from 'node:zlib';
      import * as it from '${name}';`,
    json: (name: string) => `
      import it from '${name}' with { type: 'json' };`,
    extension: 'mts',
  },
  CommonJS: {
    type: 'commonjs',
    head: (name: string) => `
      const stream = require('node:stream');
      const zlib = require('node:zlib');
      const it = require('${name}');`,
    json: (name: string) => `
      const it = require('${name}');`,
    extension: 'cts',
  },
} as const;

/** As TypeScript writes CommonJS. */
const typedHead = {
  ESM: projects.ESM.head,
  CommonJS: (name: string) => `
    import stream = require('node:stream');
    import zlib = require('node:zlib');
    import it = require('${name}');`,
};

function script(head: string, code: string): string {
  return `${head}\nasync function main() {${code}\n}\nmain();\n`;
}

describe('The package', function () {
  this.timeout(TEST_TIMEOUT_MS);
  this.slow(20_000);
  let folder: string;
  let tarball: string;

  /** Installs the package, as anybody would, in a project that has nothing else. */
  async function project(name: string, manifest: object): Promise<string> {
    const place = join(folder, name);
    await mkdir(place);
    await writeFile(join(place, 'package.json'), JSON.stringify({ private: true, ...manifest }));
    const options = ['--prefer-offline', '--no-audit', '--no-fund', '--silent'];
    await run('npm', ['install', ...options, tarball], { cwd: place });
    return place;
  }

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zlease-package-'));
    // `npm pack` builds: in a copy, because specs beside this one read what is built.
    const source = join(folder, 'source');
    await mkdir(source);
    for (const name of [
      'lib',
      'package.json',
      'tsconfig.json',
      'tsconfig.build.json',
      'README.md',
      'CHANGELOG.md',
      'LICENSE',
    ]) {
      await cp(join(top, name), join(source, name), { recursive: true });
    }
    await symlink(join(top, 'node_modules'), join(source, 'node_modules'));
    await run('npm', ['pack', '--silent', '--pack-destination', folder], { cwd: source });
    const name = (await readdir(folder)).find((file) => file.endsWith('.tgz'));
    tarball = join(folder, name as string);
  });

  after(() => rm(folder, { recursive: true }));

  it('has a use for each of its subpaths', () => {
    for (const subpath of Object.keys(subpaths)) {
      expect(uses, `exports has ${subpath}: show how it is used in spec/support/subpath-uses.ts`).to.have.property(
        subpath,
      );
    }
    expect(Object.keys(uses), 'a use of what is not exported').to.have.members(Object.keys(subpaths));
  });

  for (const [kind, { type, head, json }] of Object.entries(projects)) {
    describe(`in a project of ${kind}`, () => {
      let place: string;

      before(async () => {
        place = await project(kind, { type });
      });

      it('brings through2 with it, and no optional peer', async () => {
        const installed = await readdir(join(place, 'node_modules'));
        expect(installed).to.include.members(['zlease', 'through2']);
        const { peerDependencies = {} } = await manifestOf(join(place, 'node_modules/zlease'));
        for (const peer of Object.keys(peerDependencies)) expect(installed).not.to.include(peer.split('/')[0]);
      });

      for (const [subpath, use] of Object.entries(uses)) {
        it(`has ${subpath}`, async () => {
          const name = subpath.replace('.', 'zlease');
          const file = join(place, 'use.js');
          const source = script((subpath.endsWith('.json') ? json : head)(name), use.code);
          // Its types off, for Node.
          await writeFile(
            file,
            (
              await transform(source, {
                loader: 'ts',

                tsconfigRaw: { compilerOptions: { verbatimModuleSyntax: true } },
              })
            ).code,
          );
          const undo = await withPeers(place, use);
          try {
            const { stdout } = await run(process.execPath, ['use.js'], { cwd: place });
            expect(stdout.trimEnd()).to.equal(use.prints);
          } finally {
            await undo();
          }
        });
      }

      if (kind === 'ESM') {
        it('runs README’s first code, which decompresses a file', async () => {
          const readme = await readFile(join(top, 'README.md'), 'utf8');
          const [, code] = /^```ts\n(.*?)^```/ms.exec(readme) ?? [];
          await writeFile(join(place, 'first.mjs'), code as string);
          await writeFile(join(place, 'access.log.gz'), gzipSync('GET / 200\n'));
          await run(process.execPath, ['first.mjs'], { cwd: place });
          expect(await readFile(join(place, 'access.log'), 'utf8')).to.equal('GET / 200\n');
        });
      }

      it('is preloaded', async () => {
        const flag = kind === 'ESM' ? '--import' : '-r';
        // Its streams have node:zlib's class: the pool's numbers tell.
        await writeFile(
          join(place, 'app.cjs'),
          `const zlib = require('node:zlib');
           zlib.createGunzip().resume().on('close', () => console.log(require('zlease').defaultPool.stats.created)).end(zlib.gzipSync('x'));`,
        );
        for (const [ZLEASE, created] of [
          ['on', '2'],
          ['decompress', '1'],
          ['off', '0'],
        ]) {
          const { stdout } = await run(process.execPath, [flag, 'zlease/register', 'app.cjs'], {
            cwd: place,
            env: { ...process.env, ZLEASE },
          });
          expect(stdout.trim(), `ZLEASE=${ZLEASE}`).to.equal(created);
        }
      });
    });
  }

  describe('in a project of yarn with Plug’n’Play', () => {
    let place: string;
    let yarn: (...args: string[]) => Promise<{ stdout: string }>;

    before(async () => {
      const tool = join(folder, 'yarn');
      const options = ['--prefer-offline', '--no-audit', '--no-fund', '--silent', '--prefix', tool];
      await run('npm', ['install', ...options, '@yarnpkg/cli-dist@4']);
      const { stdout: registry } = await run('npm', ['config', 'get', 'registry']);
      const env = {
        ...process.env,
        YARN_NPM_REGISTRY_SERVER: registry.trim(),
        YARN_ENABLE_TELEMETRY: '0',
        YARN_ENABLE_GLOBAL_CACHE: '0',
        YARN_ENABLE_IMMUTABLE_INSTALLS: '0',
        YARN_NODE_LINKER: 'pnp',
      };
      place = join(folder, 'pnp');
      yarn = (...args) =>
        run(process.execPath, [join(tool, 'node_modules/@yarnpkg/cli-dist/bin/yarn.js'), ...args], { cwd: place, env });
      await mkdir(place);
      await writeFile(
        join(place, 'package.json'),
        JSON.stringify({ private: true, dependencies: { zlease: `file:${tarball}` } }),
      );
      // A project of its own, whatever is above the folder.
      await writeFile(join(place, 'yarn.lock'), '');
      await yarn('install');
      const told = "on('close', () => console.log(defaultPool.stats.created)).end(gzipSync('x'));";
      await writeFile(
        join(place, 'app.cjs'),
        `const { createGunzip, gzipSync } = require('node:zlib');
         const { defaultPool } = require('zlease');
         createGunzip().resume().${told}`,
      );
      await writeFile(
        join(place, 'app.mjs'),
        `import { createGunzip, gzipSync } from 'node:zlib';
         import { defaultPool } from 'zlease';
         createGunzip().resume().${told}`,
      );
    });

    for (const flag of ['-r', '--import']) {
      for (const app of ['app.cjs', 'app.mjs']) {
        it(`is preloaded by ${flag} before ${app}`, async () => {
          const { stdout } = await yarn('node', flag, 'zlease/register', app);
          // An engine for each direction.
          expect(stdout).to.equal('2\n');
        });
      }
    }
  });

  describe('in a project of TypeScript', () => {
    let place: string;

    before(async () => {
      place = await project('TypeScript', {});
      await symlink(join(top, 'node_modules/@types'), join(place, 'node_modules/@types'));
      for (const use of Object.values(uses)) await withPeers(place, use);
    });

    /** Compiles, under the strictest of settings. @returns the lines that are wrong */
    async function compile(files: string[]): Promise<string[]> {
      const compilerOptions = {
        strict: true,
        noEmit: true,
        module: 'nodenext',
        target: 'es2022',
        lib: ['es2023', 'esnext.disposable'],
        types: ['node'],
        resolveJsonModule: true,
        exactOptionalPropertyTypes: true,
        noUncheckedIndexedAccess: true,
        skipLibCheck: false,
      };
      await writeFile(join(place, 'tsconfig.json'), JSON.stringify({ compilerOptions, files }));
      const { stdout } = await run(tsc, ['-p', '.', '--pretty', 'false'], { cwd: place }).catch(
        (error) => error as { stdout: string },
      );
      // Not what is wrong in somebody else's.
      return String(stdout)
        .split('\n')
        .filter((line) => /error TS/.test(line) && !line.startsWith('../'));
    }

    for (const [kind, { extension, json }] of Object.entries(projects)) {
      it(`has types for each subpath, by ${extension === 'mts' ? 'import' : 'import = require()'}`, async () => {
        const files: string[] = [];
        for (const [i, [subpath, { code }]] of Object.entries(uses).entries()) {
          const name = subpath.replace('.', 'zlease');
          const isJson = subpath.endsWith('.json');
          const header = typedHead[kind as keyof typeof typedHead];
          const file = `use${i}.${extension}`;
          const typed = isJson ? (kind === 'ESM' ? json(name) : `import it = require('${name}');`) : header(name);
          await writeFile(join(place, file), script(typed, code));
          files.push(file);
        }
        expect(await compile(files)).to.deep.equal([]);
      });
    }

    it('has types that refuse what is wrong, and have nothing internal in them', async () => {
      const files: string[] = [];
      for (const [i, [subpath, { code, refused = [] }]] of Object.entries(uses).entries()) {
        for (const [j, line] of refused.entries()) {
          const file = `wrong${i}-${j}.mts`;
          await writeFile(
            join(place, file),
            script(projects.ESM.head(subpath.replace('.', 'zlease')), `${code}\n${line}`),
          );
          files.push(file);
        }
      }
      const errors = await compile(files);
      for (const file of files) {
        const [error] = errors.filter((line) => line.startsWith(`${file}(`));
        expect(error, await readFile(join(place, file), 'utf8')).to.be.a('string');
      }
    });
  });

  describe('as it is packed', () => {
    let packed: string;

    before(async () => {
      packed = await unpack('whole');
    });

    async function unpack(name: string): Promise<string> {
      const place = join(folder, name, 'node_modules/zlease');
      await mkdir(place, { recursive: true });
      await run('tar', ['-xzf', tarball, '-C', place, '--strip-components=1']);
      return place;
    }

    for (const [name, check] of Object.entries(checks)) {
      it(`has nothing wrong: ${name}`, async () => {
        expect(await check(packed)).to.deep.equal([]);
      });
    }

    it('is a small download', async () => {
      expect(await lengthOf(tarball)).to.be.within(50_000, MAX_TARBALL_LENGTH);
    });

    it('shows TypeScript in a stack, where Node is told to', async () => {
      const file = join(dirname(dirname(packed)), 'throws.mjs');
      await writeFile(file, "import { ZlibPool } from 'zlease'; new ZlibPool({ maxIdle: -1 });");
      const { stderr } = await run(process.execPath, ['--enable-source-maps', file]).catch(
        (error) => error as { stderr: string },
      );
      expect(stderr).to.match(/lib\/pool\/options\.ts:\d+/);
    });

    it('runs from a bundle', async () => {
      const file = join(folder, 'bundle.mjs');
      const code = "import { defaultPool } from 'zlease'; import zlib from 'node:zlib';\n";
      const use = "console.log(String(defaultPool.decompressSync(zlib.gzipSync('unpacked'), 'gzip')));";
      await writeFile(file, await bundled(packed, code + use));
      const { stdout } = await run(process.execPath, [file]);
      expect(stdout).to.equal('unpacked\n');
    });

    /** Mistakes in a package, and the check that finds them. */
    type Mistake = readonly [what: string, check: string, make: (manifest: Manifest, place: string) => unknown];
    const remove = (name: string) => (_: Manifest, place: string) => rm(join(place, name));
    const add = (name: string) => (_: Manifest, place: string) =>
      mkdir(dirname(join(place, name)), { recursive: true }).then(() => writeFile(join(place, name), 'export {};\n'));
    const edit = (name: string, from: string, to: string) => async (_: Manifest, place: string) => {
      const text = await readFile(join(place, name), 'utf8');
      expect(text).to.include(from);
      await writeFile(join(place, name), text.replace(from, to));
    };
    const mistakes: readonly Mistake[] = [
      ['a subpath without its module', 'publint', remove('dist/grpc.js')],
      ['a subpath without its module', 'exports', remove('dist/grpc.js')],
      ['a subpath without its types', 'attw', remove('dist/grpc.d.ts')],
      [
        'a subpath that nothing was built for',
        'exports',
        ({ exports }) =>
          Object.assign(exports, { './ghost': { types: './dist/ghost.d.ts', default: './dist/ghost.js' } }),
      ],
      [
        'types behind the module',
        'publint',
        ({ exports }) => Object.assign(exports, { '.': { default: './dist/index.js', types: './dist/index.d.ts' } }),
      ],
      [
        'a module for import alone',
        'exports',
        ({ exports }) => Object.assign(exports, { '.': { types: './dist/index.d.ts', import: './dist/index.js' } }),
      ],
      [
        'a module for import alone',
        'attw',
        ({ exports }) =>
          Object.assign(exports, { '.': { import: { types: './dist/index.d.ts', default: './dist/index.js' } } }),
      ],
      ['types of another module', 'attw', edit('dist/connect.d.ts', "/node-zlib/pool.ts'", "/node-zlib/pooled.ts'")],
      ['CommonJS by type', 'publint', (manifest) => Reflect.deleteProperty(manifest, 'type')],
      ['no LICENSE', 'files', remove('LICENSE')],
      ['no CHANGELOG', 'files', remove('CHANGELOG.md')],
      ['specs', 'files', add('spec/pool.spec.ts')],
      ['sources', 'files', add('lib/pool/pool.ts')],
      ['a benchmark', 'files', add('bench/main.ts')],
      ['a built spec', 'files', add('dist/support/library.js')],
      ['a dependency more', 'dependencies', (manifest) => Object.assign(manifest.dependencies ?? {}, { chai: '*' })],
      ['no dependency', 'dependencies', (manifest) => Reflect.deleteProperty(manifest, 'dependencies')],
      [
        'a peer that all have to install',
        'dependencies',
        ({ peerDependenciesMeta = {} }) => Reflect.deleteProperty(peerDependenciesMeta, 'prom-client'),
      ],
      [
        'an import of what is not installed',
        'dependencies',
        edit('dist/pool/pool.js', 'import ', "import 'p-limit';\nimport "),
      ],
      [
        'types of what is not installed',
        'dependencies',
        edit('dist/pool/pool.d.ts', 'import ', "import type { Limit } from 'p-limit';\nimport "),
      ],
      [
        'a module of Node without node:',
        'dependencies',
        edit('dist/pool/pool.js', 'import ', "import 'zlib';\nimport "),
      ],
      ['a map that is missing', 'source maps', remove('dist/pool/pool.js.map')],
      ['a map without sources', 'source maps', edit('dist/pool/pool.js.map', '"sourcesContent"', '"noContent"')],
      ['a map of the types', 'source maps', add('dist/pool/pool.d.ts.map')],
      ['no side effects at all', 'side effects', (manifest) => Object.assign(manifest, { sideEffects: false })],
      ['side effects everywhere', 'side effects', (manifest) => Reflect.deleteProperty(manifest, 'sideEffects')],
      [
        'side effects of another file',
        'side effects',
        (manifest) => Object.assign(manifest, { sideEffects: ['./dist/registers.js'] }),
      ],
      [
        'a pool that installs itself',
        'side effects',
        edit('dist/index.js', 'export ', "import './register.js';\nexport "),
      ],
      [
        'a pool that brings gRPC',
        'side effects',
        edit(
          'dist/pool/pool.js',
          'import ',
          "import { messageBytes } from '../grpc.js';\nglobalThis.messageBytes = messageBytes;\nimport ",
        ),
      ],
      [
        'an archive that Node 20 can’t require from',
        'metadata',
        (manifest) => Reflect.deleteProperty(manifest, 'preferUnplugged'),
      ],
      ['no module for -r', 'exports', remove('dist/register.cjs')],
      ['a Node without require(esm)', 'metadata', (manifest) => Object.assign(manifest, { engines: { node: '>=18' } })],
      ['no licence', 'metadata', (manifest) => Reflect.deleteProperty(manifest, 'license')],
      [
        'a script at install',
        'metadata',
        (manifest) => Object.assign(manifest, { scripts: { postinstall: 'node dist/index.js' } }),
      ],
    ];

    for (const [i, [what, by, make]] of mistakes.entries()) {
      it(`is found wrong with ${what}: ${by}`, async () => {
        const place = join(folder, `broken-${i}`, 'node_modules/zlease');
        await cp(packed, place, { recursive: true });
        const manifest = await manifestOf(place);
        await make(manifest, place);
        await writeFile(join(place, 'package.json'), JSON.stringify(manifest));
        expect(await checks[by]?.(place)).to.have.lengthOf.above(0);
      });
    }
  });
});

/** Puts the peers of a use where `place` has its modules. @returns takes them away again */
async function withPeers(place: string, { peers = [] }: Use): Promise<() => Promise<void>> {
  const links = peers.map((peer) => join(place, 'node_modules', peer));
  for (const [i, link] of links.entries()) {
    await mkdir(dirname(link), { recursive: true });
    await symlink(join(top, 'node_modules', peers[i] as string), link);
  }
  return async () => {
    for (const link of links) await rm(link);
  };
}

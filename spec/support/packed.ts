/**
 * What can be wrong with the package, one function each: it takes the folder of an unpacked package, and gives what it finds wrong. The
 * package spec runs each over the package, where it finds nothing, and over broken copies, where it does.
 */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, open, readdir, readFile, rm, stat } from 'node:fs/promises';
import { builtinModules } from 'node:module';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { build } from 'esbuild';
import { publint } from 'publint';
import { formatMessage } from 'publint/utils';

const run = promisify(execFile);
const top: string = fileURLToPath(new URL('../..', import.meta.url));

/** Nested where a subpath has a module of its own for `require()`. */
interface Conditions {
  [condition: string]: string | Conditions;
}

export interface Manifest {
  exports: Record<string, string | Conditions>;
  dependencies?: Record<string, string>;
  peerDependencies?: Record<string, string>;
  peerDependenciesMeta?: Record<string, { optional?: boolean }>;
  scripts?: Record<string, string>;
  [field: string]: unknown;
}

export async function manifestOf(folder: string): Promise<Manifest> {
  return JSON.parse(await readFile(join(folder, 'package.json'), 'utf8')) as Manifest;
}

async function filesOf(folder: string): Promise<string[]> {
  const entries = await readdir(folder, { recursive: true, withFileTypes: true });
  return entries
    .filter((entry) => entry.isFile())
    .map(({ parentPath, name }) => join(parentPath, name).slice(folder.length + 1))
    .sort();
}

/** All that publint has to say, suggestions too. */
async function byPublint(folder: string): Promise<string[]> {
  const { messages, pkg } = await publint({ pkgDir: folder, pack: false, strict: true });
  return messages.map((message) => `${message.code}: ${formatMessage(message, pkg)}`);
}

/**
 * Are the types wrong? The profile leaves out resolution as before `exports` (node10), which can't see subpaths; Node from 12.17 on, and every
 * TypeScript with `moduleResolution` node16, nodenext or bundler, can. One rule is ignored: that `require()` finds ESM was an error until Node had
 * `require(esm)`, and `engines` has no Node without it.
 */
async function byAttw(folder: string): Promise<string[]> {
  const place = await mkdtemp(join(tmpdir(), 'zlease-attw-'));
  try {
    const tarball = join(place, 'package.tgz');
    // As npm does, all below one folder.
    await run('tar', ['-czf', tarball, '-C', dirname(folder), folder.slice(dirname(folder).length + 1)]);
    const attw = join(top, 'node_modules/@arethetypeswrong/cli/dist/index.js');
    const options = ['--profile', 'node16', '--ignore-rules', 'cjs-resolves-to-esm', '--no-definitely-typed'];
    // To a file: it ends by `process.exit()`, and would take along what a pipe has not taken by then.
    const answer = await open(join(place, 'answer.json'), 'w+');
    try {
      const child = spawn(process.execPath, [attw, tarball, ...options, '--format', 'json'], {
        cwd: place,
        stdio: ['ignore', answer.fd, 'inherit'],
      });
      const [code] = await once(child, 'exit');
      // It ends well unless there is a problem that counts; what it lists are all.
      if (code === 0) return [];
      const { problems } = JSON.parse(await readFile(join(place, 'answer.json'), 'utf8')) as { problems: object };
      return Object.keys(problems);
    } finally {
      await answer.close();
    }
  } finally {
    await rm(place, { recursive: true });
  }
}

/** A tarball is downloaded by everybody who installs. Two thirds are source maps, with their sources. */
export const MAX_TARBALL_LENGTH = 260_000;

const WANTED = ['CHANGELOG.md', 'LICENSE', 'README.md', 'package.json'];
const BUILT =
  /^dist\/((?:(?:driver|engine|framing|grpc|http|node-zlib|observe|pool|schedule|streams)\/)?[a-z-]+\.(js|js\.map|d\.ts)|register\.(cjs|cjs\.map|d\.cts))$/;

async function byFiles(folder: string): Promise<string[]> {
  const files = await filesOf(folder);
  return [
    ...WANTED.filter((name) => !files.includes(name)).map((name) => `${name} is missing`),
    ...files.filter((name) => !WANTED.includes(name) && !BUILT.test(name)).map((name) => `${name} is too much`),
  ];
}

/** The subpath that is another file for `require()`: loader hooks have a thread in which ES modules can't be required. */
const PRELOADED = './register';

/** Every subpath has its types, which come first, and a module, for import and require() alike. */
async function byExports(folder: string): Promise<string[]> {
  const { exports } = await manifestOf(folder);
  const files = await filesOf(folder);
  const problems: string[] = [];
  for (const [subpath, target] of Object.entries(exports)) {
    if (subpath === './package.json' && target === subpath) continue;
    const name = subpath === '.' ? 'index' : subpath.slice(2);
    const wanted: Conditions = { types: `./dist/${name}.d.ts`, default: `./dist/${name}.js` };
    const required: Conditions = { types: `./dist/${name}.d.cts`, default: `./dist/${name}.cjs` };
    const expected = subpath === PRELOADED ? { require: required, default: wanted } : wanted;
    // As text, because the order counts.
    if (JSON.stringify(target) !== JSON.stringify(expected)) problems.push(`${subpath} is ${JSON.stringify(target)}`);
    const built = subpath === PRELOADED ? ['.d.ts', '.js', '.d.cts', '.cjs'] : ['.d.ts', '.js'];
    for (const suffix of built) {
      if (!files.includes(`dist/${name}${suffix}`)) problems.push(`${subpath} has no dist/${name}${suffix}`);
    }
  }
  return problems;
}

const IMPORT =
  /^\s*(?:import|export)\s[^'"`;]*?from\s*['"]([^'"]+)['"]|^\s*import\s*['"]([^'"]+)['"]|\bimport\(['"]([^'"]+)['"]\)/gm;

/** What the built files import, by the file; no files of our own. */
async function imported(folder: string): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const name of (await filesOf(folder)).filter((file) => /\.(c?js|d\.c?ts)$/.test(file))) {
    for (const [, a, b, c] of (await readFile(join(folder, name), 'utf8')).matchAll(IMPORT)) {
      const specifier = (a ?? b ?? c) as string;
      if (!specifier.startsWith('.')) found.set(specifier, name);
    }
  }
  return found;
}

/** through2 alone is installed with it. What else is imported is Node's, or an optional peer. */
async function byDependencies(folder: string): Promise<string[]> {
  const manifest = await manifestOf(folder);
  const { dependencies = {}, peerDependencies = {}, peerDependenciesMeta = {} } = manifest;
  const problems: string[] = [];
  if (Object.keys(dependencies).join() !== 'through2') problems.push(`depends on ${Object.keys(dependencies).join()}`);
  for (const field of ['optionalDependencies', 'bundleDependencies', 'bundledDependencies']) {
    if (field in manifest) problems.push(`has ${field}`);
  }
  for (const peer of new Set([...Object.keys(peerDependencies), ...Object.keys(peerDependenciesMeta)])) {
    if (peerDependenciesMeta[peer]?.optional !== true) problems.push(`the peer ${peer} is not optional`);
    if (peerDependencies[peer] === undefined) problems.push(`the peer ${peer} has no range`);
  }
  const packages = new Set<string>();
  for (const [specifier, file] of await imported(folder)) {
    if (specifier.startsWith('node:')) continue;
    const name = specifier.split('/', specifier.startsWith('@') ? 2 : 1).join('/');
    packages.add(name);
    if (builtinModules.includes(name)) problems.push(`${file} imports ${name} without node:`);
    else if (!(name in dependencies) && !(name in peerDependencies)) problems.push(`${file} imports ${name}`);
  }
  for (const name of Object.keys(dependencies)) if (!packages.has(name)) problems.push(`${name} is not imported`);
  return problems;
}

/** Debuggers and `--enable-source-maps` show the TypeScript: the maps carry it, because lib/ is not in the package. */
async function bySourceMaps(folder: string): Promise<string[]> {
  const problems: string[] = [];
  const files = await filesOf(folder);
  for (const name of files.filter((file) => /\.c?js$/.test(file))) {
    const map = `${name}.map`;
    const comment = /\n\/\/# sourceMappingURL=(.*)\s*$/.exec(await readFile(join(folder, name), 'utf8'))?.[1];
    if (join(dirname(name), String(comment)) !== map || !files.includes(map)) {
      problems.push(`${name} has no map`);
      continue;
    }
    const { sources, sourcesContent } = JSON.parse(await readFile(join(folder, map), 'utf8')) as {
      sources: string[];
      sourcesContent?: string[];
    };
    for (const [i, source] of sources.entries()) {
      const original = await readFile(join(top, 'lib', source.replace(/^(\.\.\/)+lib\//, '')), 'utf8');
      if (sourcesContent?.[i] !== original) problems.push(`${map} does not carry ${source}`);
    }
  }
  for (const name of files.filter((file) => /\.d\.c?ts\.map$/.test(file))) problems.push(`${name} leads nowhere`);
  return problems;
}

/** What is left of `code` when it is bundled together with the package, which is in a `node_modules`. */
export async function bundled(folder: string, code: string): Promise<string> {
  const { outputFiles } = await build({
    stdin: { contents: code, resolveDir: dirname(dirname(folder)) },
    bundle: true,
    write: false,
    platform: 'node',
    format: 'esm',
    logLevel: 'silent',
    external: ['through2', '@connectrpc/connect', 'prom-client'],
  });
  const [output] = outputFiles;
  return String(output?.text).replace(/^\/\/.*\n/gm, '');
}

/** A bundler drops what is imported and not used, and keeps the import that is there for what it does. */
async function bySideEffects(folder: string): Promise<string[]> {
  const problems: string[] = [];
  const { exports } = await manifestOf(folder);
  for (const subpath of Object.keys(exports).filter((name) => name !== './package.json')) {
    const name = subpath.replace('.', 'zlease');
    try {
      const left = (await bundled(folder, `import '${name}';`)).trim();
      if (subpath === PRELOADED && !left.includes('registered')) problems.push(`a bundler drops ${name}`);
      if (subpath !== PRELOADED && left !== '')
        problems.push(`a bundler keeps ${left.length} characters of ${name}, unused`);
    } catch (error) {
      problems.push((error as Error).message);
    }
  }
  if (problems.length > 0) return problems;
  const used = await bundled(folder, "import { createGunzip } from 'zlease'; console.log(createGunzip);");
  if (used.includes('registered(process')) problems.push('a bundle of zlease has zlease/register in it');
  if (used.includes('through2')) problems.push('a bundle of zlease has zlease/grpc in it');
  return problems;
}

/** Who maintains it, and where, is for whoever publishes it to say; nothing runs at install. */
async function byMetadata(folder: string): Promise<string[]> {
  const manifest = await manifestOf(folder);
  const problems: string[] = [];
  const wanted: Record<string, RegExp> = {
    name: /^zlease$/,
    version: /^\d+\.\d+\.\d+(-[\w.]+)?$/,
    description: /^.{40,200}$/,
    license: /^MIT$/,
    type: /^module$/,
  };
  for (const [field, pattern] of Object.entries(wanted)) {
    if (!pattern.test(String(manifest[field]))) problems.push(`${field} is ${String(manifest[field])}`);
  }
  const {
    engines,
    keywords,
    scripts = {},
  } = manifest as Manifest & { engines?: { node?: string }; keywords?: string[] };
  // The first Nodes whose require() takes ESM without a flag: all that is said of CommonJS stands on it.
  if (engines?.node !== '^20.19 || >=22.12') problems.push(`engines.node is ${engines?.node}`);
  // yarn keeps packages in archives, of which Node's own loader of ES modules knows nothing.
  if (manifest.preferUnplugged !== true) problems.push('yarn does not unpack it');
  if (!(keywords !== undefined && keywords.length >= 5)) problems.push('nobody finds it without keywords');
  for (const script of ['preinstall', 'install', 'postinstall', 'prepare']) {
    if (script in scripts) problems.push(`runs ${script} at its user's`);
  }
  if (!/^MIT License\n/.test(await readFile(join(folder, 'LICENSE'), 'utf8').catch(() => ''))) {
    problems.push('LICENSE is not that of package.json');
  }
  return problems;
}

export const checks: Readonly<Record<string, (folder: string) => Promise<string[]>>> = {
  publint: byPublint,
  attw: byAttw,
  files: byFiles,
  exports: byExports,
  dependencies: byDependencies,
  'source maps': bySourceMaps,
  'side effects': bySideEffects,
  metadata: byMetadata,
};

/** How long the tarball is, in bytes. */
export async function lengthOf(tarball: string): Promise<number> {
  return (await stat(tarball)).size;
}

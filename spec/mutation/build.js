/**
 * Compiles lib/, spec/ and the files that they import to JavaScript in `.mutation/`. Each mutant has a
 * process of its own. With tsx, and with packages of many files, most of its time would be its start.
 */
import { mkdir, writeFile } from 'node:fs/promises';
import { dirname, join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { build } from 'esbuild';

/** Folder of the compiled files, in Stryker's copy of the project. */
export const COMPILED = '.mutation';

/** Name of a TypeScript file: a relative path, or a path below the folder of the library. */
const named = /(["`])((?:\.{1,2}|\$\{folder\})\/[^"`\n]*)\.ts(?=["`?])/g;

/** Entry points that no spec of a mutant needs, and that take long to load. */
const unused = /await import\(`\$\{folder\}\/(?:connect|grpc|http|prometheus)\.js`\)/g;

/** Packages that the specs load, each of many files. */
const packages = ['chai', 'fast-check', 'mocha'];

/** For CommonJS within a bundle. */
const banner = `import { createRequire as requireFrom } from 'node:module';
import { dirname as dirnameOf } from 'node:path';
import { fileURLToPath as pathOf } from 'node:url';
const require = requireFrom(import.meta.url);
const __filename = pathOf(import.meta.url);
const __dirname = dirnameOf(__filename);`;

async function compile() {
  const { outputFiles } = await build({
    entryPoints: ['lib/**/*.ts', 'spec/**/*.ts', 'bench/**/*.ts', 'examples/**/*.ts'],
    outbase: '.',
    outdir: COMPILED,
    format: 'esm',
    target: 'node20',
    write: false,
  });
  for (const { path, text } of outputFiles) {
    await mkdir(dirname(path), { recursive: true });
    await writeFile(path, text.replace(named, '$1$2.js').replace(unused, '{}'));
  }
}

/** Bundles a package to one file, which Node finds before the package itself. */
async function bundle(name) {
  const folder = join(COMPILED, 'node_modules', name);
  const hasDefault = 'default' in (await import(name));
  await build({
    stdin: {
      contents: `export * from '${name}';${hasDefault ? `export { default } from '${name}';` : ''}`,
      resolveDir: '.',
    },
    bundle: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    banner: { js: banner },
    outfile: join(folder, 'index.mjs'),
  });
  await writeFile(join(folder, 'package.json'), '{"exports":"./index.mjs"}');
}

if (fileURLToPath(import.meta.url) === process.argv[1]) {
  await compile();
  for (const name of packages) await bundle(name);
}

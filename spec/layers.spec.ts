/** The layers of lib/, as CONTRIBUTING.md lists them from the top down: each file is in one, and no import goes up. */
import { readdirSync, readFileSync } from 'node:fs';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';

const top = fileURLToPath(new URL('..', import.meta.url));
const lib = join(top, 'lib');

/** Files of lib/ and the files that each of them imports, by their paths in lib/. Types count: a type is known to its reader too. */
type Imports = ReadonlyMap<string, readonly string[]>;

interface Layer {
  /** The folder; '.' for the top level of lib/. */
  folder: string;
  files: readonly string[];
}

const IMPORT = /\b(?:from|import)\s*\(?\s*'(\.[^']+)'/g;

function importsOf(source: string, file: string): string[] {
  return [...source.matchAll(IMPORT)].map(([, path]) => normalize(join(dirname(file), path as string)));
}

function importsOfLib(): Imports {
  const files = readdirSync(lib, { recursive: true, encoding: 'utf8' }).filter((file) => /\.c?ts$/.test(file));
  return new Map(files.map((file) => [file, importsOf(readFileSync(join(lib, file), 'utf8'), file)]));
}

/** The rows of the table of layers: the folder and the files in it. */
function layersOf(text: string): Layer[] {
  const [, table = ''] = /^\| layer +\| files .*\n\|[ -|]+\n((?:\|.*\n)+)/m.exec(text) ?? [];
  return [...table.matchAll(/^\| *`lib\/([\w-]*)\/?`[^|]*\|([^|]*)\|/gm)].map(([, folder, files]) => ({
    folder: folder || '.',
    files: [...(files as string).matchAll(/`([\w-]+)`/g)].map(([, name]) => name as string),
  }));
}

function problemsOf(layers: readonly Layer[], imports: Imports): string[] {
  const found: string[] = [];
  const placeOf = (file: string): number =>
    layers.findIndex(
      ({ folder, files }) =>
        folder === dirname(file) && files.includes(file.slice(file.lastIndexOf('/') + 1, file.indexOf('.'))),
    );
  for (const { folder, files } of layers) {
    for (const name of files) {
      if (!imports.has(join(folder, `${name}.ts`))) found.push(`there is no lib/${join(folder, name)}.ts`);
    }
  }
  for (const [file, all] of imports) {
    const place = placeOf(file);
    if (place === -1) found.push(`${file} is in no layer`);
    for (const other of all) {
      if (placeOf(other) < place) found.push(`${file} imports ${other}, which is above it`);
    }
  }
  return found;
}

describe('The layers of lib/', () => {
  const layers = layersOf(readFileSync(join(top, 'CONTRIBUTING.md'), 'utf8'));
  const imports = importsOfLib();

  it('hold each file once, and no import goes up', () => {
    expect(imports.size).to.be.above(40);
    expect(layers.length).to.be.above(8);
    expect(problemsOf(layers, imports)).to.deep.equal([]);
    const names = layers.flatMap(({ folder, files }) => files.map((name) => join(folder, name)));
    expect(names).to.have.lengthOf(new Set(names).size);
  });

  it('begin with the subpaths of the package, and nothing else but what every layer may use is beside them', () => {
    const { exports } = JSON.parse(readFileSync(join(top, 'package.json'), 'utf8')) as { exports: object };
    const subpaths = Object.keys(exports).filter((path) => path !== './package.json');
    const names = subpaths.map((path) => (path === '.' ? 'index' : path.slice(2)));
    const [first, last] = [layers[0], layers.at(-1)] as [Layer, Layer];
    expect([first.folder, ...first.files]).to.have.members(['.', ...names]);
    expect(last).to.deep.equal({ folder: '.', files: ['errors', 'validate'] });
  });

  it('have files of 250 lines at most, unless their first comment gives the reason', () => {
    for (const file of imports.keys()) {
      const source = readFileSync(join(lib, file), 'utf8');
      const comment = source.slice(0, source.indexOf('*/'));
      if (!/ lines/.test(comment)) expect(source.split('\n').length, file).to.be.at.most(251);
    }
  });

  const mistakes: ReadonlyArray<readonly [what: string, file: string, source: string, problem: string]> = [
    [
      'an import that goes up',
      'pool/lease.ts',
      "import { Driver } from '../streams/message.ts';",
      'pool/lease.ts imports',
    ],
    [
      'a type that goes up',
      'engine/native.ts',
      "import type { Pool } from '../pool/pool.ts';",
      'engine/native.ts imports',
    ],
    ['an export that goes up', 'errors.ts', "export * from './grpc.ts';", 'errors.ts imports grpc.ts'],
    ['an import that goes up and is made later', 'errors.ts', "await import('./web.ts')", 'errors.ts imports web.ts'],
    ['a file without a layer', 'pool/manager.ts', '', 'pool/manager.ts is in no layer'],
    ['a folder without a layer', 'more/pool.ts', '', 'more/pool.ts is in no layer'],
  ];
  for (const [what, file, source, problem] of mistakes) {
    it(`would be found wrong with ${what}`, () => {
      const broken = new Map(imports).set(file, importsOf(source, file));
      expect(problemsOf(layers, broken).join('\n')).to.include(problem);
    });
  }

  it('would be found wrong with a file that is gone', () => {
    const fewer = new Map(imports);
    fewer.delete('pool/lease.ts');
    expect(problemsOf(layers, fewer).join('\n')).to.include('there is no lib/pool/lease.ts');
  });
});

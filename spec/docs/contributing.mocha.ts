/** The picture of lib/ in CONTRIBUTING.md is that of lib/. */
import { readdir, readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { readPage, top } from '../support/markdown.ts';

/** Each file of lib/, and what it imports: not types, which are gone when it runs. */
type Imports = ReadonlyMap<string, ReadonlySet<string>>;

interface Picture {
  /** By subgraph, from above. */
  layers: string[][];
  arrows: Array<[from: string, to: string]>;
  /** What this spec can't read. */
  problems: string[];
}

const IMPORT = /^(?:import|export)\s(?!type\b)(?:[^;]*?\sfrom\s)?'\.\/([\w-]+)\.ts'/gm;

async function importsOf(folder: string): Promise<Imports> {
  const imports = new Map<string, Set<string>>();
  for (const file of (await readdir(folder)).filter((name) => name.endsWith('.ts'))) {
    const source = await readFile(join(folder, file), 'utf8');
    imports.set(file.slice(0, -3), new Set([...source.matchAll(IMPORT)].map(([, name]) => name as string)));
  }
  return imports;
}

/** Of mermaid's flowcharts as much as is used: subgraphs of names, and arrows from a name to some. */
function pictureOf(code: string): Picture {
  const picture: Picture = { layers: [], arrows: [], problems: [] };
  const [head, ...lines] = code.trimEnd().split('\n');
  if (head !== 'flowchart TD') picture.problems.push(`begins with ${head}`);
  let isWithin = false;
  for (const line of lines.map((text) => text.trim())) {
    const arrow = /^([a-z-]+) --> ([a-z-]+(?: & [a-z-]+)*)$/.exec(line);
    if (/^subgraph [a-z ]+$/.test(line) && !isWithin) {
      picture.layers.push([]);
      isWithin = true;
    } else if (line === 'end' && isWithin) isWithin = false;
    else if (/^[a-z-]+$/.test(line) && isWithin) picture.layers.at(-1)?.push(line);
    else if (arrow !== null && !isWithin) {
      for (const to of (arrow[2] as string).split(' & ')) picture.arrows.push([arrow[1] as string, to]);
    } else picture.problems.push(`can't read: ${line}`);
  }
  if (isWithin) picture.problems.push('a subgraph without an end');
  return picture;
}

/** @param listed - the files that a table has instead */
function problemsOf(code: string, listed: readonly string[], imports: Imports): string[] {
  const { layers, arrows, problems } = pictureOf(code);
  const found = [...problems];
  const drawn = layers.flat();
  for (const name of [...drawn, ...listed]) if (!imports.has(name)) found.push(`there is no lib/${name}.ts`);
  for (const name of imports.keys()) {
    const times = [...drawn, ...listed].filter((other) => other === name).length;
    if (times !== 1) found.push(`${name} is told of ${times} times: it wants a place in the picture or in the table`);
  }
  const seen = new Set<string>();
  for (const [from, to] of arrows) {
    if (seen.has(`${from} ${to}`)) found.push(`two arrows from ${from} to ${to}`);
    seen.add(`${from} ${to}`);
    if (imports.get(from)?.has(to) !== true) found.push(`${from} does not import ${to}`);
    const [above, below] = [from, to].map((name) => layers.findIndex((layer) => layer.includes(name)));
    if ((above as number) < 0 || (below as number) < 0) found.push(`the arrow from ${from} to ${to} ends nowhere`);
    if ((above as number) > (below as number)) found.push(`${from} imports what is above it: ${to}`);
  }
  for (const from of drawn) {
    for (const to of imports.get(from) ?? []) {
      if (drawn.includes(to) && !seen.has(`${from} ${to}`))
        found.push(`no arrow from ${from} to ${to}, which it imports`);
    }
  }
  return found;
}

describe('CONTRIBUTING.md', () => {
  let code: string;
  let listed: string[];
  let imports: Imports;

  before(async () => {
    const { blocks } = await readPage('CONTRIBUTING.md');
    code = blocks.find(({ language }) => language === 'mermaid')?.code as string;
    const text = await readFile(join(top, 'CONTRIBUTING.md'), 'utf8');
    const [, table = ''] = /^\| file +\| what it is +\|\n(.*?)\n\n/ms.exec(text) ?? [];
    const cells = table.split('\n').map((line) => line.split('|')[1] as string);
    listed = cells.flatMap((cell) => [...cell.matchAll(/`([a-z-]+)`/g)].map(([, name]) => name as string));
    imports = await importsOf(join(top, 'lib'));
  });

  it('has each file of lib/ in its picture or in its table, and the imports of those in the picture, and no others', () => {
    expect(imports.size).to.be.above(20);
    expect(problemsOf(code, listed, imports)).to.deep.equal([]);
  });

  it('reads imports as Node does: types are none, names re-exported and bare imports are some', () => {
    expect([...(imports.get('lease') ?? [])]).to.deep.equal(['errors']);
    expect([...(imports.get('index') ?? [])])
      .to.include('lease')
      .and.not.include('origin');
    expect(
      [
        ...`import './install.ts';\nimport type { A } from './a.ts';\nimport {\n  b,\n} from './b.ts';\n`.matchAll(
          IMPORT,
        ),
      ].map(([, name]) => name),
    ).to.deep.equal(['install', 'b']);
  });

  it('says where an engine is released: in the last function of the stream, and in one method of a lease', async () => {
    const text = await readFile(join(top, 'CONTRIBUTING.md'), 'utf8');
    const [, name] = /is in `(\w+)`, at the end of/.exec(text) ?? [];
    const stream = await readFile(join(top, 'lib/decompress-stream.ts'), 'utf8');
    const last = stream.slice(stream.lastIndexOf('\nfunction '));
    expect(last)
      .to.match(new RegExp(`^\\nfunction ${name}\\(`))
      .and.include('lease.release()');
    const lease = await readFile(join(top, 'lib/lease.ts'), 'utf8');
    expect(lease.match(/#giveBack\(/g)).to.have.lengthOf(1);
    expect(lease).to.match(/#end\([^}]*#giveBack\(/s);
  });

  const mistakes: ReadonlyArray<readonly [what: string, from: string, to: string, problem: string]> = [
    ['an arrow that is no import', 'connect --> zlib', 'connect --> zlib & pool', 'connect does not import pool'],
    ['an import without an arrow', 'zlib --> stock-shape & ', 'zlib --> ', 'no arrow from zlib to stock-shape'],
    ['a file that is gone', '    wait-queue\n', '    wait-queue\n    queue\n', 'there is no lib/queue.ts'],
    ['a file that is left out', '    public-engine\n', '', 'public-engine is told of 0 times'],
    ['a file that is told of twice', '    lease\n', '    lease\n    errors\n', 'errors is told of 2 times'],
    ['an arrow twice', 'turn --> threadpool', 'turn --> threadpool\n  turn --> threadpool', 'two arrows from turn'],
    ['an arrow to what is not there', 'turn --> threadpool', 'turn --> threadpool & context', 'ends nowhere'],
    [
      'a file in two layers',
      '  subgraph ways in\n',
      '  subgraph below\n    zlib\n  end\n  subgraph ways in\n',
      'zlib is told of 2 times',
    ],
    ['an arrow of another kind', 'turn --> threadpool', 'turn -.-> threadpool', "can't read: turn -.->"],
    ['a subgraph in a subgraph', '    register\n', '    register\n  subgraph more\n', "can't read: subgraph more"],
    ['another diagram', 'flowchart TD', 'sequenceDiagram', 'begins with sequenceDiagram'],
  ];
  for (const [what, from, to, problem] of mistakes) {
    it(`would be found wrong with ${what}`, () => {
      expect(code).to.include(from);
      expect(problemsOf(code.replace(from, to), listed, imports).join('\n')).to.include(problem);
    });
  }

  it('would be found wrong with an import that goes up', () => {
    const upward = new Map(imports).set('lease', new Set(['pool']));
    const drawn = code.replace('turn --> threadpool', 'turn --> threadpool\n  lease --> pool');
    expect(
      problemsOf(
        drawn
          .replace('    pool\n', '')

          .replace('    register\n', '    register\n    pool\n'),
        listed,
        upward,
      ).join('\n'),
    ).to.include('lease imports what is above it: pool');
  });
});

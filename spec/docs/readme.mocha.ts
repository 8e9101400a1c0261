/** The code in README and docs does what is said of it, and what they point to is there. */
import { execFile } from 'node:child_process';
import { existsSync } from 'node:fs';
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { librarySettings } from '../support/example.ts';
import {
  type Block,
  commandsIn,
  pageFiles,
  parsePage,
  partsOf,
  problemsOf,
  readPage,
  top,
} from '../support/markdown.ts';
import { TEST_TIMEOUT_MS } from '../support/script.ts';

const run = promisify(execFile);
const pages = await Promise.all((await pageFiles()).map(readPage));
const all = pages.flatMap(({ file, blocks }) => blocks.map((block) => ({ ...block, at: `${file}:${block.line}` })));
const runnable = all.filter(({ language }) => /^(ts|js|cjs)$/.test(language));

/** What the comments behind `console.log` say that it prints. */
function promised(code: string): string[] {
  const lines: string[] = [];
  let isLog = false;
  for (const line of code.split('\n')) {
    isLog ||= line.includes('console.log(');
    const said = /\s\/\/ (.*)$/.exec(line)?.[1];
    if (isLog && said !== undefined) lines.push(said);
    // A call may go over several lines: its comment is behind the last.
    if (line.trimEnd().endsWith(';') || said !== undefined) isLog = false;
  }
  return lines;
}

/** In here, for the name zlease to be found. */
let folder: string;

async function printed({ language, code }: Pick<Block, 'language' | 'code'>): Promise<string[]> {
  const script = join(folder, `block.${language}`);
  await writeFile(script, code);
  const flags = ['--import=tsx', '--disable-warning=ExperimentalWarning'];
  const env = { ...process.env, ...(await librarySettings()) };
  const { stdout, stderr } = await run(process.execPath, [...flags, script], { cwd: folder, env });
  // What an example tells its operator is its own business; what Node warns of is not.
  expect(stderr).not.to.match(/^\(node:\d+\)/m);
  return stdout.split('\n').filter((line, i, lines) => i < lines.length - 1 || line !== '');
}

/** Whether this runs over a copy of the library: see support/library.ts. */
const isCopy = process.env.SPEC_LIB !== undefined;

/** `access.log.gz` holds it. */
const LOG = 'GET / 200\nGET /favicon.ico 404\n';

/** What `node --import zlease/register app.js` is said to do needs an app: this one tells whether the pool has served it. */
const APP = `
import zlib from 'node:zlib';
import { defaultPool } from 'zlease';
zlib.createGunzip().resume().on('close', () => console.log(defaultPool.stats.created)).end(zlib.gzipSync('unchanged'));
`;

describe('The documentation', () => {
  before(async () => {
    folder = await mkdtemp(join(top, 'spec', 'readme-'));
    // What code may read.
    await writeFile(join(folder, 'access.log.gz'), gzipSync(LOG));
  });

  after(() => rm(folder, { recursive: true }));

  for (const { at, ...block } of runnable) {
    it(`has code at ${at} that runs, and prints what it says`, async () => {
      expect(await printed(block)).to.deep.equal(promised(block.code));
    });
  }

  // The rest would be the same, and takes its time.
  if (isCopy) return;

  for (const page of pages) {
    it(`${page.file} points to what is there, and has only code that is checked`, async () => {
      expect(await problemsOf(page)).to.deep.equal([]);
    });
  }

  it('has TypeScript that is right under strict rules', async function () {
    this.timeout(TEST_TIMEOUT_MS);
    const files: string[] = [];
    for (const [i, { code }] of all.filter(({ language }) => language === 'ts').entries()) {
      const file = `typed${i}.ts`;
      await writeFile(join(folder, file), code);
      files.push(file);
    }
    expect(files).to.have.lengthOf.above(2);
    const config = { extends: '../../tsconfig.json', compilerOptions: { noUnusedLocals: false }, include: [], files };
    await writeFile(join(folder, 'tsconfig.json'), JSON.stringify(config));
    const tsc = join(top, 'node_modules/.bin/tsc');
    const found = await run(tsc, ['-p', folder, '--pretty', 'false'], { cwd: top }).catch((error) => error);
    const lines = String(found.stdout).split('\n').filter(Boolean);
    const named = lines.map((line) =>
      line.replace(/^\S*typed(\d+)\.ts/, (_, i) => all.filter(({ language }) => language === 'ts')[i]?.at as string),
    );
    expect(named).to.deep.equal([]);
  });

  for (const { at, code } of all.filter(({ language }) => language === 'sh')) {
    for (const command of commandsIn(code)) {
      const { environment, program, args } = partsOf(command);
      if (program !== 'node' || !command.join(' ').includes('zlease/register')) continue;
      it(`${at} has ${command.join(' ')}, which does what it says`, async () => {
        await writeFile(join(folder, args.at(-1) as string), APP);
        const env = { ...process.env, ...environment };
        const { stdout } = await run(program, args, { cwd: folder, env });
        // The application calls gzipSync() and createGunzip(). Each makes an engine, unless it is left alone.
        const { ZLEASE: value, ZLEASE_ONE_SHOT: oneShot } = environment;
        const made = value === 'off' ? 0 : value === 'decompress' || oneShot === 'off' ? 1 : 2;
        expect(stdout).to.equal(`${made}\n`);
      });
    }
  }

  it('README has the two commands for a fresh machine before all others', async () => {
    const first = all.find(({ at, language }) => at.startsWith('README.md') && language === 'sh');
    expect(first?.code).to.match(/^npm ci && npm start .*\nnpm ci && npm test .*\n$/);
  });

  it('README’s first code decompresses a file', async () => {
    const first = all.find(({ at, language }) => at.startsWith('README.md') && language === 'ts') as Block;
    await rm(join(folder, 'access.log'), { force: true });
    await printed(first);
    expect(await readFile(join(folder, 'access.log'), 'utf8')).to.equal(LOG);
  });

  it('README names each subpath of the package', async () => {
    const { exports } = JSON.parse(await readFile(join(top, 'package.json'), 'utf8')) as { exports: object };
    const { spans } = await readPage('README.md');
    const names = Object.keys(exports).filter((name) => name !== './package.json');
    expect(spans).to.include.members(names.map((name) => name.replace('.', 'zlease')));
  });

  it('README leads to each page, and shows the chart once it has been measured', async () => {
    const { links } = await readPage('README.md');
    const docs = pages
      .map(({ file }) => file)
      .filter((file) => /^docs\/[a-z-]+\.md$|^(CONTRIBUTING|CHANGELOG)\.md$/.test(file));
    expect(links).to.include.members([...docs, 'docs/api/README.md', 'examples/README.md']);
    const charts = ['light', 'dark'].map((theme) => `docs/charts/services-${theme}.svg`);
    if (charts.every((chart) => existsSync(join(top, chart)))) expect(links).to.include.members(charts);
  });

  const mistakes: ReadonlyArray<readonly [what: string, page: string, problem: RegExp]> = [
    ['a language that nobody checks', '```python\nimport zlib\n```', /nobody checks the language 'python'/],
    ['code without a language', '```\nls\n```', /nobody checks the language ''/],
    ['a block that is not closed', '```ts\n1;', /without an end/],
    ['a block in a list', '- so:\n  ```ts\n  1;\n  ```', /a fence that nobody checks/],
    ['a diagram of its own', '```mermaid\ngraph LR\n```', /a diagram that nobody checks/],
    ['TypeScript that is not run', '```typescript\n1;\n```', /nobody runs/],
    ['JSON that is none', "```json\n{ 'a': 1 }\n```", /JSON/],
    ['YAML that is none', '```yaml\na: [1\n```', /:/],
    ['a script that does not exist', '```sh\nnpm run tset\n```', /no script tset/],
    ['the second of two commands', '```sh\nnpm ci && npm run tset # so\n```', /no script tset/],
    ['a script in a line', 'Run `npm run fuss`.', /no script fuss/],
    ['a flag that the script does not have', 'Run `npm run fuzz -- --hours 5`.', /spec\/fuzz\/main.ts has no --hours/],
    ['a flag that mocha does not have', '`npm test -- --only x`', /mocha has no --only/],
    [
      'a search for a spec that is not there',
      '`npm test -- --grep "catch a mistake that nobody makes"`',
      /no spec has a mistake/,
    ],
    ['a flag that npm swallows', '`npm start --stock`', /npm keeps --stock/],
    ['a file that does not exist', '`npx tsx examples/nothing/main.ts`', /no examples\/nothing\/main.ts/],
    ['a flag of Node that does not exist', '`node --improt zlease/register app.js`', /node has no --improt/],
    ['a variable that does not exist', '```sh\nZLEASE_MAX_IDEL=3 node app.js\n```', /variable ZLEASE_MAX_IDEL/],
    ['a module that is not preloaded', '`node --import zlease/registre app.js`', /no module zlease\/registre/],
    [
      'a package of another name',
      '```sh\nnpm install ../zlease/zlease-0.0.9.tgz\n```',
      /npm install of ..\/zlease\/zlease-0.0.9/,
    ],
    ['a command that is not known', '```sh\nyarn\n```', /yarn is not known/],
    ['a code that no error has', 'It is `ERR_POOL_TIMED_OUT`.', /no code ERR_POOL_TIMED_OUT/],
    ['a link to nothing', '[so](docs/nothing.md)', /there is no docs\/nothing.md/],
    ['a picture that is not there', '<img src="docs/nothing.svg">', /there is no docs\/nothing.svg/],
    ['a heading that is not there', '[so](docs/errors.md#err_nothing)', /no heading docs\/errors.md#err_nothing/],
    ['a heading of its own that is not there', '# So\n[so](#soo)', /no heading #soo/],
    ['a link to this machine', '[so](file:///tmp)', /a link to file/],
  ];
  for (const [what, text, problem] of mistakes) {
    it(`would be found wrong with ${what}`, async () => {
      expect((await problemsOf(parsePage('README.md', text))).join('\n')).to.match(problem);
    });
  }

  it('may have links to headings, and to one of two that are alike', async () => {
    const text =
      '# So, `so()`: [it](x.md) is\n## A\n## A\n[a](#so-so-it-is) [b](#a-1) [c](docs/errors.md#err_lease_sealed)';
    const page = parsePage('README.md', text);
    page.links = page.links.filter((link) => link !== 'x.md');
    expect(await problemsOf(page)).to.deep.equal([]);
  });

  it('would be found wrong with code that prints something else, or fails', async () => {
    const code = "console.log(['a', 'b'].map((x) => x + 1).join()); // a1,b2\n";
    expect(promised(code)).to.deep.equal(['a1,b2']);
    expect(await printed({ language: 'ts', code })).to.deep.equal(['a1,b1']);
    const failed = await printed({ language: 'js', code: "throw new Error('failed');" }).catch((error) => error);
    expect(failed.message).to.include('failed');
    const silent = await printed({ language: 'js', code: '' });
    expect(silent).to.deep.equal([]);
  });
});

/** What is in a page of markdown, and what can be wrong with it that shows without running it. */
import { execFile } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { readdir, readFile } from 'node:fs/promises';
import { dirname, join, normalize } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { load } from 'js-yaml';
import { slug } from '../../docs/api.ts';
import { type ErrorCode, errorCodes } from '../../lib/errors.ts';
import { variableNames } from '../../lib/node-zlib/environment.ts';

const run = promisify(execFile);
export const top: string = fileURLToPath(new URL('../..', import.meta.url));

/** A block of code. */
export interface Block {
  language: string;
  code: string;
  /** Of its fence, from 1 on. */
  line: number;
}

export interface Page {
  /** From the top of the repository. */
  file: string;
  blocks: Block[];
  /** Of its headings: what a link may have behind its #. */
  anchors: Set<string>;
  links: string[];
  /** Code within lines. */
  spans: string[];
  problems: string[];
}

/** All pages that we write. */
export async function pageFiles(): Promise<string[]> {
  const files = (await readdir(top)).filter((name) => name.endsWith('.md'));
  for (const folder of ['docs', 'examples', 'bench', 'spec', 'lib']) {
    const names = await readdir(join(top, folder), { recursive: true });
    files.push(...names.filter((name) => name.endsWith('.md')).map((name) => join(folder, name)));
  }
  return files.sort();
}

export async function readPage(file: string): Promise<Page> {
  return parsePage(file, await readFile(join(top, file), 'utf8'));
}

export function parsePage(file: string, text: string): Page {
  const page: Page = { file, blocks: [], anchors: new Set(), links: [], spans: [], problems: [] };
  let block: Block | undefined;
  const prose: string[] = [];
  for (const [i, line] of text.split('\n').entries()) {
    const fence = /^(\s*)(```+|~~~+)(.*)$/.exec(line);
    if (block !== undefined) {
      if (line === '```') block = undefined;
      else block.code += `${line}\n`;
    } else if (fence !== null) {
      block = { language: (fence[3] as string).trim(), code: '', line: i + 1 };
      page.blocks.push(block);
      if (fence[1] !== '' || fence[2] !== '```') page.problems.push(`${file}:${i + 1}: a fence that nobody checks`);
    } else {
      prose.push(line);
      const heading = /^#{1,6} (.*)$/.exec(line)?.[1];
      if (heading !== undefined) addAnchor(page.anchors, slug(heading.replace(/\[([^\]]*)\]\([^)]*\)/g, '$1')));
    }
  }
  if (block !== undefined) page.problems.push(`${file}:${block.line}: a block without an end`);
  const inline = prose.join('\n').replace(/<!--.*?-->/gs, '');
  page.spans = [...inline.matchAll(/`([^`]+)`/g)].map(([, code]) => (code as string).replaceAll('\n', ' '));
  const linked = inline.replace(/`[^`]+`/g, '');
  page.links = [
    ...[...linked.matchAll(/\]\(([^)\s]+)\)/g)].map(([, link]) => link as string),
    ...[...linked.matchAll(/\b(?:src|srcset|href)="([^"\s]+)"/g)].map(([, link]) => link as string),
  ];
  return page;
}

/** The second heading of the same words has -1 behind it, as on GitHub. */
function addAnchor(anchors: Set<string>, anchor: string): void {
  let name = anchor;
  for (let i = 1; anchors.has(name); i++) name = `${anchor}-${i}`;
  anchors.add(name);
}

/** How each language is looked at; the spec that runs `run` and `shell` is readme.mocha.ts. A language that is not here goes unchecked, which is a problem. */
const languages = new Map<string, (block: Block, page: Page) => string[] | Promise<string[]>>([
  ['ts', () => []],
  ['js', () => []],
  ['cjs', () => []],
  ['sh', ({ code }) => commandsIn(code).flatMap((command) => commandProblems(command))],
  ['json', ({ code }) => thrown(() => JSON.parse(code))],
  ['yaml', ({ code }) => thrown(() => load(code))],
  // Of contributing.mocha.ts, which knows only one.
  ['mermaid', (_, { file }) => (file === 'CONTRIBUTING.md' ? [] : ['a diagram that nobody checks'])],
  // Signatures, which api.mocha.ts compares with lib/.
  ['typescript', (_, { file }) => (file.startsWith('docs/api/') ? [] : ['TypeScript that nobody runs: call it ts'])],
]);

function thrown(action: () => unknown): string[] {
  try {
    action();
    return [];
  } catch (error) {
    return [(error as Error).message];
  }
}

/** All that is wrong with a page. */
export async function problemsOf(page: Page): Promise<string[]> {
  const problems = [...page.problems];
  for (const block of page.blocks) {
    const look = languages.get(block.language);
    const found = look === undefined ? [`nobody checks the language '${block.language}'`] : await look(block, page);
    problems.push(...found.map((what) => `${page.file}:${block.line}: ${what}`));
  }
  for (const span of page.spans.filter((code) => /^(npm|npx|node) /.test(code))) {
    const found = commandsIn(span).flatMap((command) => commandProblems(command));
    problems.push(...found.map((what) => `${page.file}: ${span}: ${what}`));
  }
  for (const span of page.spans) {
    const code = /^ERR_[A-Z_]+[A-Z]$|^ABORT_ERR$/.exec(span)?.[0];
    if (code !== undefined && !isCode(code)) problems.push(`${page.file}: there is no code ${code}`);
  }
  for (const link of page.links) problems.push(...(await linkProblems(page, link)));
  return problems;
}

/** Of ours, or of Node's that are told of. */
function isCode(code: string): boolean {
  const stock = [
    'ERR_STREAM_DESTROYED',
    'ERR_STREAM_WRITE_AFTER_END',
    'ERR_STREAM_PREMATURE_CLOSE',
    'ERR_INTERNAL_ASSERTION',
    'ERR_ZLIB_INCOMPLETE_FRAME',
  ];
  return errorCodes.includes(code as ErrorCode) || stock.includes(code);
}

async function linkProblems(page: Page, link: string): Promise<string[]> {
  if (/^https:\/\//.test(link)) return [];
  if (/^[a-z]+:/.test(link)) return [`${page.file}: a link to ${link}`];
  const [path = '', anchor] = link.split('#');
  const file = path === '' ? page.file : normalize(join(dirname(page.file), path));
  if (!existsSync(join(top, file))) return [`${page.file}: there is no ${link}`];
  if (anchor === undefined) return [];
  const { anchors } = file === page.file ? page : await readPage(file);
  return anchors.has(anchor) ? [] : [`${page.file}: there is no heading ${link}`];
}

/** The commands of a shell, without comments. */
export function commandsIn(code: string): string[][] {
  return code
    .replaceAll('\\\n', ' ')
    .split('\n')
    .map((line) => line.replace(/(^|\s)#.*$/, '').trim())
    .filter((line) => line !== '')
    .flatMap((line) => line.split('&&'))
    .map((command) => [...command.matchAll(/(?:[^\s"]|"[^"]*")+/g)].map(([word]) => word.replaceAll('"', '')));
}

const {
  scripts,
  name: packageName,
  version,
} = JSON.parse(await readFile(join(top, 'package.json'), 'utf8')) as {
  name: string;
  version: string;
  scripts: Record<string, string>;
};
const specText = (
  await Promise.all(
    (
      await readdir(join(top, 'spec'), { recursive: true })
    )
      .filter((name) => /\.(spec|mocha)\.ts$|^broken.(variants|surroundings)\.ts$/.test(name) && !/readme/.test(name))
      .map((name) => readFile(join(top, 'spec', name), 'utf8')),
  )
).join('');
const { stdout: mochaHelp } = await run(process.execPath, [join(top, 'node_modules/mocha/bin/mocha.js'), '--help']);

/** NAME=value before a command is its environment. */
export function partsOf(command: readonly string[]): {
  environment: Record<string, string>;
  program: string | undefined;
  args: string[];
} {
  const at = command.findIndex((word) => !/^[A-Z_]+=/.test(word));
  const environment = Object.fromEntries(
    command.slice(0, at).map((word) => word.split(/=(.*)/s, 2) as [string, string]),
  );
  const [program, ...args] = command.slice(at);
  return { environment, program, args };
}

/** What a command says that is not so: a script, file or flag that does not exist. Empty for one that would run. */
export function commandProblems(command: readonly string[]): string[] {
  const { environment, program, args } = partsOf(command);
  const unknown = Object.keys(environment).filter((name) => !variableNames.includes(name) && name !== 'NODE_OPTIONS');
  if (unknown.length > 0) return unknown.map((name) => `the variable ${name} is not known`);
  switch (program) {
    case 'npm':
      return npmProblems(args);
    case 'npx':
      return args[0] === 'tsx'
        ? fileProblems(args.slice(1))
        : args[0] === 'mocha'
          ? mochaProblems(args.slice(1))
          : [`npx of ${args[0]}: only what package.json has`];
    case 'node':
      return nodeProblems(args);
    case 'mkdir':
    case 'cd':
      return [];
    default:
      return program !== undefined && existsSync(join(top, program)) ? [] : [`the command ${program} is not known`];
  }
}

function npmProblems([verb, ...args]: readonly string[]): string[] {
  if (verb === 'ci' && args.length === 0) return [];
  if (verb === 'init' && args.join() === '-y') return [];
  if (verb === 'pack' && args.length === 0) return [];
  // It is in no registry: what there is to install is what `npm pack` made.
  const tarball = `/${packageName}-${version}.tgz`;
  if (verb === 'install') return args.filter((name) => !name.endsWith(tarball)).map((name) => `npm install of ${name}`);
  const script = verb === 'run' ? args.shift() : verb;
  const given = args[0] === '--' ? args.slice(1) : args;
  if ((verb !== 'run' && verb !== 'start' && verb !== 'test') || script === undefined)
    return [`npm ${verb} is not known`];
  const command = scripts[script];
  if (command === undefined) return [`there is no script ${script}`];
  if (given.length > 0 && args[0] !== '--') return [`npm keeps ${given.join(' ')} for itself: it takes --`];
  const last = command.split('&&').at(-1)?.trim().split(/\s+/) ?? [];
  if (last.includes('mocha')) return mochaProblems(given);
  const main = last.find((word) => /\.(ts|js)$/.test(word));
  return main === undefined ? flagsOf(given).map((flag) => `${script} has no ${flag}`) : fileProblems([main, ...given]);
}

function mochaProblems(args: readonly string[]): string[] {
  const flags = flagsOf(args).filter((flag) => !new RegExp(`(^|\\s)${flag}(,|\\s)`, 'm').test(mochaHelp));
  const at = args.findIndex((word) => word === '--grep' || word === '-g') + 1;
  const wanted = at === 0 ? undefined : args[at]?.replace(/^catch /, '');
  const unmatched = wanted !== undefined && !specText.includes(wanted) ? [`no spec has ${wanted} in its name`] : [];
  const files = args.filter((word) => word.includes('/') && !word.includes('*') && !existsSync(join(top, word)));
  return [...unmatched, ...flags.map((flag) => `mocha has no ${flag}`), ...files.map((file) => `there is no ${file}`)];
}

/** Of `node`, whose flags are Node's own: it is asked. */
function nodeProblems(args: readonly string[]): string[] {
  const rest = [...args];
  const problems: string[] = [];
  while (rest[0]?.startsWith('-') === true) {
    const [flag, value] = (rest.shift() as string).split('=');
    if (flag === '--import' || flag === '-r' || flag === '--require') {
      const module = value ?? rest.shift();
      if (module !== 'tsx' && module !== 'tsx/esm' && module !== `${packageName}/register`)
        problems.push(`no module ${module}`);
    } else if (!process.allowedNodeEnvironmentFlags.has(flag as string) && flag !== '--expose-gc') {
      problems.push(`node has no ${flag}`);
    }
  }
  // A file in the current folder is the reader's own.
  const [file] = rest;
  return file === undefined || !file.includes('/') ? problems : [...problems, ...fileProblems(rest)];
}

/** Of a script of ours: it exists, and its table of options has the flags. Each of those that has a table has --help. */
function fileProblems([file = '', ...args]: readonly string[]): string[] {
  if (!existsSync(join(top, file))) return [`there is no ${file}`];
  const source = sourceOf(file);
  return flagsOf(args)
    .filter((flag) => {
      if (flag === '--help') return !/\/command\.ts'/.test(source);
      return !new RegExp(flag.startsWith('--') ? `'(-\\w, )?${flag}[ ']` : `'${flag}, --`).test(source);
    })
    .map((flag) => `${file} has no ${flag}`);
}

function sourceOf(file: string): string {
  return readFileSync(join(top, file), 'utf8');
}

function flagsOf(args: readonly string[]): string[] {
  return args.filter((word) => /^--?[a-z]/i.test(word)).map((word) => word.split('=')[0] as string);
}

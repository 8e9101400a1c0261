/**
 * `npm run docs:api`: docs/api/, one page for each subpath that package.json exports, from the comments in lib/. api-extractor reads the built
 * types, which is what a user of the package gets; its model is rendered here.
 */
import { execFile } from 'node:child_process';
import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { argv } from 'node:process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { Extractor, ExtractorConfig, ExtractorLogLevel, type ExtractorMessage } from '@microsoft/api-extractor';
import {
  type ApiClass,
  type ApiConstructor,
  type ApiDeclaredItem,
  ApiDocumentedItem,
  type ApiFunction,
  type ApiInterface,
  type ApiItem,
  ApiItemKind,
  type ApiMethod,
  ApiModel,
  type ApiPropertySignature,
  type ExcerptToken,
} from '@microsoft/api-extractor-model';
import type { DocCodeSpan, DocComment, DocFencedCode, DocNode, DocPlainText } from '@microsoft/tsdoc';

const run = promisify(execFile);
const top: string = fileURLToPath(new URL('..', import.meta.url));

/** A module of the package, as api-extractor sees it. */
export interface Module {
  /** As it is imported: `zlease/grpc`. */
  name: string;
  /** Of its page: `grpc`. */
  file: string;
  /** What the first comment of its source says. */
  summary: string;
  /** All that its types are made of: exported, and not. */
  items: readonly ApiItem[];
  /** What api-extractor has to say against its comments. */
  complaints: string[];
}

export interface ReadOptions {
  /** Called with the folder of the built types before they are read. */
  built?: (types: string) => Promise<void>;
  /** Only these, as in `exports`. Default: all. */
  only?: readonly string[];
}

/** Builds the types, and reads them. Takes some seconds. */
export async function modules({ built, only }: ReadOptions = {}): Promise<Module[]> {
  const manifest = JSON.parse(await readFile(join(top, 'package.json'), 'utf8')) as {
    exports: Record<string, unknown>;
  };
  // In here, for the types of Node and of the peers to be found.
  const types = await mkdtemp(join(top, 'docs', '.types-'));
  try {
    const tsc = join(top, 'node_modules/.bin/tsc');
    await run(tsc, ['-p', 'tsconfig.build.json', '--emitDeclarationOnly', '--outDir', types], { cwd: top });
    await built?.(types);
    const all: Module[] = [];
    for (const subpath of Object.keys(manifest.exports)) {
      if (subpath === './package.json' || only?.includes(subpath) === false) continue;
      const file = subpath === '.' ? 'index' : subpath.slice(2);
      const source = await readFile(join(top, 'lib', `${file}.ts`), 'utf8');
      const [, header = ''] = /^\/\*\*(.*?)\*\//s.exec(source) ?? [];
      const summary = header
        .replace(/^ *\* ?/gm, '')
        .trim()
        .replaceAll('\n', ' ');
      all.push({ name: subpath.replace('.', 'zlease'), file, summary, ...extracted(types, file) });
    }
    return all;
  } finally {
    await rm(types, { recursive: true });
  }
}

function extracted(types: string, file: string): Pick<Module, 'items' | 'complaints'> {
  const entry = join(types, `${file}.d.ts`);
  const model = join(types, `${file}.api.json`);
  const complaints: string[] = [];
  Extractor.invoke(
    ExtractorConfig.prepare({
      configObjectFullPath: undefined,
      packageJsonFullPath: join(top, 'package.json'),
      configObject: {
        projectFolder: top,
        mainEntryPointFilePath: entry,
        compiler: {
          overrideTsconfig: {
            compilerOptions: {
              module: 'nodenext',
              target: 'es2022',
              lib: ['es2023', 'esnext.disposable'],
              types: ['node'],
              strict: true,
              skipLibCheck: true,
            },
            files: [entry],
          },
        },
        apiReport: { enabled: false },
        dtsRollup: { enabled: false },
        tsdocMetadata: { enabled: false },
        docModel: { enabled: true, apiJsonFilePath: model, includeForgottenExports: true },
      },
    }),
    {
      localBuild: true,
      messageCallback(message: ExtractorMessage) {
        message.handled = true;
        const { messageId, text, sourceFilePath, sourceFileLine, logLevel } = message;
        // Release tags are not used here: what is not exported, or is internal, is not in the types.
        const isOurs = !/^(console-|ae-missing-release-tag|ae-forgotten-export)/.test(messageId);
        if (isOurs && logLevel !== ExtractorLogLevel.Verbose) {
          complaints.push(`${sourceFilePath?.split('/').at(-1)}:${sourceFileLine} ${text}`);
        }
      },
    },
  );
  const [entryPoint] = new ApiModel().loadPackage(model).entryPoints;
  return { items: entryPoint?.members ?? [], complaints };
}

/** What has the name of a global gets a number from api-extractor. */
export function nameOf({ displayName }: ApiItem): string {
  return displayName.replace(/_\d+$/, '');
}

export function isExported(item: ApiItem): boolean {
  return (item as ApiItem & { isExported?: boolean }).isExported !== false;
}

export function commentOf(item: ApiItem): DocComment | undefined {
  return item instanceof ApiDocumentedItem ? item.tsdocComment : undefined;
}

/** The members of a class or interface, with those of bases that are not exported: users see them as its own. */
export function membersOf(item: ApiItem, module: Module): readonly ApiItem[] {
  const { extendsType } = item as ApiClass;
  const { extendsTypes = extendsType === undefined ? [] : [extendsType] } = item as ApiInterface;
  const inherited = extendsTypes.flatMap(({ excerpt }) => {
    const base = module.items.find(({ displayName }) => displayName === excerpt.text.trim());
    return base === undefined || isExported(base) ? [] : membersOf(base, module);
  });
  const own = item.members;
  const names = new Set(own.map(({ displayName }) => displayName));
  const all = [...own, ...inherited.filter(({ displayName }) => !names.has(displayName))].sort(
    (a, b) => Number(b.kind === ApiItemKind.Constructor) - Number(a.kind === ApiItemKind.Constructor),
  );
  // What is overridden of Transform is for Node to call.
  return all.filter(({ displayName }) => !displayName.startsWith('_'));
}

/** The comment, as markdown. */
export function text(node: DocNode | undefined): string {
  return node === undefined
    ? ''
    : rendered(node)
        .replace(/\n{3,}/g, '\n\n')
        .trim();
}

function rendered(node: DocNode): string {
  switch (node.kind) {
    case 'PlainText':
      return (node as DocPlainText).text;
    case 'CodeSpan':
      return `\`${(node as DocCodeSpan).code}\``;
    case 'FencedCode':
      return `\n\`\`\`${(node as DocFencedCode).language}\n${(node as DocFencedCode).code}\`\`\`\n\n`;
    case 'SoftBreak':
      return ' ';
    case 'Paragraph':
      return `${node.getChildNodes().map(rendered).join('').replace(/ +/g, ' ').trim()}\n\n`;
    case 'Section':
      return node.getChildNodes().map(rendered).join('');
    case 'EscapedText':
    case 'ErrorText':
      return String(
        (node as unknown as { decodedText?: string; text?: string }).decodedText ??
          (node as never as DocPlainText).text,
      );
    default:
      throw new Error(`docs/api.ts renders no ${node.kind}`);
  }
}

export function throwsOf(comment: DocComment | undefined): string[] {
  const blocks = comment?.customBlocks.filter(({ blockTag }) => blockTag.tagName === '@throws') ?? [];
  return blocks.map(({ content }) => text(content));
}

export type Callable = ApiFunction | ApiMethod | ApiConstructor;

export function isCallable(item: ApiItem): item is Callable {
  return [ApiItemKind.Function, ApiItemKind.Method, ApiItemKind.Constructor, ApiItemKind.MethodSignature].includes(
    item.kind,
  );
}

function page(module: Module, places: ReadonlyMap<string, string>): string {
  const shown = module.items.filter(
    (item) => isExported(item) || item.kind === ApiItemKind.Interface || item.kind === ApiItemKind.TypeAlias,
  );
  // Of what is another module's, the link is enough.
  const items = shown
    .filter((item) => isExported(item) || !places.has(nameOf(item)))
    .filter((item) => !isBase(item, module));
  const lines = [
    '<!-- Written by `npm run docs:api` from the comments in lib/: change those. -->',
    `# ${module.name}`,
    module.summary,
  ];
  const exported = items.filter(isExported);
  if (exported.length > 0) {
    lines.push(
      [
        '| export | |',
        '| --- | --- |',
        ...exported.map((item) => `| [${title(item)}](#${slug(title(item))}) | ${cell(sentence(item))} |`),
      ].join('\n'),
    );
  } else {
    lines.push('It exports nothing: it is imported for what it does.');
  }
  for (const item of [...exported, ...items.filter((one) => !isExported(one))])
    lines.push(...section(item, module, places));
  return `${lines.filter((line) => line !== '').join('\n\n')}\n`;
}

/** Whether an interface that is not exported is told of where it is extended. */
function isBase(item: ApiItem, module: Module): boolean {
  if (isExported(item)) return false;
  const all = module.items.flatMap((other) => (other as ApiInterface).extendsTypes ?? []);
  const isExtended = all.some(({ excerpt }) => excerpt.text.trim() === nameOf(item));
  const isNamed = module.items.some(
    (other) => other.kind === ApiItemKind.TypeAlias && (other as ApiDeclaredItem).excerpt.text.includes(nameOf(item)),
  );
  return isExtended && !isNamed;
}

function title(item: ApiItem): string {
  return item.kind === ApiItemKind.Function ? `${nameOf(item)}()` : nameOf(item);
}

/** GitHub's. */
export function slug(heading: string): string {
  return heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M}_\- ]/gu, '')
    .replaceAll(' ', '-');
}

function sentence(item: ApiItem): string {
  return /^.*?\.(?=\s|$)/s.exec(text(commentOf(item)?.summarySection))?.[0] ?? '';
}

function cell(markdown: string): string {
  return markdown.replaceAll('\n', ' ').replace(/ +/g, ' ').replaceAll('|', '\\|');
}

function section(item: ApiItem, module: Module, places: ReadonlyMap<string, string>): string[] {
  const lines = [`## ${title(item)}`];
  if (!isExported(item)) lines.push('Not exported by name; part of what is.');
  lines.push(...body(item, places));
  if (item.kind === ApiItemKind.Interface) lines.push(...properties(item, module, places));
  if (item.kind === ApiItemKind.Class) {
    for (const member of membersOf(item, module)) {
      const name = nameOf(member);
      const heading =
        member.kind === ApiItemKind.Constructor ? `new ${nameOf(item)}()` : name.startsWith('[') ? name : `.${name}`;
      lines.push(
        `### ${nameOf(item) === '' || heading.startsWith('new') ? heading : nameOf(item) + heading}${isCallable(member) && !heading.startsWith('new') ? '()' : ''}`,
      );
      lines.push(...body(member, places));
    }
  }
  return lines;
}

function body(item: ApiItem, places: ReadonlyMap<string, string>): string[] {
  const comment = commentOf(item);
  // api-extractor's, where there is none.
  const summary = text(comment?.summarySection).replace(/^Constructs a new instance of the .*/, '');
  const lines = [summary, text(comment?.remarksBlock?.content)];
  if (item.kind !== ApiItemKind.Interface)
    lines.push(`\`\`\`typescript\n${signature(item as ApiDeclaredItem)}\n\`\`\``);
  else if ((item as ApiInterface).extendsTypes.length > 0) {
    const bases = (item as ApiInterface).extendsTypes.filter(({ excerpt }) => places.has(excerpt.text.trim()));
    if (bases.length > 0)
      lines.push(`Has all of ${bases.map(({ excerpt }) => type(excerpt.spannedTokens, places)).join(', ')}, too.`);
  }
  if (isCallable(item) && item.parameters.length > 0) {
    const rows = item.parameters.map(({ name, parameterTypeExcerpt, isOptional, tsdocParamBlock }) => [
      `\`${name}\`${isOptional ? ', optional' : ''}`,
      type(parameterTypeExcerpt.spannedTokens, places),
      text(tsdocParamBlock?.content),
    ]);
    lines.push(table(['parameter', 'type', ''], rows));
  }
  const returns = text(comment?.returnsBlock?.content);
  if (returns !== '') lines.push(`Returns: ${returns}`);
  for (const what of throwsOf(comment)) lines.push(`Throws ${what}`);
  return lines;
}

function properties(item: ApiItem, module: Module, places: ReadonlyMap<string, string>): string[] {
  const rows = membersOf(item, module).map((member) => {
    const { propertyTypeExcerpt, isOptional } = member as ApiPropertySignature;
    const typed = propertyTypeExcerpt?.spannedTokens ?? (member as ApiDeclaredItem).excerptTokens;
    return [
      `\`${nameOf(member)}\`${isOptional ? ', optional' : ''}`,
      type(typed, places),
      text(commentOf(member)?.summarySection),
    ];
  });
  return rows.length === 0 ? [] : [table(['property', 'type', ''], rows)];
}

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]): string => `| ${cells.map(cell).join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

/** The declaration, as it is in the types. */
function signature(item: ApiDeclaredItem): string {
  return item.excerpt.text.trim().replace(/^export (declare )?/, '');
}

/** A type, with links where it is one of ours. */
function type(tokens: readonly ExcerptToken[], places: ReadonlyMap<string, string>): string {
  const parts = tokens.map(({ text: part }) => ({ part, place: places.get(part) }));
  // Within one code span no link is possible.
  if (!parts.some(({ place }) => place !== undefined))
    return `\`${parts
      .map(({ part }) => part)
      .join('')
      .replace(/\s+/g, ' ')
      .trim()}\``;
  return parts
    .map(({ part, place }) => {
      const code = part.replace(/\s+/g, ' ').trim();
      if (code === '') return '';
      return place === undefined ? `\`${code}\`` : `[\`${code}\`](${place})`;
    })
    .filter((part) => part !== '')
    .join(' ');
}

/** Each page, by the name of its file. */
export async function pages(all: readonly Module[]): Promise<Map<string, string>> {
  const found = new Map<string, string>();
  for (const module of all) {
    const own = module.items.filter(isExported).map((item) => [nameOf(item), `#${slug(title(item))}`] as const);
    for (const [name, anchor] of own) if (!found.has(name)) found.set(name, `${module.file}.md${anchor}`);
    // A base that nobody can name is met as the class that can be.
    for (const item of module.items.filter(isExported)) {
      const base = (item as ApiClass).extendsType?.excerpt.text.trim();
      const place = found.get(nameOf(item));
      if (module.items.some((other) => nameOf(other) === base && !isExported(other)))
        found.set(String(base), String(place));
    }
  }
  const written = new Map<string, string>();
  for (const module of all) {
    const places = new Map([...found].map(([name, place]) => [name, place.replace(`${module.file}.md#`, '#')]));
    written.set(`${module.file}.md`, page(module, places));
  }
  const rows = all.map(({ name, file, items }) => [
    `[${name}](${file}.md)`,
    items
      .filter((item) => isExported(item) && item.kind !== ApiItemKind.Interface && item.kind !== ApiItemKind.TypeAlias)
      .map((item) => `\`${title(item)}\``)
      .join(', '),
  ]);
  written.set('README.md', `<!-- Written by \`npm run docs:api\`. -->\n\n# API\n\n${table(['module', 'has'], rows)}\n`);
  return written;
}

export const folder: string = join(top, 'docs', 'api');

if (argv[1] === fileURLToPath(import.meta.url)) {
  const all = await modules();
  for (const complaint of new Set(all.flatMap(({ complaints }) => complaints))) console.warn(complaint);
  await rm(folder, { recursive: true, force: true });
  await mkdir(folder);
  for (const [name, content] of await pages(all)) await writeFile(join(folder, name), content);
}

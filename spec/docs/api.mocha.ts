/** The pages of docs/api/ are those of the comments in lib/, and the comments say what they have to. */
import { readdir, readFile, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { type ApiItem, ApiItemKind, type ApiPropertySignature } from '@microsoft/api-extractor-model';
import { expect } from 'chai';
import {
  commentOf,
  folder,
  isCallable,
  isExported,
  type Module,
  membersOf,
  modules,
  nameOf,
  pages,
  text,
  throwsOf,
} from '../../docs/api.ts';
import { TEST_TIMEOUT_MS } from '../support/script.ts';

/** What throws nothing, whatever it is given. */
const neverThrow = [
  'CompressStream.close',
  'DecompressStream.close',
  'Lease.[Symbol.dispose]',
  'ZlibPool.destroy',
  'toStatus',
];

/** What the comments of a module leave out. */
function gaps(module: Module, all: readonly Module[]): string[] {
  const elsewhere = new Set(
    all
      .filter((other) => other !== module)
      .flatMap(({ items }) => items.filter(isExported).map(({ displayName }) => displayName)),
  );
  const found: string[] = [];
  if (module.summary === '') found.push(`${module.name}: a first comment in its file`);

  function look(item: ApiItem, name: string): void {
    const comment = commentOf(item);
    const summary = text(comment?.summarySection);
    if (summary.startsWith('Constructs a new instance') || summary === '') {
      if (item.kind !== ApiItemKind.Constructor) found.push(`${name}: a comment`);
    }
    // What others implement, and we call, is for them to say more of.
    if (isCallable(item) && item.kind !== ApiItemKind.MethodSignature) {
      for (const { name: parameter, tsdocParamBlock } of item.parameters) {
        if (text(tsdocParamBlock?.content) === '') found.push(`${name}: @param ${parameter}`);
      }
      const rejects = text(comment?.returnsBlock?.content).includes('rejects with');
      const can = item.parameters.length > 0 && !neverThrow.includes(name);
      if (can && throwsOf(comment).length === 0 && !rejects) found.push(`${name}: @throws`);
    }
    const { isOptional, propertyTypeExcerpt } = item as ApiPropertySignature;
    const isOption = propertyTypeExcerpt !== undefined && isOptional && /(Options|Limits)\./.test(name);
    if (isOption && !/\bdefault\b/i.test(summary)) found.push(`${name}: its default`);
  }

  // Of what is not exported, users meet interfaces.
  const met = module.items.filter((one) => one.kind === ApiItemKind.Interface && !elsewhere.has(one.displayName));
  for (const item of new Set([...module.items.filter(isExported), ...met])) {
    look(item, nameOf(item));
    if (item.kind !== ApiItemKind.Class && item.kind !== ApiItemKind.Interface) continue;
    for (const member of membersOf(item, module)) look(member, `${nameOf(item)}.${nameOf(member)}`);
  }
  return found;
}

describe('The API reference', function () {
  this.timeout(TEST_TIMEOUT_MS);
  this.slow(60_000);
  let all: Module[];

  before(async () => {
    all = await modules();
  });

  it('is that of the comments in lib/: else run npm run docs:api', async () => {
    const written = await pages(all);
    expect(await readdir(folder)).to.have.members([...written.keys()]);
    for (const [name, content] of written) {
      expect(await readFile(join(folder, name), 'utf8'), `docs/api/${name}: run npm run docs:api`).to.equal(content);
    }
  });

  it('is made of comments that TSDoc can read', () => {
    expect([...new Set(all.flatMap(({ complaints }) => complaints))]).to.deep.equal([]);
  });

  it('says of all that is exported what it is, takes, throws, and what its defaults are', () => {
    expect(all.flatMap((module) => gaps(module, all))).to.deep.equal([]);
  });

  const mistakes: ReadonlyArray<readonly [what: string, file: string, from: string, to: string, gap: string]> = [
    [
      'no comment',
      'node-zlib/pool',
      '/** Pool of engines of both directions, with the functions of node:zlib that lease them. */',
      '',
      'ZlibPool: a comment',
    ],
    [
      'a one-shot function without a comment',
      'node-zlib/pool',
      "    /** Decompresses one message as node:zlib's `gunzip()`: gzip, RFC 1952. */",
      '',
      'ZlibPool.gunzip: a comment',
    ],
    [
      'a parameter that nothing is said of',
      'node-zlib/pool',
      '     * @param format - format of the message\n',
      '',
      'ZlibPool.decompress: @param format',
    ],
    ['errors that nothing is said of', 'node-zlib/install', ' * @throws', ' * Throws', 'install: @throws'],
    [
      'errors of a method that nothing is said of',
      'node-zlib/pool',
      '     * @throws `ERR_POOL_CLOSED`',
      '     * Throws `ERR_POOL_CLOSED`',
      'ZlibPool.tryLease: @throws',
    ],
    [
      'a parameter of an inherited method that nothing is said of',
      'pool/pool',
      '     * @param error - ',
      '     * Error: ',
      'ZlibPool.destroy: @param error',
    ],
    [
      'an inherited property without a comment',
      'pool/pool',
      "    /** The pool's numbers now, as a frozen snapshot. */",
      '',
      'ZlibPool.stats: a comment',
    ],
    [
      'an option without its default',
      'pool/options',
      'Default 16384 bytes. ',
      '',
      'InlineOptions.inputLength: its default',
    ],
  ];

  it('would be found wrong with each of the ways to say too little', async () => {
    const [broken] = await modules({
      only: ['.'],
      async built(types) {
        for (const [what, file, from, to] of mistakes) {
          const declarations = join(types, `${file}.d.ts`);
          const source = await readFile(declarations, 'utf8');
          expect(source, what).to.include(from);
          await writeFile(declarations, source.replaceAll(from, to));
        }
      },
    });
    const found = gaps(broken as Module, []);
    for (const [what, , , , gap] of mistakes) expect(found, what).to.include(gap);
    expect((await pages([broken as Module])).get('index.md')).not.to.equal(
      await readFile(join(folder, 'index.md'), 'utf8'),
    );
  });

  it('would be found wrong with a comment that TSDoc can’t read', async () => {
    const [broken] = await modules({
      only: ['./register'],
      built: (types) =>
        writeFile(
          join(types, 'register.d.ts'),
          '/** Sends {@link nowhere to nowhere. @param */\nexport declare const open: number;\n',
        ),
    });
    expect(broken?.complaints).to.have.lengthOf.above(0);
  });
});

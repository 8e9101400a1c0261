/** One table of codes, one spec over it and over its page. */
import { readdir, readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { codedError, errorCodes } from './support/library.ts';

const docs = await readFile(new URL('../docs/errors.md', import.meta.url), 'utf8');
/** By their headings. */
const sections = new Map(
  docs
    .split('\n## ')
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section.slice(section.indexOf('\n')).trim()]),
);
const UNCODED = 'Without a code';

describe('An error of zlease', () => {
  for (const code of errorCodes) {
    it(`has the code ${code}, a message, a stack, and a section in the docs that knows its class`, () => {
      const cause = new Error('why');
      const error = codedError(code, undefined, { cause });
      expect(error).to.be.instanceOf(Error).and.include({ code, cause });
      expect(error.message).to.match(/^[A-Z].{10,}/);
      expect(error.stack).to.include('errors.spec');
      expect(codedError(code, 'in other words').message).to.equal('in other words');
      const section = sections.get(code);
      expect(section).to.match(/^.{40,}/);
      const [, named = 'Error'] = /^An? `(\w*Error)`/.exec(section as string) ?? [];
      expect(named).to.equal(error.constructor.name);
    });
  }

  it('has no section in the docs that is of no code', () => {
    expect([...sections.keys()]).to.have.members([...errorCodes, UNCODED]);
  });

  it('has a code, or is Node’s own for a call during a write, which the docs quote', async () => {
    const lib = new URL('../lib/', import.meta.url);
    const plain = new Set<string>();
    for (const file of (await readdir(lib, { recursive: true })).filter((name) => name.endsWith('.ts'))) {
      const source = await readFile(new URL(file, lib), 'utf8');
      for (const [, message] of source.matchAll(/throw new (?:Range|Type)?Error\('([^']*)'/g))
        plain.add(message as string);
    }
    // Only ever thrown at the library itself: it asks `inline` before.
    plain.delete('This engine runs in the threadpool only');
    expect(plain.size).to.be.above(0);
    // The page is wrapped.
    const text = sections.get(UNCODED)?.replace(/\s+/g, ' ');
    for (const message of plain) expect(text).to.include(message);
  });
});

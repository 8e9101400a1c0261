/** The table of entry points in docs/compatibility.md says of each function of node:zlib whether install() replaces it. */
import { readFile } from 'node:fs/promises';
import zlib from 'node:zlib';
import { expect } from 'chai';
import { install } from '../../lib/index.ts';

type Functions = Record<string, unknown>;

/** Function, as in the first cell of a row, to whether the second begins with yes. */
async function saidOf(page: string): Promise<Map<string, boolean>> {
  const [, table = ''] = /\n\| entry points of `node:zlib` [^\n]*\n\| -[^\n]*\n((?:\|[^\n]*\n)*)/.exec(page) ?? [];
  const said = new Map<string, boolean>();
  for (const row of table.split('\n').slice(0, -1)) {
    const [, names = '', answer = ''] = row.split('|');
    for (const [code] of names.matchAll(/`[^`]+`/g)) {
      for (const [name] of code.matchAll(/\w+/g)) {
        if (typeof (zlib as unknown as Functions)[name] === 'function') said.set(name, answer.trim().startsWith('yes'));
      }
    }
  }
  return said;
}

/** Functions of node:zlib, and whether install() replaces them. */
function replaced(): Map<string, boolean> {
  const functions = zlib as unknown as Functions;
  const before = Object.getOwnPropertyNames(zlib)
    .filter((name) => typeof functions[name] === 'function')
    .map((name) => [name, functions[name]] as const);
  const undo = install();
  const all = new Map(before.map(([name, found]) => [name, functions[name] !== found]));
  undo();
  return all;
}

const sorted = (map: Map<string, boolean>) => [...map].sort(([a], [b]) => (a < b ? -1 : 1));

describe('docs/compatibility.md', () => {
  it('has all functions of node:zlib, and whether they run on the pool', async () => {
    const page = await readFile(new URL('../../docs/compatibility.md', import.meta.url), 'utf8');
    expect(sorted(await saidOf(page))).to.deep.equal(sorted(replaced()));
  });

  it('would be noticed without a function, or with a wrong answer', async () => {
    const page = await readFile(new URL('../../docs/compatibility.md', import.meta.url), 'utf8');
    for (const [from, to] of [
      ['`crc32`', '`crc`'],
      ['`gunzipSync`, `inflateSync`', '`gunzipSync`'],
      ['| no, see below', '| yes, see below'],
      ['`gzip`, `deflate`', '`gzip`'],
    ] as const) {
      const wrong = page.replace(from, to);
      expect(wrong).not.to.equal(page);
      if (from === '`crc32`' && !('crc32' in zlib)) continue;
      expect(sorted(await saidOf(wrong))).not.to.deep.equal(sorted(replaced()));
    }
  });
});

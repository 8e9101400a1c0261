/** The table of packages in docs/compatibility.md, by which specs check the entry points that a package reaches. */
import { readFileSync } from 'node:fs';
import zlib from 'node:zlib';

const page = readFileSync(new URL('../../docs/compatibility.md', import.meta.url), 'utf8');

/** Package, as in the first cell, to the functions of node:zlib in the second. */
const table = new Map(
  [...page.matchAll(/^\| ([^|]+?) +\| ([^|]*?) +\| `test:\w+`/gm)].map(([, name = '', functions = '']) => [
    name,
    [...functions.matchAll(/`(\w+)`/g)].map(([, entry = '']) => entry),
  ]),
);

/** Returns the functions that this Node has of those that a package calls, sorted. */
export function entryPointsOf(name: string): string[] {
  const functions = table.get(name);
  if (functions === undefined) throw new Error(`docs/compatibility.md has no row for ${name}`);
  // Node 20 has no Zstandard.
  return functions.filter((entry) => entry in zlib || !/zstd/i.test(entry)).sort();
}

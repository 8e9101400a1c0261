/** A copy of the library with a mistake in it. */
import { cp, mkdtemp, readFile, symlink, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import type { Edit } from './variants.ts';

const lib = fileURLToPath(new URL('../../lib', import.meta.url));

/** @returns its folder, for SPEC_LIB; to be removed by who asked for it */
export async function editedCopy(edits: readonly Edit[]): Promise<string> {
  const copy = await mkdtemp(join(tmpdir(), 'zlease-broken-'));
  await cp(lib, copy, { recursive: true });
  await writeFile(join(copy, 'package.json'), '{"type":"module"}');
  // For what lib/ imports from packages.
  await symlink(join(lib, '../node_modules'), join(copy, 'node_modules'));
  for (const { file, from, to } of edits) {
    const source = await readFile(join(copy, file), 'utf8');
    expect(source.includes(from), `${file} has: ${from}`).to.equal(true);
    await writeFile(join(copy, file), source.replaceAll(from, to));
  }
  return copy;
}

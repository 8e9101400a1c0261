/** The end of the server's pipeline. The client compares with the same facts. */
import { createHash } from 'node:crypto';
import type { Receipt } from './service.ts';

/** Reads a file to its end. Returns facts about it. */
export async function inspect(file: AsyncIterable<Buffer>): Promise<Receipt> {
  const hash = createHash('sha256');
  let length = 0;
  let lines = 0;
  for await (const chunk of file) {
    hash.update(chunk);
    length += chunk.length;
    for (let at = chunk.indexOf(10); at !== -1; at = chunk.indexOf(10, at + 1)) lines += 1;
  }
  return { sha256: hash.digest('hex'), length, lines };
}

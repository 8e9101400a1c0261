/**
 * `npx tsx examples/iteration/find.ts TEXT FILE.gz...`: which of the files have the text, by iterating over chunks. A break ends the
 * stream, and gives its engine back.
 */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip, defaultPool } from 'zlease';

async function has(wanted: Buffer, file: string): Promise<boolean> {
  const gunzip = createGunzip();
  // Brings the file's own errors to the loop, and closes the file when the loop is left.
  const piped = pipeline(createReadStream(file), gunzip).catch(() => {});
  let rest = Buffer.alloc(0);
  let found = false;
  for await (const chunk of gunzip as AsyncIterable<Buffer>) {
    const seen = Buffer.concat([rest, chunk]);
    found = seen.includes(wanted);
    if (found) break;
    // What may be the beginning of it.
    rest = seen.subarray(Math.max(0, seen.length - wanted.length + 1));
  }
  await piped;
  return found;
}

const [text = '', ...files] = process.argv.slice(2);
if (text === '' || files.length === 0) {
  console.error('find: takes a text and files');
  process.exitCode = 1;
}
for (const file of text === '' ? [] : files) {
  try {
    console.log(`${file}: ${(await has(Buffer.from(text), file)) ? 'yes' : 'no'}`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    console.error(`${file}: ${code}: ${message}`);
    process.exitCode = 1;
  }
}
await defaultPool.close();
const { leased, created, reused } = defaultPool.stats;
console.log(`${created + reused} streams, ${leased} leased`);

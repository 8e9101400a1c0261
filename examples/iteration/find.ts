/**
 * `npx tsx examples/iteration/find.ts TEXT FILE.gz...`: which of the files have the text, by iterating over chunks. A break ends the
 * stream, and gives its engine back. `--help` prints the usage.
 */
import { createReadStream } from 'node:fs';
import { pipeline } from 'node:stream/promises';
import { createGunzip, defaultPool } from 'zlease';
import { command, text } from '../command.ts';

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

const [wanted, files] = command('npx tsx examples/iteration/find.ts', 'Tells which gzip files contain a text.')
  .argument('<text>', 'the text, not empty', text)
  .argument('<file.gz...>', 'the files')
  .parse().processedArgs;

for (const file of files) {
  try {
    console.log(`${file}: ${(await has(Buffer.from(wanted), file)) ? 'yes' : 'no'}`);
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    console.error(`${file}: ${code}: ${message}`);
    process.exitCode = 1;
  }
}
await defaultPool.close();
const { leased, created, reused } = defaultPool.stats;
console.log(`${created + reused} streams, ${leased} leased`);

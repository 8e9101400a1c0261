/**
 * `npx tsx examples/iteration/head.ts`: the first lines of a gzip file, and little more of it read than that takes.
 * Without a file: package-lock.json, gzipped. `--help` prints the usage.
 */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { createInterface } from 'node:readline';
import { Readable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { createGunzip, defaultPool } from 'zlease';
import { command, wholeNumber } from '../command.ts';

/** What is read at a time: the first lines are in the first bytes. */
const PIECE_LENGTH = 1_024;

const program = command('npx tsx examples/iteration/head.ts', 'Prints the first lines of a gzip file.')
  .argument('[file.gz]', 'the file (default: package-lock.json, gzipped)')
  .option('-n, --lines <number>', 'how many lines', wholeNumber(1), 3)
  .parse();

async function packageLock(): Promise<Readable> {
  const data = gzipSync(await readFile(new URL('../../package-lock.json', import.meta.url)));
  const pieces = Array.from({ length: Math.ceil(data.length / PIECE_LENGTH) }, (_, i) =>
    data.subarray(i * PIECE_LENGTH, (i + 1) * PIECE_LENGTH),
  );
  return Readable.from(pieces);
}

async function head(): Promise<void> {
  const { lines: wanted } = program.opts();
  const [file] = program.processedArgs;
  const source = file === undefined ? await packageLock() : createReadStream(file, { highWaterMark: PIECE_LENGTH });
  const gunzip = createGunzip();
  // Brings the file's own errors to the reader, and closes the file when the reader is done.
  const piped = pipeline(source, gunzip).catch(() => {});
  let read = 0;
  try {
    for await (const line of createInterface({ input: gunzip, crlfDelay: Number.POSITIVE_INFINITY })) {
      console.log(line);
      read += 1;
      if (read === wanted) break;
    }
  } finally {
    // A break from the loop over lines ends readline, not the stream it reads from: without this the engine would stay out.
    gunzip.destroy();
    await piped;
  }
}

await head().catch(({ code, message }: NodeJS.ErrnoException) => {
  console.error(`head: ${code === undefined ? message : `${code}: ${message}`}`);
  process.exitCode = 1;
});
await defaultPool.close();
const { leased, bytesIn } = defaultPool.stats;
console.log(`${bytesIn} bytes read, ${leased} leased`);

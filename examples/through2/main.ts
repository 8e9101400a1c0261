/**
 * `npx tsx examples/through2/main.ts`: counts records in exports, each a line of JSON that says what it is, and behind it
 * gzip of newline-delimited JSON. One pipeline: through2 stages before and after a pooled gunzip. Without files: an export of package-lock.json.
 * `--help` prints the usage.
 */
import { createReadStream } from 'node:fs';
import { readFile } from 'node:fs/promises';
import { Readable, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { gzipSync } from 'node:zlib';
import { createGunzip, defaultPool } from 'zlease';
import { command } from '../command.ts';
import { filter, measure, parseLines, takeHeader } from './stages.ts';

interface Package {
  path: string;
  license?: string;
  dev?: boolean;
}

const HEADER = '{"export":"packages","version":1}';

/** An export, as it would come from another service: in chunks that respect nothing. */
async function packagesOf(lockfile: URL): Promise<Readable> {
  const { packages } = JSON.parse(await readFile(lockfile, 'utf8')) as { packages: Record<string, object> };
  const lines = Object.entries(packages).map(([path, entry]) => JSON.stringify({ path, ...entry }));
  const bytes = Buffer.concat([Buffer.from(`${HEADER}\n`), gzipSync(lines.join('\n'))]);
  return Readable.from(Array.from({ length: Math.ceil(bytes.length / 7) }, (_, i) => bytes.subarray(7 * i, 7 * i + 7)));
}

function check(header: string): void {
  if (header === HEADER) return;
  throw Object.assign(new Error('it does not begin as an export does'), { code: 'ERR_HEADER' });
}

async function tell(name: string, source: Readable): Promise<void> {
  const length = { compressed: 0, plain: 0 };
  let mit = 0;
  await pipeline(
    source,
    takeHeader(check),
    measure((bytes) => {
      length.compressed += bytes;
    }),
    createGunzip({ maxOutputLength: 100_000_000 }),
    measure((bytes) => {
      length.plain += bytes;
    }),
    parseLines<Package>(),
    filter<Package>(({ license }) => license === 'MIT'),
    new Writable({
      objectMode: true,
      write: (_package, _encoding, callback) => {
        mit += 1;
        callback();
      },
    }),
  );
  console.log(`${name}: ${mit} packages under MIT, ${length.plain} bytes out of ${length.compressed}`);
}

const { args: files } = command('npx tsx examples/through2/main.ts', 'Counts the packages under MIT in exports.')
  .argument('[file...]', 'exports (default: one of package-lock.json)')
  .parse();
if (files.length === 0) {
  await tell('package-lock.json', await packagesOf(new URL('../../package-lock.json', import.meta.url)));
}
for (const file of files) {
  await tell(file, createReadStream(file)).catch(({ code, message }) => {
    console.error(`${file}: ${code}: ${message}`);
    process.exitCode = 1;
  });
}
await defaultPool.close();
const { created, reused, failed, leased } = defaultPool.stats;
console.log(`${created} engines made, ${reused} used again, ${failed} failed, ${leased} leased`);

/** yazl: zip archives of buffers, which it compresses by one call, and of streams, for which it has a class. */
import { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { unzipSync } from 'fflate';
import { ZipFile } from 'yazl';
import { json, random } from '../../bench/payloads.ts';
import { digest, finish, scenario } from './scenario.ts';

const next = random(1);
const noise = Buffer.from(Uint8Array.from({ length: 50_000 }, () => next() * 256));
const mtime = new Date(2024, 0, 1);

type Entry = [name: string, data: Buffer, level?: number];

/** Writes an archive, and reads it back by another implementation of deflate. */
async function archived(entries: Entry[], add: 'addBuffer' | 'addReadStream'): Promise<unknown> {
  const zip = new ZipFile();
  for (const [name, data, compressionLevel = 6] of entries) {
    const options = { mtime, mode: 0o100644, compressionLevel };
    if (add === 'addBuffer') zip.addBuffer(data, name, options);
    else zip.addReadStream(Readable.from([data], { objectMode: false }), name, options);
  }
  zip.end();
  const bytes = await buffer(zip.outputStream);
  const found = Object.entries(unzipSync(bytes)).map(([name, data]) => [name, digest(data)]);
  return { archive: digest(bytes), found };
}

const lengths = [0, 1, 100, 1_000, 16_384, 70_000, 1_000_000];
for (const add of ['addBuffer', 'addReadStream'] as const) {
  for (const length of lengths) {
    await scenario(`yazl: ${add}, ${length} bytes`, () => archived([['entry', json(length, length)]], add));
  }
  for (const level of [1, 3, 6, 9]) {
    await scenario(`yazl: ${add}, level ${level}`, () =>
      archived(
        [
          ['text', json(100_000, 2), level],
          ['noise', noise, level],
        ],
        add,
      ),
    );
  }
  await scenario(`yazl: ${add}, 200 entries`, () =>
    archived(
      Array.from({ length: 200 }, (_, i): Entry => [`entry ${i}`, json(50 * i, i % 9)]),
      add,
    ),
  );
}

await scenario('yazl: 8 archives at a time', () =>
  Promise.all(
    Array.from({ length: 8 }, (_, i) =>
      archived(
        lengths.map((length): Entry => [`${length}`, json(length, i)]),
        'addBuffer',
      ),
    ),
  ),
);

await finish();

/**
 * What both of the pair share: a log of batches, and a consumer of it. A batch that can't be read is skipped, and told on stderr.
 * `--help` prints the usage of either.
 */
import { createHash } from 'node:crypto';
import { readFile } from 'node:fs/promises';
import { basename } from 'node:path';
import zlib from 'node:zlib';
import { command } from '../command.ts';
import { type Batch, batchesIn, type Codec, encodeBatch, encodeRecords, recordsIn } from './batch.ts';

/** The most that a batch may become. Brokers take no batch of more than 1 MB by default; JSON expands by ten or so. */
export const MAX_BATCH_LENGTH = 16_000_000;

const BATCH = 10;

// Node 20 has no zstd, nor have its types.
const { zstdCompressSync } = zlib as { zstdCompressSync?: (data: Buffer) => Buffer };

/** Fifty batches, every codec in turn; then one that is damaged, one of an unknown codec, a bomb, and the first part of one more. */
async function madeLog(): Promise<Buffer> {
  const { packages } = JSON.parse(await readFile(new URL('../../package-lock.json', import.meta.url), 'utf8'));
  const records = Object.entries(packages).map(([key, entry]) => ({ key, value: JSON.stringify(entry) }));
  const compress: Array<readonly [Codec, (data: Buffer) => Buffer]> = [
    ['none', (data) => data],
    ['gzip', zlib.gzipSync],
    ...(zstdCompressSync === undefined ? [] : ([['zstd', zstdCompressSync]] as const)),
  ];
  const batches: Batch[] = [];
  for (let offset = 0; offset < records.length; offset += BATCH) {
    const [codec, encode] = compress[batches.length % compress.length] as (typeof compress)[0];
    const part = records.slice(offset, offset + BATCH);
    batches.push({ offset, codec, count: part.length, payload: encode(encodeRecords(part)) });
  }
  const last = batches.at(1) as Batch;
  const offset = records.length;
  // In its checksum: all of the records come out as they were, and are not to be trusted.
  const damaged = Buffer.from(last.payload);
  damaged.writeInt32LE(damaged.readInt32LE(damaged.length - 8) ^ 1, damaged.length - 8);
  batches.push({ ...last, offset, payload: damaged });
  batches.push({ ...last, offset: offset + BATCH, codec: 'lz4' });
  batches.push({ ...last, offset: offset + 2 * BATCH, payload: zlib.gzipSync(Buffer.alloc(2 * MAX_BATCH_LENGTH)) });
  return Buffer.concat([...batches.map(encodeBatch), encodeBatch(last).subarray(0, -1)]);
}

/** @param decompress stock or pooled, this is all that differs */
export async function consume(decompress: (payload: Buffer, codec: Codec) => Buffer): Promise<void> {
  const script = basename(process.argv[1] as string);
  const { args: files } = command(`npx tsx examples/batches/${script}`, 'Reads the record batches of logs.')
    .argument('[file...]', 'segments of a log (default: one of package-lock.json, with damage in it)')
    .parse();
  for (const name of files.length > 0 ? files : ['log']) {
    const codecs: Record<string, number> = {};
    const hash = createHash('sha256');
    let records = 0;
    let skipped = 0;
    try {
      for (const { offset, codec, count, payload } of batchesIn(
        files.length > 0 ? await readFile(name) : await madeLog(),
      )) {
        try {
          for (const { key, value } of recordsIn(decompress(payload, codec), count)) {
            hash.update(key).update(value);
            records += 1;
          }
          codecs[codec] = (codecs[codec] ?? 0) + 1;
        } catch (error) {
          const { code, message } = error as NodeJS.ErrnoException;
          skipped += 1;
          console.error(`${name}: offset ${offset}, ${count} records, ${codec}: skipped, ${code}: ${message}`);
        }
      }
    } catch (error) {
      const { code, message } = error as NodeJS.ErrnoException;
      console.error(`${name}: ${code}: ${message}`);
      process.exitCode = 1;
    }
    const batches = Object.entries(codecs).map(([codec, number]) => `${number} ${codec}`);
    console.log(
      `${name}: ${batches.join(', ') || 'no batches'}; ${records} records, sha256 ${hash.digest('hex').slice(0, 16)}; ${skipped} skipped`,
    );
    // In a log of one's own making, damage is part of it.
    if (files.length > 0 && skipped > 0) process.exitCode = 1;
  }
}

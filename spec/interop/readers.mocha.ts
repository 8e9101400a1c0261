/** Output of every format and level, read by the command-line tools of Debian and by Python's zlib. */
import { execFile } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { constants } from 'node:zlib';
import { expect } from 'chai';
import type { CompressFormat, CompressStream } from '../../lib/index.ts';
import { engines, ZlibPool } from '../support/library.ts';
import { bytesOf } from '../support/outcome.ts';
import { formats, json } from '../support/samples.ts';
import { CHILD_TIMEOUT_MS } from '../support/script.ts';

const run = promisify(execFile);
const python = fileURLToPath(new URL('readers.py', import.meta.url));
const MB = 2 ** 20;

/** Commands that write the decompressed contents of the files that follow, one after another. */
const readers: Record<string, { formats: CompressFormat[]; command: (format: string) => string[] }> = {
  gzip: { formats: ['gzip'], command: () => ['/usr/bin/gzip', '--decompress', '--stdout'] },
  zcat: { formats: ['gzip'], command: () => ['/usr/bin/zcat'] },
  brotli: { formats: ['br'], command: () => ['/usr/bin/brotli', '--decompress', '--stdout'] },
  zstd: { formats: ['zstd'], command: () => ['/usr/bin/zstd', '--decompress', '--stdout', '--quiet'] },
  "Python's zlib": {
    formats: ['gzip', 'deflate', 'deflate-raw'],
    command: (format) => ['/usr/bin/python3', python, format],
  },
};

const endings: Record<string, string> = { gzip: 'gz', deflate: 'zz', 'deflate-raw': 'raw', br: 'br', zstd: 'zst' };
const messages = ['', 'x', json(1_000, 1), json(90_000, 2), randomBytes(70_000)].map((text) => Buffer.from(text));

/** From `first` to `last`. */
function range(first: number, last: number): number[] {
  return Array.from({ length: last - first + 1 }, (_, i) => first + i);
}

function optionsOf(format: CompressFormat): object[] {
  const { BROTLI_PARAM_QUALITY, ZSTD_c_compressionLevel } = constants as Record<string, number>;
  if (format === 'br') {
    return range(0, 11).map((quality) => ({ params: { [BROTLI_PARAM_QUALITY as number]: quality } }));
  }
  if (format === 'zstd') {
    return [-5, ...range(1, 22)].map((level) => ({ params: { [ZSTD_c_compressionLevel as number]: level } }));
  }
  const strategies = range(0, 4).map((strategy) => ({ strategy }));
  return [...range(-1, 9).map((level) => ({ level })), ...strategies, { windowBits: 9, memLevel: 1 }, { memLevel: 9 }];
}

/** A stream that is flushed within each message, and whose level changes. */
async function flushed(stream: CompressStream, message: Buffer, isOfZlib: boolean): Promise<Buffer> {
  const all = bytesOf(stream);
  const half = message.length >> 1;
  stream.write(message.subarray(0, half));
  await new Promise<void>((resolve) => stream.flush(resolve));
  if (isOfZlib) await new Promise<void>((resolve) => stream.params(1, constants.Z_HUFFMAN_ONLY, resolve));
  stream.end(message.subarray(half));
  return all;
}

describe('Readers of compressed data', () => {
  let folder: string;
  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zlease-readers-'));
  });
  after(() => rm(folder, { recursive: true }));

  async function expectRead(name: string, format: CompressFormat, made: Buffer[], plain: Buffer[]): Promise<void> {
    const files = made.map((_, i) => join(folder, `${i}.${endings[format]}`));
    await Promise.all(made.map((bytes, i) => writeFile(files[i] as string, bytes)));
    const [file, ...args] = (readers[name] as (typeof readers)[string]).command(format) as [string, ...string[]];
    const read = async (some: string[]) => {
      const { stdout, stderr } = await run(file, [...args, ...some], {
        encoding: 'buffer',
        maxBuffer: 256 * MB,
        timeout: CHILD_TIMEOUT_MS,
      });
      expect(String(stderr)).to.equal('');
      return stdout;
    };
    const output: Buffer[] = [];
    // Debian's brotli fails with more than one file and --stdout.
    for (const some of name === 'brotli' ? files.map((each) => [each]) : [files]) output.push(await read(some));
    expect(Buffer.concat(output).equals(Buffer.concat(plain))).to.equal(true);
  }

  for (const engine of engines) {
    for (const [name, reader] of Object.entries(readers)) {
      for (const format of reader.formats.filter((each) => formats.includes(each))) {
        it(`take all output: ${name}, ${format} (${engine})`, async () => {
          const pool = new ZlibPool({ engine });
          const made: Buffer[] = [];
          const plain: Buffer[] = [];
          for (const [i, options] of optionsOf(format).entries()) {
            // The highest levels of Zstandard make engines of hundreds of megabytes.
            const isSlow = format === 'zstd' && i > 10;
            for (const message of isSlow ? messages.slice(3, 4) : messages) {
              made.push(await bytesOf(pool.createCompress(format, options), message));
              made.push(pool.compressSync(message, format, options));
              plain.push(message, message);
              if (isSlow) continue;
              made.push(await flushed(pool.createCompress(format, options), message, !/^(br|zstd)$/.test(format)));
              made.push(await pool.compress(message, format, options));
              plain.push(message, message);
            }
          }
          expect(made.length).to.be.above(200);
          await expectRead(name, format, made, plain);
        });
      }
    }
  }

  it('refuse output with a wrong checksum, so that this can fail', async () => {
    const bytes = new ZlibPool().compressSync(json(1_000, 1), 'gzip');
    bytes.writeUInt32LE(0, bytes.length - 8);
    for (const name of ['gzip', "Python's zlib"]) {
      const error = await expectRead(name, 'gzip', [bytes], [json(1_000, 1)]).catch((thrown) => thrown);
      expect(String(error)).to.match(/crc error|incorrect data check/);
    }
  });
});

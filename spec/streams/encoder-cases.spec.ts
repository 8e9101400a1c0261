/** P8 same as zlib, of encoders: cases that the fuzzer has found, each beside node:zlib itself. */
import zlib, { constants } from 'node:zlib';
import { expect } from 'chai';
import { engines, ZlibPool } from '../support/library.ts';
import { json, random } from '../support/samples.ts';

type Callback = (error: Error | null, output: Buffer) => void;
type Functions = Record<string, ((input: Buffer, options: object, callback?: Callback) => Buffer) | undefined>;
type Encoder = zlib.Deflate & { bytesWritten: number };

/** Bytes that don't compress. */
function noise(length: number): Buffer {
  const roll = random(3);
  return Buffer.from(Array.from({ length }, () => roll() * 256));
}

/** Returns the output of an encoder, and its error. */
async function outcomeOf(stream: Encoder, drive: (stream: Encoder) => void | Promise<void>) {
  const chunks: Buffer[] = [];
  let error: NodeJS.ErrnoException | undefined;
  const seen: string[] = [];
  stream.on('data', (chunk: Buffer) => chunks.push(chunk));
  stream.on('error', (reason) => {
    error = reason;
  });
  for (const name of ['finish', 'end', 'error', 'close']) stream.on(name, () => seen.push(name));
  const closed = new Promise((resolve) => stream.once('close', resolve));
  await drive(stream);
  await closed;
  return { bytes: Buffer.concat(chunks).toString('hex'), code: error?.code, message: error?.message, seen };
}

describe('An encoder, as the one of node:zlib,', () => {
  for (const engine of engines) {
    it(`ignores a dictionary for gzip (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const input = json(900, 1);
      const options = { dictionary: json(600, 2) };
      expect(pool.gzipSync(input, options).equals(zlib.gzipSync(input, options))).to.equal(true);
      const ours = await outcomeOf(pool.createGzip(options) as never, (stream) => void stream.end(input));
      const theirs = await outcomeOf(zlib.createGzip(options) as never, (stream) => void stream.end(input));
      expect(ours).to.deep.equal(theirs);
    });

    it(`compresses a message by two writes for a flush that does not finish (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const cases = [
        ['brotliCompress', json(8, 1), { finishFlush: constants.BROTLI_OPERATION_EMIT_METADATA }],
        ['deflate', noise(2_992), { finishFlush: constants.Z_FULL_FLUSH }],
      ] as const;
      for (const [name, input, options] of cases) {
        const [ours, theirs] = await Promise.all(
          ([pool, zlib] as unknown as Functions[]).map(
            (functions) =>
              new Promise<Buffer>((resolve, reject) => {
                functions[name]?.(input, options, (error, output) => (error ? reject(error) : resolve(output)));
              }),
          ),
        );
        expect(ours?.toString('hex'), name).to.equal(theirs?.toString('hex'));
      }
    });

    it(`compresses Brotli alike below, at and above the length of a block (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      for (const quality of [0, 1, 2, 3, 4, 9]) {
        const options = { params: { [constants.BROTLI_PARAM_QUALITY]: quality, [constants.BROTLI_PARAM_LGWIN]: 12 } };
        for (const length of [0, 1, 16_383, 16_384, 32_767, 32_768]) {
          const input = json(length, 1);
          const theirs = await outcomeOf(
            zlib.createBrotliCompress(options) as never,
            (stream) => void stream.end(input),
          );
          const ours = await outcomeOf(pool.createBrotliCompress(options) as never, (stream) => void stream.end(input));
          expect(ours, `${quality}, ${length}`).to.deep.equal(theirs);
          const once = await new Promise((resolve) =>
            pool.brotliCompress(input, options, (_error, output) => resolve(output)),
          );
          expect((once as Buffer).toString('hex'), `${quality}, ${length}`).to.equal(theirs.bytes);
        }
      }
    });

    it(`gives a write that ends its flush in one piece (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const options = {
        params: { [constants.BROTLI_PARAM_QUALITY]: 1 },
        flush: constants.BROTLI_OPERATION_EMIT_METADATA,
      };
      const drive = (stream: Encoder): void => {
        stream.write(Buffer.alloc(389));
        stream.end(Buffer.alloc(1_706));
      };
      const ours = await outcomeOf(pool.createBrotliCompress(options) as never, drive);
      const theirs = await outcomeOf(zlib.createBrotliCompress(options) as never, drive);
      expect(ours).to.deep.equal(theirs);
    });

    it(`puts metadata of Brotli before the end of its output (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const options = { params: { [constants.BROTLI_PARAM_QUALITY]: 5 } };
      const drive = (stream: Encoder): void => {
        stream.write(Buffer.alloc(29_393));
        stream.flush(constants.BROTLI_OPERATION_EMIT_METADATA);
        stream.end();
      };
      const { bytes } = await outcomeOf(zlib.createBrotliCompress(options) as never, drive);
      expect((await outcomeOf(pool.createBrotliCompress(options) as never, drive)).bytes).to.equal(bytes);
    });

    it(`fails where params() change the strategy of finished output (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const drive = (stream: Encoder): void => {
        stream.write(json(600, 1));
        stream.end(json(600, 2));
        stream.params(1, constants.Z_FILTERED, () => {});
      };
      const theirs = await outcomeOf(zlib.createDeflateRaw() as never, drive);
      expect(theirs.code).to.equal('Z_STREAM_ERROR');
      expect(await outcomeOf(pool.createDeflateRaw() as never, drive)).to.deep.equal(theirs);
    });

    it(`sets level and strategy between two writes (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const drive = async (stream: Encoder): Promise<void> => {
        await new Promise((resolve) => stream.write(json(2_000, 1), resolve));
        await new Promise<void>((resolve) => stream.params(0, constants.Z_FIXED, resolve));
        await new Promise((resolve) => stream.write(json(2_000, 2), resolve));
        stream.end();
      };
      for (const name of ['createDeflate', 'createGzip'] as const) {
        const theirs = await outcomeOf(zlib[name]() as never, drive);
        expect(await outcomeOf(pool[name]() as never, drive), name).to.deep.equal(theirs);
      }
    });

    it(`has the same output below a limit on it (${engine})`, () => {
      const pool = new ZlibPool({ engine });
      const input = json(2_498, 1);
      for (const level of [0, 1, 6]) {
        const options = { level, maxOutputLength: 4_000 };
        expect(pool.deflateSync(input, options).equals(zlib.deflateSync(input, options)), `level ${level}`).to.equal(
          true,
        );
      }
      const [ours, theirs] = ([pool, zlib] as unknown as Functions[]).map(({ zstdCompressSync }) => zstdCompressSync);
      // Node 20 has no Zstandard.
      if (theirs === undefined) return;
      // Compression level, window log and strategy.
      const options = { params: { 100: -5, 101: 10, 107: 2 }, maxOutputLength: 1_966 };
      expect(ours?.call(pool, input, options).equals(theirs(input, options))).to.equal(true);
    });
  }
});

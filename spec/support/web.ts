/** Streams of `zlease/web` and of Node, written and read to their ends. */
import { expect } from 'chai';
import type { Format } from '../../lib/index.ts';
import type { CompressionFormat } from '../../lib/web.ts';
import { formats as engineFormats } from './samples.ts';

/** High water mark of the readable side, in bytes. */
export const HIGH_WATER_MARK = 65_536;

/** Formats of the classes of `zlease/web` on this Node, with the pool's name of each. */
export const names: Partial<Record<CompressionFormat, Format>> = {
  gzip: 'gzip',
  deflate: 'deflate',
  'deflate-raw': 'deflate-raw',
  brotli: 'br',
  ...(engineFormats.includes('zstd') ? { zstd: 'zstd' as const } : {}),
};
export const formats = Object.keys(names) as CompressionFormat[];

interface Stream {
  readonly readable: ReadableStream<Uint8Array<ArrayBuffer>>;
  readonly writable: WritableStream<ArrayBuffer | ArrayBufferView>;
}

export type Chunk = ArrayBuffer | ArrayBufferView;

export interface Outcome {
  /** All output. */
  output: Buffer;
  chunks: Uint8Array[];
  /** Error of the reads. */
  error: NodeJS.ErrnoException | undefined;
  /** Errors of the writes, of `close()` and of `closed`. */
  writes: unknown[];
}

/** Writes all and closes, and reads to the end or to an error. */
export async function outcome({ readable, writable }: Stream, chunks: readonly Chunk[]): Promise<Outcome> {
  const writer = writable.getWriter();
  const steps = [...chunks.map((chunk) => writer.write(chunk)), writer.close(), writer.closed];
  const settled = Promise.all(
    steps.map((step) =>
      step.then(
        () => undefined,
        (error) => error,
      ),
    ),
  );
  const read: Uint8Array[] = [];
  let error: NodeJS.ErrnoException | undefined;
  try {
    for await (const chunk of readable) read.push(chunk);
  } catch (reason) {
    error = reason as NodeJS.ErrnoException;
  }
  return { output: Buffer.concat(read), chunks: read, error, writes: await settled };
}

/** Expects that both sides have failed with the same TypeError. */
export function expectFailure({ error, writes }: Outcome, code: string): void {
  expect(error).to.be.instanceOf(TypeError).with.property('code', code);
  expect(writes.at(-2), 'close()').to.equal(error);
  expect(writes.at(-1), 'closed').to.equal(error);
}

export async function rejection(promise: Promise<unknown>): Promise<unknown> {
  return promise.then(
    () => expect.fail('It did not reject'),
    (error) => error,
  );
}

/** P8 same as zlib: events, bytes, errors and bytesWritten of node:zlib itself, run beside ours in the same spec. */

import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { createGunzip, type ZlibOptions } from 'node:zlib';
import { expect } from 'chai';
import type { DecompressOptions, Format } from '../../lib/index.ts';
import { engines, ZlibPool } from '../support/library.ts';
import { type Outcome, outcome, type Reading } from '../support/outcome.ts';
import { compress, formats, pieces, sample } from '../support/samples.ts';
import { stockStream } from '../support/stock.ts';

function inputs(format: Format): Record<string, Buffer> {
  // Not a whole number of chunks: where zstd data ends with a full one, node:zlib goes on to what is behind it.
  const { data } = sample(40_007, 1, format);
  const second = sample(900, 2, format).data;
  // More than the main thread makes, and more than a slab of output.
  const big = sample(140_000, 3, format).data;
  return {
    good: data,
    'good and big': big,
    'good and small': second,
    'small and truncated': second.subarray(0, -3),
    'small and corrupt': Buffer.concat([second.subarray(0, 60), Buffer.alloc(20, 0xff), second.subarray(80)]),
    'of no bytes': compress(format, ''),
    empty: Buffer.alloc(0),
    'one byte': data.subarray(0, 1),
    truncated: data.subarray(0, -11),
    'truncated by one byte': data.subarray(0, -1),
    corrupt: Buffer.concat([data.subarray(0, 2_000), Buffer.alloc(500, 0xff), data.subarray(2_500)]),
    'corrupt at once': Buffer.from('this was never compressed'),
    'good, with zeros behind it': Buffer.concat([data, Buffer.alloc(700)]),
    'good, with garbage behind it': Buffer.concat([data, Buffer.from('garbage behind the end')]),
    'good, with zeros and garbage behind it': Buffer.concat([data, Buffer.alloc(9), Buffer.from('garbage')]),
    'two members': Buffer.concat([data, second]),
    'two members, the second truncated': Buffer.concat([data, second.subarray(0, -5)]),
    'two members, zeros between them': Buffer.concat([data, Buffer.alloc(3), second]),
  };
}

/** How the input arrives. */
const writings: Record<string, (data: Buffer) => (stream: Duplex) => void | Promise<void>> = {
  'in one end()': (data) => (stream) => void stream.end(data),
  'in a write() and an end()': (data) => (stream) => {
    stream.write(data);
    stream.end();
  },
  'in pieces at once': (data) => (stream) => {
    for (const piece of pieces(data, 777)) stream.write(piece, () => {});
    stream.end();
  },
  'in pieces, each when the one before is done': (data) => async (stream) => {
    for (const piece of pieces(data, 1 + (data.length >> 2))) {
      if (!stream.destroyed) await Promise.race([new Promise((resolve) => stream.write(piece, resolve)), gone(stream)]);
    }
    await nextTurn();
    stream.end();
  },
};

function gone(stream: Duplex): Promise<void> {
  return new Promise((resolve) => {
    if (stream.closed) resolve();
    else stream.once('close', resolve);
  });
}

const readings: readonly Reading[] = ['data', 'readable', 'slow', 'iterate'];

/** Node 20 does not have rejectGarbageAfterEnd; zlease does. */
const hasReject = Number.parseInt(process.versions.node, 10) >= 22;
const optionSets: readonly (DecompressOptions | undefined)[] = [
  undefined,
  { chunkSize: 16_384 },
  { chunkSize: 1_000 },
  ...(hasReject ? [{ rejectGarbageAfterEnd: true }] : []),
];

/** The events whose order does not depend on how fast data comes and goes. */
function lifecycle({ events }: Outcome): string[] {
  return events.filter((event) => event !== 'data' && event !== 'readable');
}

function compare(ours: Outcome, theirs: Outcome, reading: Reading, exact: boolean): void {
  expect(ours.error).to.deep.equal(theirs.error);
  const [shorter, longer] = [ours.bytes, theirs.bytes].sort((a, b) => a.length - b.length) as [Buffer, Buffer];
  expect(longer.subarray(0, shorter.length).equals(shorter), 'the same bytes').to.equal(true);
  if (theirs.error === undefined) expect(ours.bytes.length).to.equal(theirs.bytes.length);
  // A reader that takes its time loses, at an error, what it has not read: how much, depends on the time.
  if (reading !== 'data') return;
  expect(lifecycle(ours)).to.deep.equal(lifecycle(theirs));
  if (!exact) return;
  expect(ours.events.filter((event) => event !== 'readable')).to.deep.equal(
    theirs.events.filter((event) => event !== 'readable'),
  );
  expect(ours.bytes.length).to.equal(theirs.bytes.length);
  expect(ours.bytesWritten).to.equal(theirs.bytesWritten);
}

describe('P8 same as zlib', () => {
  for (const format of formats) {
    for (const [name, data] of Object.entries(inputs(format))) {
      /** What node:zlib does, for both engines. */
      const known = new Map<string, Promise<Outcome>>();
      for (const engine of engines) {
        it(`does what node:zlib does with input that is ${name} (${format}, ${engine})`, async () => {
          const pool = new ZlibPool({ engine });
          // Whoever iterates destroys the stream at its end: what is behind that, and bad, may or may not be seen before.
          const cases = Object.entries(writings).flatMap(([how, writing]) =>
            readings
              .filter((reading) => reading !== 'iterate' || !/behind|between/.test(name))
              .flatMap((reading) => optionSets.map((options) => ({ how, writing, reading, options }))),
          );
          await Promise.all(
            cases.map(async ({ how, writing, reading, options }) => {
              const key = JSON.stringify([how, reading, options]);
              if (!known.has(key)) {
                known.set(key, outcome(stockStream(format, options as ZlibOptions), writing(data), reading));
              }
              const theirs = (await known.get(key)) as Outcome;
              const ours = await outcome(pool.createDecompress(format, options), writing(data), reading);
              // An error takes its slab along: in the threadpool one that is larger than node:zlib's, without a chunkSize.
              const exact = theirs.error === undefined || (options?.chunkSize !== undefined && engine === 'native');
              try {
                compare(ours, theirs, reading, exact);
              } catch (error) {
                (error as Error).message += `; ${how}, read by ${reading}, ${JSON.stringify(options)}`;
                throw error;
              }
            }),
          );
        });
      }
    }
  }

  it('hands out what node:zlib hands out before an error, where all is done on the main thread', async () => {
    for (const [name, data] of Object.entries(inputs('gzip'))) {
      if (name === 'good and big') continue;
      for (const [how, writing] of Object.entries(writings)) {
        const theirs = await outcome(createGunzip(), writing(data));
        const pool = new ZlibPool({ engine: 'native', inline: { turnLength: 1e9 } });
        const ours = await outcome(pool.createGunzip(), writing(data));
        expect(ours.bytes.length, `${name}, ${how}`).to.equal(theirs.bytes.length);
        expect(ours.bytesWritten, `${name}, ${how}`).to.equal(theirs.bytesWritten);
      }
    }
  });

  for (const engine of engines) {
    it(`takes a reset() inside 'data' as node:zlib does, also when all has come (${engine})`, async () => {
      const { data } = sample(900);
      const pool = new ZlibPool({ engine });
      const writing = (stream: Duplex & { reset?: () => void }) => {
        stream.once('data', () => stream.reset?.());
        stream.end(data);
      };
      // The public engine's inner stream is ahead of what was read: there, a reset midway finds nothing left.
      const midway = engine === 'native' ? ([['Z_DATA_ERROR', { chunkSize: 100 }]] as const) : [];
      for (const [code, options] of [['Z_BUF_ERROR'] as const, ...midway]) {
        const theirs = await outcome(createGunzip(options), writing);
        expect(theirs.error?.code).to.equal(code);
        compare(await outcome(pool.createGunzip(options), writing), theirs, 'data', true);
      }
    });
  }
});

/** What old code does with a stream beyond its documented API: `_processChunk()` without a callback, `_handle`, and their neighbours. */
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { constants, createDeflate, deflateSync, type ZlibOptions } from 'node:zlib';
import { expect } from 'chai';
import { decoder } from '../../lib/engine/codecs.ts';
import type { DecompressOptions, DecompressStream, Format } from '../../lib/index.ts';
import { channels } from '../../lib/observe/channels.ts';
import { engines, ZlibPool } from '../support/library.ts';
import { bytesOf, closed, thrownBy } from '../support/outcome.ts';
import { compress, formats, json, sample } from '../support/samples.ts';
import { stockStream } from '../support/stock.ts';

interface Handle {
  close(): void;
  reset(): void;
}
type Old = Omit<DecompressStream, 'close' | '_handle' | '_processChunk'> & {
  _handle: Handle | null | undefined;
  _closed: boolean;
  _processChunk(chunk: Buffer, flag: number, callback?: (error?: Error) => void): Buffer;
  close: () => void;
} & Record<string, unknown>;

const { Z_SYNC_FLUSH, Z_FINISH } = constants;
const SEALED = 'ERR_LEASE_SEALED';

/** As chat clients do: the stream's window is kept over the call, since nothing can close it. */
function keepingWindow(stream: Old, chunk: Buffer, flag: number): Buffer {
  const { _handle: handle, close } = stream;
  const { close: closeHandle } = handle as Handle;
  stream.close = (handle as Handle).close = () => {};
  try {
    return stream._processChunk(chunk, flag);
  } finally {
    stream.close = close;
    stream._handle = handle;
    (handle as Handle).close = closeHandle;
  }
}

/** Messages of one window, each as one piece. */
async function conversation(texts: string[]): Promise<Buffer[]> {
  const deflate = createDeflate();
  const pieces: Buffer[] = [];
  let piece: Buffer[] = [];
  deflate.on('data', (chunk) => piece.push(chunk));
  for (const text of texts) {
    piece = [];
    deflate.write(text);
    await new Promise<void>((resolve) => deflate.flush(Z_SYNC_FLUSH, resolve));
    pieces.push(Buffer.concat(piece));
  }
  return pieces;
}

function pairs(format: Format, options?: DecompressOptions): Old[] {
  return [
    stockStream(format, options as ZlibOptions) as unknown as Old,
    ...engines.map((engine) => new ZlibPool({ engine }).createDecompress(format, options) as unknown as Old),
  ];
}

const texts = [
  'the same words',
  'the same words',
  String(json(50_000, 3)),
  'the same words',
  '',
  String(json(50_000, 3)),
];

describe('Old uses of a stream', () => {
  for (const engine of engines) {
    it(`keep a window over _processChunk(), on one lease (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const stream = pool.createInflate() as unknown as Old;
      const pieces = await conversation(texts);
      for (const [i, piece] of pieces.entries()) {
        expect(String(keepingWindow(stream, piece, Z_SYNC_FLUSH))).to.equal(texts[i]);
        expect(stream.bytesWritten).to.equal(piece.length);
        expect(pool.stats).to.include({ leased: 1, created: 1 });
      }
      stream.destroy();
      await closed(stream as never);
      expect(pool.stats.leased).to.equal(0);
    });

    it(`may write between calls of _processChunk(): the window is the stream's (${engine})`, async () => {
      const stream = new ZlibPool({ engine }).createInflate() as unknown as Old;
      const pieces = await conversation(texts.slice(0, 4));
      const out: Buffer[] = [];
      stream.on('data', (chunk) => out.push(chunk));
      for (const [i, piece] of pieces.entries()) {
        if (i % 2 === 0) await new Promise((resolve) => stream.write(piece, resolve));
        else out.push(keepingWindow(stream, piece, Z_SYNC_FLUSH));
      }
      expect(String(Buffer.concat(out))).to.equal(texts.slice(0, 4).join(''));
      stream.destroy();
      await closed(stream as never);
    });

    it(`may have replaced Buffer.concat for the call (${engine})`, () => {
      const stream = new ZlibPool({ engine }).createInflate() as unknown as Old;
      const plain = json(90_000, 1);
      const { concat } = Buffer;
      let output: unknown;
      Buffer.concat = ((pieces: Buffer[]) => pieces) as never;
      try {
        output = stream._processChunk(deflateSync(plain), Z_FINISH);
      } finally {
        Buffer.concat = concat;
      }
      expect(plain.equals(output as Buffer)).to.equal(true);
    });

    it(`end the lease with _processChunk(), where the handle is not kept (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      for (const format of formats) {
        const { plain, data } = sample(40_000, 1, format);
        const { finishFlush } = decoder(format);
        const stream = pool.createDecompress(format) as unknown as Old;
        expect(stream._processChunk(data, finishFlush).equals(plain), format).to.equal(true);
        expect(pool.stats.leased).to.equal(0);
        expect([stream._handle, stream._closed, stream.destroyed]).to.deep.equal([null, true, false]);
        expect(() => stream._processChunk(data, finishFlush))
          .to.throw()
          .with.property('code', SEALED);
        expect(() => stream.reset())
          .to.throw()
          .with.property('code', SEALED);
        expect(pool.stats.leased).to.equal(0);
      }
    });

    it(`take no engine that was closed by hand (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const { data } = sample(900);
      const stream = pool.createGunzip() as unknown as Old;
      await new Promise((resolve) => stream.write(data.subarray(0, 100), resolve));
      expect(pool.stats.leased).to.equal(1);
      const handle = stream._handle as Handle;
      handle.close();
      expect(pool.stats.leased).to.equal(0);
      handle.close();
      expect(() => stream._processChunk(data, Z_FINISH))
        .to.throw()
        .with.property('code', SEALED);
      await new Promise((resolve) => stream.write(data, resolve));
      expect(pool.stats.leased).to.equal(0);
      stream.destroy();
      await closed(stream as never);
      expect(pool.stats).to.include({ leased: 0, created: 1 });
    });

    it(`may close the handle during a write: the lease ends with the stream (${engine})`, async () => {
      const pool = new ZlibPool({ engine, inline: { inputLength: 0 } });
      const { data } = sample(200_000);
      const stream = pool.createGunzip() as unknown as Old;
      stream.resume().write(data);
      // The write is in flight a tick later, and can't land within this turn of the event loop.
      await new Promise((resolve) => process.nextTick(resolve));
      (stream._handle as Handle).close();
      expect(pool.stats.leased).to.equal(1);
      stream.destroy();
      await closed(stream as never);
      expect(pool.stats.leased).to.equal(0);
    });

    it(`reset the window by the handle (${engine})`, async () => {
      const stream = new ZlibPool({ engine }).createInflate() as unknown as Old;
      const [first] = await conversation(['the same words']);
      expect(String(keepingWindow(stream, first as Buffer, Z_SYNC_FLUSH))).to.equal('the same words');
      (stream._handle as Handle).reset();
      expect(String(keepingWindow(stream, first as Buffer, Z_SYNC_FLUSH))).to.equal('the same words');
      stream.destroy();
      await closed(stream as never);
    });

    it(`find the stream destroyed by bad data in _processChunk(), as in node:zlib (${engine})`, async () => {
      for (const format of formats) {
        const seen: unknown[] = [];
        const bad = Buffer.concat([sample(900, 1, format).data.subarray(0, 60), Buffer.alloc(40, 0xff)]);
        for (const stream of [
          stockStream(format) as unknown as Old,
          new ZlibPool({ engine }).createDecompress(format),
        ]) {
          // Without a listener of its own: the error has one all the same.
          const thrown = thrownBy(() => (stream as Old)._processChunk(bad, decoder(format).finishFlush));
          for (let i = 0; i < 3; i++) await nextTurn();
          seen.push([{ ...thrown, message: '' }, stream.destroyed, (stream.errored as NodeJS.ErrnoException)?.code]);
        }
        // Which of the errors of Zstandard comes, depends on its buffers.
        if (format !== 'zstd') expect(seen[1], format).to.deep.equal(seen[0]);
      }
    });

    it(`keep to the limits of the pool, call by call (${engine})`, async () => {
      const pieces = await conversation([...texts, String(json(200_000, 4))]);
      const pool = new ZlibPool({ engine, maxOutputLength: 60_000 });
      const stream = pool.createInflate() as unknown as Old;
      for (const [i, piece] of pieces.slice(0, -1).entries()) {
        expect(String(keepingWindow(stream, piece, Z_SYNC_FLUSH))).to.equal(texts[i]);
      }
      const code = 'ERR_BUFFER_TOO_LARGE';
      expect(() => stream._processChunk(pieces.at(-1) as Buffer, Z_SYNC_FLUSH))
        .to.throw()
        .with.property('code', code);
      stream.destroy();
      await closed(stream as never);
      expect(pool.stats.leased).to.equal(0);
    });

    it(`are refused where the pool is closed, and during a write (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      const { data } = sample(900);
      const busy = pool.createGunzip() as unknown as Old;
      busy.write(data);
      expect(() => busy._processChunk(data, Z_FINISH)).to.throw('A write is in progress');
      busy.destroy();
      await closed(busy as never);
      const stream = pool.createGunzip() as unknown as Old;
      void pool.close();
      expect(() => stream._processChunk(data, Z_FINISH))
        .to.throw()
        .with.property('code', 'ERR_POOL_CLOSED');
    });
  }

  it('give the engine back where a subscriber of the channel acts on the stream', async () => {
    const { data } = sample(900);
    const acts: Record<string, (stream: Old) => void> = {
      destroy: (stream) => stream.destroy(),
      write: (stream) => stream.write(data),
      '_processChunk()': (stream) => stream._processChunk(data, Z_FINISH),
      'delete the handle': (stream) => {
        stream._handle = undefined;
      },
    };
    for (const [name, act] of Object.entries(acts)) {
      const pool = new ZlibPool();
      const stream = pool.createGunzip() as unknown as Old;
      let calls = 0;
      const subscriber = () => void (calls++ === 0 && act(stream));
      channels.lease.subscribe(subscriber);
      try {
        expect(() => stream._processChunk(data, Z_FINISH), name).to.throw(/ended or failed|write is in progress/);
      } finally {
        channels.lease.unsubscribe(subscriber);
      }
      stream.destroy();
      await closed(stream as never);
      expect(pool.stats.leased, name).to.equal(0);
    }
  });

  it('read, assign and delete _handle as on a stream of node:zlib', async () => {
    for (const format of formats) {
      const steps = (stream: Old): unknown[] => {
        const handle = stream._handle;
        const seen: unknown[] = ['_handle' in stream, typeof handle?.close, stream._closed];
        seen.push(Object.keys(stream).includes('_handle'), handle?.constructor.name);
        stream._handle = null;
        seen.push(stream._handle, stream._closed);
        stream._handle = handle;
        seen.push(stream._handle === handle, stream._closed);
        seen.push(Reflect.deleteProperty(stream, '_handle'), stream._handle, '_handle' in stream || true);
        stream._handle = handle;
        stream.destroy();
        seen.push(stream._handle, stream._closed);
        return seen;
      };
      const [theirs, ...ours] = pairs(format).map(steps);
      for (const one of ours) expect(one, format).to.deep.equal(theirs);
    }
  });

  it('write nothing where the handle was taken away, as in node:zlib', async () => {
    const { data } = sample(900);
    for (const stream of pairs('gzip')) {
      stream._handle = null;
      const seen: string[] = [];
      for (const name of ['data', 'finish', 'end', 'close']) stream.on(name, () => seen.push(name));
      stream.end(data);
      await once(stream as never, 'close');
      expect(seen).to.deep.equal(['finish', 'end', 'close']);
    }
  });

  it('read every property of the kind that a stream of node:zlib has', () => {
    for (const format of formats) {
      const optionSets = [
        undefined,
        { chunkSize: 1_000 },
        { flush: 1, finishFlush: 1, info: true, maxOutputLength: 5_000 },
      ];
      for (const options of optionSets) {
        const [stock, ...ours] = pairs(format, options);
        const names = Object.keys(stock as Old).filter((name) =>
          /^_(?!handle|events|readableState|writableState)/.test(name),
        );
        expect(names).to.include.members([
          '_chunkSize',
          '_outBuffer',
          '_outOffset',
          '_finishFlushFlag',
          '_defaultFlushFlag',
          '_info',
        ]);
        for (const stream of ours) {
          for (const name of names) {
            if (name === '_outBuffer')
              expect((stream[name] as Buffer).length).to.equal(((stock as Old)[name] as Buffer).length);
            else expect(stream[name], `${format} ${name}`).to.deep.equal((stock as Old)[name]);
          }
          stream._chunkSize = 5;
          expect(stream._chunkSize).to.equal(5);
        }
      }
    }
  });

  it('cost nothing and keep nothing where nobody reads such properties', async () => {
    const pool = new ZlibPool();
    const stream = pool.createGunzip();
    expect(Object.keys(stream)).not.to.include.members(['_chunkSize', '_handle']);
    expect(String(await bytesOf(stream, compress('gzip', 'hello')))).to.equal('hello');
    expect(pool.stats.created).to.equal(1);
  });
});

/** P8 same as zlib: which events can be awaited one after the other, and what `captureRejections` makes of them. */
import { EventEmitter, once } from 'node:events';
import { Readable } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { ZlibOptions } from 'node:zlib';
import { expect } from 'chai';
import type { DecompressOptions, DecompressStream, Format } from '../../lib/index.ts';
import { engines, ZlibPool } from '../support/library.ts';
import { closed } from '../support/outcome.ts';
import { compress, formats, json, pieces } from '../support/samples.ts';
import { stockStream } from '../support/stock.ts';

type Make = (options?: DecompressOptions) => DecompressStream;

/** A stream's end of writing, in each situation in which code can call it. */
const writings: Record<string, (stream: DecompressStream, data: Buffer) => void | Promise<void>> = {
  'in one end()': (stream, data) => void stream.end(data),
  'in write() and end()': (stream, data) => {
    stream.write(data);
    stream.end();
  },
  piped: (stream, data) => void Readable.from(pieces(data, 1 + (data.length >> 1))).pipe(stream),
  'with end() in a microtask, all written before': async (stream, data) => {
    await new Promise((resolve) => stream.write(data, resolve));
    stream.end();
  },
  'with end() in a microtask behind others': async (stream, data) => {
    await new Promise((resolve) => stream.write(data, resolve));
    for (let i = 0; i < 5; i++) await null;
    stream.end();
  },
  'with end() in a tick': async (stream, data) => {
    await new Promise((resolve) => stream.write(data, resolve));
    process.nextTick(() => stream.end());
  },
  'with end() in a turn of its own': async (stream, data) => {
    await new Promise((resolve) => stream.write(data, resolve));
    setImmediate(() => stream.end());
  },
};

/** Whether 'end' comes when 'finish' was awaited; not if both are over by then. */
async function endsAfterFinish(stream: DecompressStream, writing: (typeof writings)[string], data: Buffer) {
  stream.resume();
  const over = new Promise((resolve) => stream.once('close', () => setImmediate(resolve, 'too late')));
  const finish = once(stream, 'finish');
  void writing(stream, data);
  await finish;
  return Promise.race([once(stream, 'end').then(() => 'in time'), over]);
}

describe('The order of events', () => {
  for (const engine of engines) {
    for (const format of formats) {
      it(`lets 'end' be awaited after 'finish' was (${format}, ${engine})`, async () => {
        const inputs = [Buffer.from('hello'), json(3_000, 1), json(100_000, 1), json(600_000, 1)];
        for (const input of inputs) {
          const data = compress(format as Format, input);
          for (const [name, writing] of Object.entries(writings)) {
            const pool = new ZlibPool({ engine });
            const makes: Make[] = [
              (options) => stockStream(format, options as ZlibOptions) as never,
              (options) => pool.createDecompress(format, options),
            ];
            for (const make of makes) {
              expect(await endsAfterFinish(make(), writing, data), `${name}, ${input.length}`).to.equal('in time');
            }
          }
        }
      });
    }
  }

  it("lets 'end' be awaited after 'finish' was, for many streams that end at different times of one turn", async () => {
    const pool = new ZlibPool({ engine: 'native', inline: { turnLength: 1e9 } });
    const data = compress('gzip', json(900, 1));
    const results = Array.from({ length: 300 }, async (_, i) => {
      for (let ticks = i % 7; ticks > 0; ticks--) await new Promise((resolve) => process.nextTick(resolve));
      for (let microtasks = i % 5; microtasks > 0; microtasks--) await null;
      const writing = Object.values(writings)[i % 7] as (typeof writings)[string];
      return endsAfterFinish(pool.createGunzip(), writing, data);
    });
    expect(new Set(await Promise.all(results))).to.deep.equal(new Set(['in time']));
  });

  /** Each event and error of a stream whose listeners of `rejecting` are async functions that reject. */
  async function course(
    make: Make,
    rejecting: string,
    microtasks: number,
    writing: (typeof writings)[string],
    data: Buffer,
  ) {
    const stream = make({ captureRejections: true } as DecompressOptions);
    const seen: string[] = [];
    for (const name of ['data', 'prefinish', 'finish', 'end', 'error', 'close']) {
      stream.on(name, (value) => seen.push(name === 'error' ? `error ${(value as Error).message}` : name));
    }
    stream.on(rejecting, async () => {
      for (let i = 0; i < microtasks; i++) await null;
      throw new Error(`of ${rejecting}`);
    });
    void writing(stream, data);
    await closed(stream as never);
    return seen;
  }

  it('has captureRejections stop a stream between two chunks of output, as in node:zlib', async () => {
    const message = compress('gzip', json(900, 1));
    const many: (typeof writings)[string] = (stream) => {
      for (let i = 0; i < 5; i++) stream.write(message);
      stream.end();
    };
    const short: Make = (options) => new ZlibPool().createGunzip({ ...options, chunkSize: 100 });
    const theirShort: Make = (options) => stockStream('gzip', { ...options, chunkSize: 100 } as ZlibOptions) as never;
    for (const microtasks of [0, 1, 5]) {
      const theirs = await course(
        (options) => stockStream('gzip', options as ZlibOptions) as never,
        'data',
        microtasks,
        many,
        message,
      );
      expect(theirs).to.deep.equal(['data', 'error of data', 'close']);
      for (const engine of engines) {
        const pool = new ZlibPool({ engine });
        const ours = await course((options) => pool.createGunzip(options), 'data', microtasks, many, message);
        expect(ours).to.deep.equal(theirs);
      }
      const [a, b] = [
        await course(short, 'data', microtasks, many, message),
        await course(theirShort, 'data', microtasks, many, message),
      ];
      expect(a).to.deep.equal(b);
    }
  });

  it('has captureRejections work where it is the default of all emitters', async () => {
    EventEmitter.captureRejections = true;
    try {
      const message = compress('gzip', json(900, 1));
      const many: (typeof writings)[string] = (stream) => {
        for (let i = 0; i < 5; i++) stream.write(message);
      };
      const seen = await course(() => new ZlibPool().createGunzip(), 'data', 1, many, message);
      expect(seen).to.deep.equal(['data', 'error of data', 'close']);
    } finally {
      EventEmitter.captureRejections = false;
    }
  });

  for (const engine of engines) {
    for (const rejecting of ['data', 'prefinish', 'finish', 'end', 'drain', 'close']) {
      it(`has captureRejections work as in node:zlib, with a listener of '${rejecting}' (${engine})`, async () => {
        const data = compress('gzip', json(3_000, 1));
        for (const [name, writing] of Object.entries(writings)) {
          // In each of these more than one 'data' could come, or none.
          if (name === 'piped') continue;
          for (const microtasks of [0, 1, 5]) {
            const pool = new ZlibPool({ engine });
            const theirs = await course(
              (options) => stockStream('gzip', options as ZlibOptions) as never,
              rejecting,
              microtasks,
              writing,
              data,
            );
            const ours = await course((options) => pool.createGunzip(options), rejecting, microtasks, writing, data);
            expect(ours, `${name}, ${microtasks}`).to.deep.equal(theirs);
            await nextTurn();
            expect(pool.stats.leased).to.equal(0);
          }
        }
      });
    }
  }
});

describe('A stream that is destroyed while it is made', () => {
  /** Signals that abort the stream inside of the constructor of Transform. */
  const signals: Record<string, () => AbortSignal> = {
    'is aborted': () => AbortSignal.abort(),
    'is aborted for a reason': () => AbortSignal.abort(new Error('a reason')),
    'calls its listener at once': () =>
      Object.assign(new EventTarget(), {
        aborted: false,
        reason: undefined,
        addEventListener: (_type: string, listener: () => void) => listener(),
      }) as unknown as AbortSignal,
    'becomes aborted when it is asked for its reason': () => {
      const controller = new AbortController();
      controller.abort();
      return controller.signal;
    },
  };

  for (const engine of engines) {
    for (const [name, signal] of Object.entries(signals)) {
      it(`by a signal that ${name}, fails as node:zlib's does and takes no engine (${engine})`, async () => {
        for (const format of formats) {
          const data = compress(format as Format, 'hello');
          for (const more of [{}, { autoDestroy: false }, { emitClose: false }, { chunkSize: 100 }]) {
            const pool = new ZlibPool({ engine });
            const course = async (stream: DecompressStream) => {
              const seen: unknown[] = [];
              stream.on('error', ({ name, code, message, cause }: NodeJS.ErrnoException) =>
                seen.push(['error', name, code, message, String(cause)]),
              );
              for (const event of ['data', 'prefinish', 'finish', 'end', 'close'])
                stream.on(event, () => seen.push(event));
              seen.push(stream.destroyed, stream.bytesWritten);
              stream.flush(() => seen.push('flushed'));
              stream.write(data, (error) => seen.push(['written', (error as NodeJS.ErrnoException)?.code]));
              stream.end((error?: NodeJS.ErrnoException | null) => seen.push(['ended', error?.code]));
              stream.close((error) => seen.push(['closed', error?.code]));
              stream.destroy();
              stream.read();
              for (let i = 0; i < 3; i++) await nextTurn();
              return seen;
            };
            const options = { ...more, signal: signal() } as DecompressOptions;
            const theirs = await course(stockStream(format, options as ZlibOptions) as never);
            const ours = pool.createDecompress(format, options);
            const outside = ours as unknown as { _handle: unknown; _processChunk(...args: unknown[]): unknown };
            expect(outside._handle).to.equal(null);
            expect(() => ours.reset())
              .to.throw('ended or failed')
              .with.property('code', 'ERR_LEASE_SEALED');
            expect(() => outside._processChunk(data, 0))
              .to.throw()
              .with.property('code', 'ERR_LEASE_SEALED');
            outside._processChunk(data, 0, () => {});
            expect(await course(ours), `${format} ${JSON.stringify(more)}`).to.deep.equal(theirs);
            expect(pool.stats).to.include({ created: 0, leased: 0, waiting: 0 });
          }
        }
      });
    }
  }
});

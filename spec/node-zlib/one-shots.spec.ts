/**
 * The one-shot functions, beside node:zlib's: arguments, answers, errors, context, limits, waiting,
 * and under install().
 */
import { AsyncLocalStorage } from 'node:async_hooks';
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { once } from 'node:events';
import { inspect, promisify } from 'node:util';
import { runInNewContext } from 'node:vm';
import zlib, { type InputType } from 'node:zlib';
import { expect } from 'chai';
import type { DecompressStream, Format, LeaseEvent } from '../../lib/index.ts';
import { DecompressionStream, defaultPool, engines, gunzip, install, library, ZlibPool } from '../support/library.ts';
import { compress, formats, sample } from '../support/samples.ts';
import { uncaughtDuring } from '../support/uncaught.ts';

type Callback = (error: NodeJS.ErrnoException | null, output?: Buffer) => void;
type OneShot = (buffer: unknown, options?: unknown, callback?: Callback) => void;
type Sync = (buffer: unknown, options?: unknown) => Buffer;
type Functions = Record<string, OneShot & Sync>;

const names: Record<Format, string> = {
  gzip: 'gunzip',
  deflate: 'inflate',
  'deflate-raw': 'inflateRaw',
  unzip: 'unzip',
  br: 'brotliDecompress',
  zstd: 'zstdDecompress',
};
const stock = { ...zlib } as unknown as Functions;
const { plain } = sample(20_000);

function detached(bytes: Uint8Array<ArrayBuffer>): Uint8Array {
  structuredClone(bytes.buffer, { transfer: [bytes.buffer] });
  return bytes;
}

interface Outcome {
  thrown?: unknown;
  error?: unknown;
  output?: string | undefined;
}

function told(error: unknown): unknown {
  if (error === null || error === undefined) return error;
  const { name, code, errno, message } = error as NodeJS.ErrnoException;
  return { name, code, errno, message };
}

/** Output as text, also that of `info: true`. */
function textOf(output: unknown): string | undefined {
  if (output === undefined || Buffer.isBuffer(output)) return output?.toString('latin1');
  const { buffer, engine } = output as { buffer: Buffer; engine: object };
  return `${engine.constructor.name} ${buffer.toString('latin1')}`;
}

/** The result of a call of an asynchronous function. */
function outcomeOf(functions: Functions, name: string, ...args: unknown[]): Promise<Outcome> {
  return new Promise((resolve) => {
    try {
      functions[name]?.(...(args as [unknown]), (...answer: unknown[]) => {
        const [error, output] = answer;
        // Without an output, node:zlib calls back with one argument.
        resolve({ error: told(error), ...(answer.length > 1 && { output: textOf(output) }) });
      });
    } catch (thrown) {
      resolve({ thrown: told(thrown) });
    }
  });
}

function outcomeNow(functions: Functions, name: string, ...args: unknown[]): Outcome {
  try {
    return { output: textOf(functions[`${name}Sync`]?.(...(args as [unknown]))) };
  } catch (thrown) {
    return { thrown: told(thrown) };
  }
}

describe('One-shot functions of the package', () => {
  const functions = library as unknown as Functions;

  for (const [format, name] of Object.entries(names)) {
    it(`has ${name}() and ${name}Sync() on the default pool`, async () => {
      const isThere = formats.includes(format as Format);
      const data = isThere ? compress(format as Format, plain) : plain;
      const leases = () => defaultPool.stats.created + defaultPool.stats.reused;
      const before = leases();
      const outcomes = [await outcomeOf(functions, name, data), outcomeNow(functions, name, data)];
      if (isThere) expect(outcomes.map(({ output }) => output)).to.deep.equal(Array(2).fill(plain.toString('latin1')));
      else
        for (const outcome of outcomes)
          expect(outcome).to.have.nested.property('thrown.code', 'ERR_FORMAT_UNAVAILABLE');
      expect(leases() - before).to.equal(isThere ? 2 : 0);
      const { length, name: own } = functions[name] as OneShot;
      expect({ length, own }).to.deep.equal({ length: 3, own: name });
      expect(functions[`${name}Sync`]).to.include({ length: 2, name: `${name}Sync` });
    });
  }

  it('can be promisified, with the types of node:zlib', async () => {
    const promised = promisify(gunzip);
    const data = compress('gzip', plain);
    const outputs: Buffer[] = [await promised(data), await promised(data, { maxOutputLength: 20_000 })];
    expect(outputs.every((output) => output.equals(plain))).to.equal(true);
    await promised(data, { maxOutputLength: 19_999 }).then(
      () => expect.fail('resolved'),
      (error) => expect(error).to.have.property('code', 'ERR_BUFFER_TOO_LARGE'),
    );
  });
});

for (const engine of engines) {
  describe(`One-shot functions (${engine})`, () => {
    const pool = new ZlibPool({ engine });
    const ours = pool as unknown as Functions;

    for (const format of formats) {
      const name = names[format];
      const data = compress(format, plain);
      const bytes = new Uint8Array(data);
      const shared = new Uint8Array(new SharedArrayBuffer(bytes.length));
      shared.set(bytes);
      const inputs: Record<string, unknown> = {
        'a Buffer': data,
        'a Uint8Array': bytes,
        'a DataView': new DataView(bytes.buffer),
        'an ArrayBuffer': bytes.buffer,
        'a Uint16Array': new Uint16Array(bytes.buffer.slice(0, bytes.length & ~1)),
        'a string': 'text',
        'an empty string': '',
        'no bytes': Buffer.alloc(0),
        'data that is cut short': data.subarray(0, -1),
        'bad data': Buffer.alloc(100, 0x7f),
        'data with junk behind it': Buffer.concat([data, Buffer.from('junk')]),
        nothing: undefined,
        null: null,
        'a number': 7,
        'an object': {},
        'an array': [1, 2],
        'a Uint8Array of another realm': runInNewContext('new Uint8Array(bytes)', { bytes }),
        'an ArrayBuffer of another realm': runInNewContext('new Uint8Array(bytes).buffer', { bytes }),
        'a SharedArrayBuffer': shared.buffer,
        'a Uint8Array on shared memory': shared,
        'a detached Uint8Array': detached(new Uint8Array(data)),
        'a detached ArrayBuffer': detached(new Uint8Array(data)).buffer,
        'a Proxy of a Buffer': new Proxy(data, {}),
        'a String object': new String('text'),
      };

      it(`${name}() answers as node:zlib's, whatever the input`, async () => {
        for (const [what, input] of Object.entries(inputs)) {
          expect(await outcomeOf(ours, name, input), what).to.deep.equal(await outcomeOf(stock, name, input));
          expect(outcomeNow(ours, name, input), what).to.deep.equal(outcomeNow(stock, name, input));
        }
        expect(pool.stats.leased).to.equal(0);
      });

      it(`${name}() takes the options of node:zlib's, and refuses the same`, async () => {
        const options: unknown[] = [
          undefined,
          null,
          {},
          { maxOutputLength: 19_999 },
          { maxOutputLength: 20_000 },
          { chunkSize: 64 },
          { chunkSize: 63 },
          { finishFlush: 0 },
          { finishFlush: 99 },
          { flush: 2 },
          { windowBits: 9 },
          { windowBits: 99 },
          { windowBits: 0 },
          { dictionary: Buffer.from('dictionary') },
          { dictionary: 7 },
          { params: { 0: 1 } },
          { maxOutputLength: 0 },
          { maxOutputLength: -1 },
          { maxOutputLength: 19_999.5 },
          { finishFlush: 2 },
          { finishFlush: 5 },
          { flush: 5 },
          { info: true },
          { info: true, maxOutputLength: 19_999 },
          { info: false },
          7,
          'text',
          [],
          // Options of streams, which node:zlib's one-shot functions follow.
          { signal: AbortSignal.abort() },
          { signal: undefined },
          { signal: 7 },
          { highWaterMark: -1 },
          { defaultEncoding: 'none' },
          { writable: false },
          { transform: (_chunk: unknown, _encoding: unknown, done: () => void) => done() },
          Object.create({ maxOutputLength: 19_999 }),
          runInNewContext('({ maxOutputLength: 19_999 })'),
        ];
        for (const given of options) {
          const what = inspect(given);
          expect(await outcomeOf(ours, name, data, given), what).to.deep.equal(
            await outcomeOf(stock, name, data, given),
          );
          expect(outcomeNow(ours, name, data, given), what).to.deep.equal(outcomeNow(stock, name, data, given));
        }
        for (const wrong of [[data], [data, {}], [data, {}, 7], [7, {}, () => {}], []]) {
          const [a, b] = [ours, stock].map((functions) => {
            try {
              return functions[name]?.(...(wrong as [unknown]));
            } catch (error) {
              return told(error);
            }
          });
          expect(a, JSON.stringify(wrong.length)).to.deep.equal(b);
        }
      });
    }

    it('give buffer and engine with info: true', async () => {
      const data = compress('gzip', plain);
      const { buffer, engine: of } = pool.gunzipSync(data, { info: true }) as never as {
        buffer: Buffer;
        engine: unknown;
      };
      expect(buffer.equals(plain)).to.equal(true);
      expect(of).to.be.an.instanceof(zlib.Gunzip);
    });

    it('call back once, never during the call, and in the async context of the caller', async () => {
      const store = new AsyncLocalStorage<number>();
      const data = compress('deflate', plain);
      const seen: unknown[] = [];
      await Promise.all(
        [1, 2, 3].map((id) =>
          store.run(id, async () => {
            let isWithin = true;
            await new Promise<void>((resolve) => {
              pool.inflate(data, () => {
                seen.push([id, store.getStore(), isWithin]);
                resolve();
              });
              isWithin = false;
            });
          }),
        ),
      );
      expect(seen).to.have.deep.members([1, 2, 3].map((id) => [id, id, false]));
    });

    it('can be promisified', async () => {
      const gunzip = promisify(pool.gunzip.bind(pool)) as (data: InputType) => Promise<Buffer>;
      expect((await gunzip(compress('gzip', plain))).equals(plain)).to.equal(true);
    });

    it('leave an exception of a callback to the process, and harm no other call', async () => {
      const data = compress('gzip', plain);
      const answers: number[] = [];
      const errors = await uncaughtDuring(async () => {
        await Promise.all(
          [0, 1, 2, 3].map(
            (i) =>
              new Promise<void>((resolve) => {
                pool.gunzip(data, (_, output) => {
                  resolve();
                  if (i === 1) throw new Error('mine');
                  answers.push(output.length);
                });
              }),
          ),
        );
      });
      expect(errors).to.deep.equal(['Error: mine']);
      expect(answers).to.deep.equal([20_000, 20_000, 20_000]);
      expect(pool.stats.leased).to.equal(0);
    });

    it('take few engines for thousands at once', async () => {
      const own = new ZlibPool({ engine });
      const data = compress('gzip', plain);
      const gunzip = promisify(own.gunzip.bind(own)) as (data: InputType) => Promise<Buffer>;
      const all = await Promise.all(Array.from({ length: 2_000 }, () => gunzip(data)));
      expect(all.every((output) => output.equals(plain))).to.equal(true);
      expect(own.stats.created).to.be.below(200);
    });

    it('fail with the error of a closed pool', async () => {
      const own = new ZlibPool({ engine });
      await own.close();
      const data = compress('gzip', plain);
      expect(await outcomeOf(own as never, 'gunzip', data)).to.have.nested.property('error.code', 'ERR_POOL_CLOSED');
      expect(outcomeNow(own as never, 'gunzip', data)).to.have.nested.property('thrown.code', 'ERR_POOL_CLOSED');
    });

    it('keep within the limits of the pool with every option', async () => {
      const data = compress('gzip', plain);
      for (const [limit, code] of [
        [{ maxOutputLength: 19_999 }, 'ERR_BUFFER_TOO_LARGE'],
        [{ maxRatio: 1, ratioFloorLength: 0 }, 'ERR_RATIO_TOO_HIGH'],
      ] as const) {
        const own = new ZlibPool({ engine, ...limit }) as unknown as Functions;
        for (const options of [undefined, { info: true }, { flush: 2 }, { highWaterMark: 1 }, { finishFlush: 5 }]) {
          const what = inspect({ ...limit, ...options });
          expect(await outcomeOf(own, 'gunzip', data, options), what).to.have.nested.property('error.code', code);
          if (options !== undefined && 'finishFlush' in options) continue;
          expect(outcomeNow(own, 'gunzip', data, options), what).to.have.nested.property('thrown.code', code);
        }
        const options = { info: true, maxOutputLength: 20_000, maxRatio: 1e6 };
        expect(await outcomeOf(own, 'gunzip', data, options)).to.deep.equal(
          await outcomeOf(stock, 'gunzip', data, options),
        );
        expect(outcomeNow(own, 'gunzip', data, options)).to.deep.equal(outcomeNow(stock, 'gunzip', data, options));
      }
    });

    it('wait for an engine in the order of the calls, on a pool with one', async () => {
      const own = new ZlibPool({ engine, maxLeased: 1 });
      const lease = await own.lease('gzip');
      const answers: number[] = [];
      const calls = [0, 1, 2, 3].map(
        (i) =>
          new Promise<void>((resolve) => {
            own.gunzip(compress('gzip', `${i}`), (_, output) => {
              answers.push(Number(output));
              resolve();
            });
          }),
      );
      expect(own.stats.waiting).to.equal(4);
      lease.release();
      await Promise.all(calls);
      expect(answers).to.deep.equal([0, 1, 2, 3]);
      expect(own.stats).to.include({ leased: 0, waiting: 0, created: 1, reused: 4 });
    });

    it('answer with the error of a wait, of destroy(), of close()', async () => {
      const data = compress('gzip', plain);
      const waitOn = async (options: object, act: (own: InstanceType<typeof ZlibPool>) => void) => {
        const own = new ZlibPool({ engine, maxLeased: 1, ...options });
        const lease = await own.lease('gzip');
        const outcomes = Promise.all([1, 2].map(() => outcomeOf(own as never, 'gunzip', data)));
        act(own);
        const codes = (await outcomes).map(({ error }) => (error as NodeJS.ErrnoException).code);
        lease.release();
        expect(own.stats).to.include({ leased: 0, waiting: 0 });
        return codes;
      };
      const nothing = (): void => {};
      expect(await waitOn({ leaseTimeoutMs: 1 }, nothing)).to.deep.equal(['ERR_POOL_TIMEOUT', 'ERR_POOL_TIMEOUT']);
      expect(await waitOn({ leaseTimeoutMs: 1, maxWaiting: 1 }, nothing)).to.deep.equal([
        'ERR_POOL_TIMEOUT',
        'ERR_POOL_QUEUE_FULL',
      ]);
      expect(await waitOn({}, (own) => void own.close())).to.deep.equal(['ERR_POOL_CLOSED', 'ERR_POOL_CLOSED']);
      const mine = Object.assign(new Error('down'), { code: 'MINE' });
      expect(await waitOn({}, (own) => own.destroy(mine))).to.deep.equal(['MINE', 'MINE']);
    });

    it('call back once if the pool is destroyed during the native write', async () => {
      const own = new ZlibPool({ engine, inline: { inputLength: 0 } });
      const answers: unknown[] = [];
      const isOver = new Promise<void>((resolve) => {
        own.gunzip(compress('gzip', plain), (error) => {
          answers.push((error as NodeJS.ErrnoException).code);
          resolve();
        });
      });
      expect(own.stats.leased).to.equal(1);
      own.destroy();
      expect(answers).to.deep.equal([]);
      await isOver;
      await own.close();
      expect(answers).to.deep.equal(['ERR_POOL_CLOSED']);
      expect(own.stats).to.include({ leased: 0, discarded: 1 });
    });

    it('read the input when they come to it, as node:zlib does', async () => {
      const data = compress('gzip', plain);
      const own = new ZlibPool({ engine, maxLeased: 1 });
      const lease = await own.lease('gzip');
      const copy = Buffer.from(data);
      const outcome = outcomeOf(own as never, 'gunzip', copy);
      copy.fill(0x7f);
      lease.release();
      expect(await outcome).to.have.nested.property('error.code', 'Z_DATA_ERROR');
    });

    it('give their own name to zlease:lease', async () => {
      const entries: string[] = [];
      const note = (event: unknown) => entries.push((event as LeaseEvent).entry);
      subscribe('zlease:lease', note);
      try {
        for (const format of formats) {
          const data = compress(format, 'x');
          const name = names[format];
          entries.length = 0;
          await outcomeOf(ours, name, data);
          outcomeNow(ours, name, data);
          await once((pool.createDecompress(format) as DecompressStream).resume().end(data), 'close');
          await pool.decompress(data, format);
          pool.decompressSync(data, format);
          pool.tryLease(format)?.release();
          (await pool.lease(format)).release();
          const create = `create${name[0]?.toUpperCase()}${name.slice(1)}`;
          expect(entries).to.deep.equal([
            name,
            `${name}Sync`,
            create,
            'decompress',
            'decompressSync',
            'lease',
            'lease',
          ]);
        }
        entries.length = 0;
        const web = new DecompressionStream('gzip', { pool });
        const text = new Response(web.readable as never).text();
        const writer = web.writable.getWriter();
        await Promise.all([writer.write(compress('gzip', 'x')), writer.close(), text]);
        expect(entries).to.deep.equal(['DecompressionStream']);
      } finally {
        unsubscribe('zlease:lease', note);
      }
    });

    it('stay on the pool of the last install() that includes them', async () => {
      const [a, b] = [new ZlibPool({ engine }), new ZlibPool({ engine })];
      const data = compress('gzip', plain);
      const { gunzipSync } = zlib;
      const leases = (own: InstanceType<typeof ZlibPool>) => own.stats.created + own.stats.reused;
      const undoA = install({ pool: a });
      const undoLess = install({ pool: b, oneShot: false });
      zlib.gunzipSync(data);
      expect([leases(a), leases(b)]).to.deep.equal([1, 0]);
      await once(zlib.createGunzip().resume().end(data), 'close');
      expect([leases(a), leases(b)]).to.deep.equal([1, 1]);
      undoA();
      expect(zlib.gunzipSync(data).equals(plain)).to.equal(true);
      expect((await promisify(zlib.gunzip)(data)).equals(plain)).to.equal(true);
      expect([leases(a), leases(b)]).to.deep.equal([1, 1]);
      const undoB = install({ pool: b });
      zlib.gunzipSync(data);
      expect([leases(a), leases(b)]).to.deep.equal([1, 2]);
      undoB();
      undoLess();
      expect(zlib.gunzipSync).to.equal(gunzipSync);
    });

    it('can be behind a getter', async () => {
      const own = new ZlibPool({ engine });
      const found = Object.getOwnPropertyDescriptor(zlib, 'gunzip') as PropertyDescriptor;
      const get = () => found.value;
      Object.defineProperty(zlib, 'gunzip', { configurable: true, enumerable: true, get });
      const undo = install({ pool: own });
      const late = zlib.gunzip;
      const data = compress('gzip', plain);
      expect((await promisify(late)(data)).equals(plain)).to.equal(true);
      expect(own.stats.created).to.equal(1);
      undo();
      expect(Object.getOwnPropertyDescriptor(zlib, 'gunzip')?.get).to.equal(get);
      expect((await promisify(late)(data)).equals(plain)).to.equal(true);
      expect(own.stats).to.include({ created: 1, reused: 0 });
      Object.defineProperty(zlib, 'gunzip', found);
    });

    it('run on the pool under install(), and stay as they are with oneShot: false', async () => {
      const own = new ZlibPool({ engine });
      const data = compress('gzip', plain);
      const { gunzip, gunzipSync } = zlib;
      const undo = install({ pool: own });
      expect([zlib.gunzip.name, zlib.gunzip.length]).to.deep.equal(['gunzip', gunzip.length]);
      expect(zlib.gunzipSync(data).equals(plain)).to.equal(true);
      expect((await promisify(zlib.gunzip)(data)).equals(plain)).to.equal(true);
      expect(own.stats.created + own.stats.reused).to.equal(2);
      undo();
      expect([zlib.gunzip, zlib.gunzipSync]).to.deep.equal([gunzip, gunzipSync]);
      const undoLess = install({ pool: own, oneShot: false });
      expect([zlib.gunzip, zlib.gunzipSync]).to.deep.equal([gunzip, gunzipSync]);
      undoLess();
      expect(() => install({ oneShot: 'no' as never })).to.throw(TypeError, /oneShot/);
    });
  });
}

/** The one-shot functions, beside node:zlib's: arguments, answers, errors, context, and under install(). */
import { AsyncLocalStorage } from 'node:async_hooks';
import { promisify } from 'node:util';
import zlib, { type InputType } from 'node:zlib';
import { expect } from 'chai';
import type { Format } from '../../lib/index.ts';
import { engines, install, ZlibPool } from '../support/library.ts';
import { compress, formats, sample } from '../support/samples.ts';
import { uncaughtDuring } from '../support/uncaught.ts';

type Callback = (error: NodeJS.ErrnoException | null, output?: Buffer) => void;
type Once = (buffer: unknown, options?: unknown, callback?: Callback) => void;
type Sync = (buffer: unknown, options?: unknown) => Buffer;
type Functions = Record<string, Once & Sync>;

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

/** What a call of an asynchronous function comes to. */
function outcomeOf(functions: Functions, name: string, ...args: unknown[]): Promise<Outcome> {
  return new Promise((resolve) => {
    try {
      functions[name]?.(...(args as [unknown]), (error: unknown, output: Buffer | undefined) =>
        resolve({ error: told(error), output: output?.toString('latin1') }),
      );
    } catch (thrown) {
      resolve({ thrown: told(thrown) });
    }
  });
}

function outcomeNow(functions: Functions, name: string, ...args: unknown[]): Outcome {
  try {
    const output = functions[`${name}Sync`]?.(...(args as [unknown])) as Buffer | undefined;
    return { output: output?.toString('latin1') };
  } catch (thrown) {
    return { thrown: told(thrown) };
  }
}

for (const engine of engines) {
  describe(`One-shot functions (${engine})`, () => {
    const pool = new ZlibPool({ engine });
    const ours = pool as unknown as Functions;

    for (const format of formats) {
      const name = names[format];
      const data = compress(format, plain);
      const bytes = new Uint8Array(data);
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
        ];
        for (const given of options) {
          const what = JSON.stringify(given);
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

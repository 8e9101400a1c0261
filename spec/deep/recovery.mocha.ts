/** Inflate after bad data: a reset makes the engine as new, so the pool keeps it. Random messages, with the seed in the title. */
import { constants } from 'node:zlib';
import { expect } from 'chai';
import { decoder } from '../../lib/engine/codecs.ts';
import type { Engine } from '../../lib/engine/contract.ts';
import { type EngineKind, engineKind, kindFor } from '../../lib/engine/kind.ts';
import type { Format, ZlibPool as Pool } from '../../lib/index.ts';
import { NativeEngine, ZlibPool } from '../support/library.ts';
import { outcome } from '../support/outcome.ts';
import { compress, json, sample } from '../support/samples.ts';
import { type Dice, dice, seed } from '../support/seed.ts';

const { Z_FINISH, Z_NO_FLUSH, Z_SYNC_FLUSH } = constants;

/** Formats of zlib's inflate. */
const inflated: readonly Format[] = ['gzip', 'deflate', 'deflate-raw', 'unzip'];

/** Good messages of a format: short, long, stored, of a small window, with matches that reach far back, of two members. */
function goodMessages(format: Format): Buffer[] {
  const far = Buffer.concat([json(2_000, 3), Buffer.alloc(29_000, 'between '), json(2_000, 3), json(40_000, 4)]);
  const plains = [Buffer.alloc(0), Buffer.from('a'), json(300, 1), json(3_000, 2), far];
  const one = plains.flatMap((plain) => [
    compress(format, plain),
    compress(format, plain, { level: 0 }),
    compress(format, plain, { windowBits: 9, memLevel: 1 }),
  ]);
  return [...one, Buffer.concat([compress(format, json(300, 5)), compress(format, json(900, 6))])];
}

/** `good` with a fault in it, or none. */
function spoilt({ below, one, onceIn }: Dice, good: Buffer, others: readonly Buffer[]): Buffer {
  if (onceIn(6)) return good;
  const data = Buffer.from(good);
  const at = below(data.length);
  const faults: Array<() => Buffer> = [
    () => data.subarray(0, at),
    () => data.fill(below(256), at, Math.min(data.length, at + 1 + below(40))),
    () => Buffer.concat([data.subarray(0, at), Buffer.alloc(1 + below(9), below(256)), data.subarray(at)]),
    () => Buffer.concat([data, Buffer.from(one([[0], [0x1f, 0x8b], [1, 2, 3]]))]),
    () => Buffer.concat([data, one(others)]),
    () => Buffer.concat([data.subarray(0, at), one(others).subarray(below(30))]),
    () => Buffer.alloc(below(300), below(256)),
    () => {
      for (let flips = 1 + below(3); flips > 0 && data.length > 0; flips--) {
        const byte = onceIn(2) ? below(data.length) : Math.max(0, data.length - 1 - below(9));
        data[byte] = (data[byte] as number) ^ (1 << below(8));
      }
      return data;
    },
  ];
  return one(faults)();
}

/** One write: how much of the message it is given, and room for output. */
type Step = [flush: number, length: number, room: number];

/** Writes by random steps, the last of which finishes. */
function stepsOf({ below, one, onceIn }: Dice, message: Buffer): Step[] {
  const steps: Step[] = [];
  const rooms = onceIn(2) ? [70_000] : [1, 100, 1_000, 16_384];
  let left = message.length;
  while (left > 0 && steps.length < 5 && !onceIn(2)) {
    const length = 1 + below(left);
    steps.push([one([Z_NO_FLUSH, Z_SYNC_FLUSH]), length, one(rooms)]);
    left -= length;
  }
  return [...steps, [Z_FINISH, left, one(rooms)]];
}

interface Told {
  bytes: Buffer;
  /** What was left of the input and of the output room after each write. */
  left: number[];
  failure: object | undefined;
}

type Write = (engine: Engine, flush: number, input: Buffer, at: number, length: number, output: Buffer) => unknown;

const writeSync: Write = (engine, flush, input, at, length, output) =>
  engine.writeSync(flush, input, at, length, output, output.length);

const write: Write = (engine, flush, input, at, length, output) =>
  new Promise<void>((resolve) => engine.write(flush, input, at, length, output, output.length, resolve));

async function play(engine: Engine, by: Write, message: Buffer, steps: readonly Step[]): Promise<Told> {
  const all: Buffer[] = [];
  const left: number[] = [];
  let at = 0;
  for (const [flush, length, room] of steps) {
    let span = length;
    for (let writes = 0; writes < 100; writes++) {
      const output = Buffer.alloc(room);
      const pending = by(engine, flush, message, at, span, output);
      if (pending !== undefined) await pending;
      if (engine.failed) {
        const { message: text, errno, code } = engine.failure as NodeJS.ErrnoException;
        return { bytes: Buffer.concat(all), left, failure: { text, errno, code } };
      }
      left.push(engine.availIn, engine.availOut);
      all.push(output.subarray(0, room - engine.availOut));
      at += span - engine.availIn;
      span = engine.availIn;
      if (engine.availOut > 0) break;
    }
    at += span;
  }
  return { bytes: Buffer.concat(all), left, failure: undefined };
}

/** Plays random messages on one engine, reset in between, and each on a fresh engine too. @returns how many failed, by code */
async function compare(kinds: readonly EngineKind[], by: Write, runs: number): Promise<Map<string, number>> {
  const rolls = dice();
  const failed = new Map<string, number>();
  const used = new Map<EngineKind, Engine>();
  const good = new Map(kinds.map(({ codec }) => [codec.format, goodMessages(codec.format)]));
  for (let run = 0; run < runs; run++) {
    const asked = rolls.one(kinds);
    const others = good.get(asked.codec.format) as Buffer[];
    const message = spoilt(rolls, rolls.one(others), others);
    const kind = kindFor(asked, message);
    if (!kind.reusable) continue;
    const steps = stepsOf(rolls, message);
    const fresh = new NativeEngine(kind);
    const engine = used.get(kind) ?? new NativeEngine(kind);
    used.set(kind, engine);
    const theirs = await play(fresh, by, message, steps);
    const ours = await play(engine, by, message, steps);
    const which = `run ${run}, ${kind.codec.format}, ${message.toString('base64')} ${JSON.stringify(steps)}`;
    expect({ ...ours, bytes: ours.bytes.length }, which).to.deep.equal({ ...theirs, bytes: theirs.bytes.length });
    expect(ours.bytes.equals(theirs.bytes), which).to.equal(true);
    fresh.close();
    const { code } = (ours.failure ?? {}) as { code?: string };
    if (code !== undefined) {
      failed.set(code, (failed.get(code) ?? 0) + 1);
      expect(engine.recoverable, which).to.equal(true);
    }
    engine.reset();
  }
  for (const engine of used.values()) engine.close();
  return failed;
}

const kinds = inflated.flatMap((format) => [
  engineKind(decoder(format)),
  engineKind(decoder(format), { windowBits: 9 }),
  engineKind(decoder(format), { rejectGarbageAfterEnd: true }),
]);

/** Messages that fail, each in its own way. */
function badMessages(format: Format): Record<string, Buffer> {
  const { data } = sample(1_000, 1, format);
  const middle = Buffer.from(data).fill(0x55, data.length >> 1, (data.length >> 1) + 40);
  const check = Buffer.from(data);
  // Not the length at the end of gzip.
  const at = data.length - (format === 'gzip' || format === 'unzip' ? 6 : 2);
  check.writeUInt8(data.readUInt8(at) ^ 0xff, at);
  return {
    'a bad header': Buffer.alloc(400, 7),
    'bad data in the middle': middle,
    'one that is cut short': data.subarray(0, -12),
    // Bare deflate data has no check at its end.
    ...(format === 'deflate-raw' ? {} : { 'a wrong check': check }),
  };
}

/** Ways to decompress a message. */
const ways: Record<string, (pool: Pool, format: Format, data: Buffer) => Promise<unknown>> = {
  stream: async (pool, format, data) => {
    const stream = pool.createDecompress(format);
    const { bytes, error } = await outcome(stream, () => void stream.end(data));
    return error ?? bytes;
  },
  decompress: (pool, format, data) => pool.decompress(data, format).catch((error) => error),
  decompressSync: async (pool, format, data) => {
    try {
      return pool.decompressSync(data, format);
    } catch (error) {
      return error;
    }
  },
};

describe(`Recovery from bad data (seed ${seed})`, () => {
  it('makes an inflate engine as new by a reset, whatever it failed at, on the main thread', async function () {
    this.timeout(60_000);
    const failed = await compare(kinds, writeSync, 6_000);
    expect(failed.get('Z_DATA_ERROR')).to.be.above(500);
    expect(failed.get('Z_BUF_ERROR')).to.be.above(500);
  });

  it('does so in the threadpool', async function () {
    this.timeout(60_000);
    const failed = await compare(kinds, write, 1_000);
    expect(failed.get('Z_DATA_ERROR')).to.be.above(80);
    expect(failed.get('Z_BUF_ERROR')).to.be.above(80);
  });

  it('is not claimed for an engine with a dictionary, nor for Brotli and Zstandard', () => {
    const bad = Buffer.alloc(9, 0xff);
    const dictionary = Buffer.from('abc');
    for (const kind of [
      engineKind(decoder('br')),
      engineKind(decoder('deflate'), { dictionary }),
      engineKind(decoder('gzip'), { windowBits: 0 }),
    ]) {
      const engine = new NativeEngine(kind);
      engine.writeSync(kind.codec.format === 'br' ? 2 : Z_FINISH, bad, 0, 9, Buffer.alloc(9), 9);
      expect(engine.failed).to.equal(true);
      expect(engine.recoverable).to.equal(false);
      expect(() => engine.reset())
        .to.throw()
        .with.property('code', 'ERR_LEASE_SEALED');
      engine.close();
    }
  });

  for (const format of inflated) {
    for (const [way, decompress] of Object.entries(ways)) {
      for (const [where, inline] of Object.entries({ 'main thread': {}, threadpool: { inputLength: 0 } })) {
        it(`makes no engine for messages after a bad one (${format}, ${way}, ${where})`, async () => {
          const { plain, data } = sample(1_000, 1, format);
          const pool = new ZlibPool({ inline });
          for (const [name, bad] of Object.entries(badMessages(format))) {
            for (let i = 0; i < 3; i++) {
              expect(await decompress(pool, format, bad), name)
                .to.have.property('code')
                .that.matches(/^Z_(DATA|BUF)_ERROR$/);
              expect(plain.equals((await decompress(pool, format, data)) as Buffer), name).to.equal(true);
            }
          }
          // Of unzip one for each wrapper: the bad header is not gzip's.
          expect(pool.stats).to.include({ created: format === 'unzip' ? 2 : 1, leased: 0, discarded: 0, evicted: 0 });
        });
      }
    }
  }

  it('calls back after a failure when the handle has ended its write: the next write is one like any other', async () => {
    const bad = Buffer.alloc(400, 7);
    const { plain, data } = sample(300_000);
    const output = Buffer.alloc(plain.length + 1);
    for (let i = 0; i < 20; i++) {
      const engine = new NativeEngine(engineKind(decoder('gzip')));
      const stack = await new Promise<string | undefined>((resolve) => {
        engine.write(Z_FINISH, bad, 0, bad.length, output, 100, () => resolve(new Error().stack));
      });
      expect(engine.failure).to.include({ code: 'Z_DATA_ERROR' });
      expect(stack).not.to.include('onerror');
      engine.reset();
      const written = write(engine, Z_FINISH, data, 0, data.length, output);
      // The handle itself has to know that it is writing: it frees its memory after that.
      engine.close();
      await written;
      expect(output.subarray(0, -1).equals(plain)).to.equal(true);
    }
  });

  it('hands a failed engine on to the next in the queue', async () => {
    const { plain, data } = sample(1_000);
    const { 'a wrong check': bad } = badMessages('gzip');
    const pool = new ZlibPool({ maxLeased: 1, inline: { inputLength: 0 } });
    // All but the first wait for the one engine, and get it from a message that failed.
    const all = await Promise.allSettled(
      Array.from({ length: 200 }, (_, i) => pool.decompress((i % 3 === 2 ? data : bad) as Buffer, 'gzip')),
    );
    for (const [i, result] of all.entries()) {
      if (result.status === 'fulfilled') expect(i % 3 === 2 && result.value.equals(plain)).to.equal(true);
      else expect(result.reason).to.include({ code: 'Z_DATA_ERROR', message: 'incorrect data check' });
    }
    expect(pool.stats).to.include({ created: 1, idle: 1, reused: 199 });
  });
});

describe('The error of bad data', () => {
  it('has the stack of the caller where it is thrown', () => {
    const pool = new ZlibPool();
    function theCaller(): unknown {
      return pool.decompressSync(Buffer.alloc(40, 7), 'gzip');
    }
    let stack: string | undefined;
    try {
      theCaller();
    } catch (error) {
      ({ stack } = error as Error);
    }
    expect(stack).to.include('theCaller');
  });

  it("has a short stack where a stream emits it, as node:zlib's has: the trace costs more than inflating does", async () => {
    const pool = new ZlibPool();
    for (const [name, bad] of Object.entries(badMessages('gzip'))) {
      const stream = pool.createGunzip();
      const error = await new Promise<Error>((resolve) => stream.on('error', resolve).resume().end(bad));
      expect(error.stack?.split('\n    at ').length, `${name}: ${error.stack}`).to.be.within(1, 6);
    }
  });
});

/** The contract of an engine, over both twins. */
import { constants, createGunzip } from 'node:zlib';
import { expect } from 'chai';
import { codecs, decoder } from '../../lib/engine/codecs.ts';
import type { Engine, WholeWrite } from '../../lib/engine/contract.ts';
import { engineKind } from '../../lib/engine/kind.ts';
import { NativeEngine } from '../../lib/engine/native.ts';
import { isNative } from '../../lib/engine/probe.ts';
import { PublicEngine } from '../../lib/engine/public.ts';
import { compress, formats, pieces, sample } from '../support/samples.ts';
import { until } from '../support/until.ts';

const { Z_NO_FLUSH, Z_FINISH } = constants;
const twins = { native: NativeEngine, public: PublicEngine };

interface Result {
  used: number;
  made: Buffer;
  full: boolean;
  code: string | undefined;
}

/** One write in the threadpool. */
function write(engine: Engine, flush: number, input: Buffer, room: number): Promise<Result> {
  const output = Buffer.alloc(room);
  return new Promise((resolve) => {
    engine.write(flush, input, 0, input.length, output, room, () => {
      const { availIn, availOut, failure } = engine;
      resolve({
        used: input.length - availIn,
        made: output.subarray(0, room - availOut),
        full: availOut === 0,
        code: failure?.code,
      });
    });
  });
}

/** Writes until the input is used up. */
async function inflate(engine: Engine, flush: number, input: Buffer, room: number): Promise<Buffer> {
  const all: Buffer[] = [];
  for (let at = 0, full = true; full; ) {
    const result = await write(engine, flush, input.subarray(at), room);
    expect(result.code).to.equal(undefined);
    all.push(result.made);
    at += result.used;
    full = result.full;
  }
  return Buffer.concat(all);
}

describe('An engine', () => {
  it('is native on every tested Node', () => {
    expect(codecs.filter((codec) => !isNative(codec))).to.deep.equal([]);
  });

  for (const [twin, Twin] of Object.entries(twins)) {
    describe(`of the ${twin} kind`, () => {
      for (const format of formats) {
        it(`gives the same bytes whatever the room and the pieces (${format})`, async () => {
          const { plain, data } = sample(50_000, 1, format);
          const engine = new Twin(engineKind(decoder(format)));
          for (const room of [1_000, 16_384, 50_000, 50_001, 300_000]) {
            for (const length of [500, 5_000, data.length]) {
              const bytes: Buffer[] = [];
              for (const piece of pieces(data, length)) bytes.push(await inflate(engine, Z_NO_FLUSH, piece, room));
              bytes.push(await inflate(engine, decoder(format).finishFlush, Buffer.alloc(0), room));
              expect(Buffer.concat(bytes).equals(plain), `${room} ${length}`).to.equal(true);
              engine.reset();
            }
          }
          engine.close();
        });
      }

      it('is as new after a reset in the middle of anything', async () => {
        const { plain, data } = sample(300_000);
        const engine = new Twin(engineKind(decoder('gzip')));
        for (const part of [data.subarray(0, 5), data.subarray(0, 90), data.subarray(0, 9_000), data]) {
          await write(engine, Z_NO_FLUSH, part, 100);
          engine.reset();
          expect((await inflate(engine, Z_FINISH, data, 400_000)).equals(plain)).to.equal(true);
          engine.reset();
        }
        engine.close();
      });

      it('leaves alone what is behind the data, and says how much', async () => {
        for (const format of formats) {
          const { plain, data } = sample(2_000, 1, format);
          const engine = new Twin(engineKind(decoder(format)));
          for (let i = 0; i < 2; i++) {
            const result = await write(engine, Z_NO_FLUSH, Buffer.concat([data, Buffer.alloc(33)]), 9_000);
            expect(result.made.equals(plain)).to.equal(true);
            expect(result.used).to.equal(data.length);
            expect(result.full).to.equal(false);
            engine.reset();
          }
          engine.close();
        }
      });

      it('fails for good, with the error that node:zlib makes', async () => {
        const { data } = sample(2_000);
        const faults: Record<string, Buffer> = {
          Z_BUF_ERROR: data.subarray(0, -4),
          Z_DATA_ERROR: Buffer.concat([data.subarray(0, 100), Buffer.alloc(200, 0xff)]),
        };
        for (const [code, input] of Object.entries(faults)) {
          const engine = new Twin(engineKind(decoder('gzip')));
          const result = await write(engine, Z_FINISH, input, 9_000);
          expect(result.code).to.equal(code);
          const stock = createGunzip();
          const theirs = await new Promise<Error>((resolve) => stock.on('error', resolve).end(input));
          expect({ ...engine.failure }).to.deep.equal({ ...theirs });
          expect(engine.failure?.message).to.equal(theirs.message);
          expect(engine.failure).to.be.instanceOf(Error);
          engine.close();
        }
      });

      it('refuses what would abort the process', async () => {
        const { data } = sample(500_000);
        const engine = new Twin(engineKind(decoder('gzip')));
        const output = Buffer.alloc(1_000);
        const again = (input: Buffer, length: number, room: number) => () =>
          engine.write(Z_NO_FLUSH, input, 0, length, output, room, () => {});
        const first = write(engine, Z_NO_FLUSH, data, 100_000);
        expect(engine.busy).to.equal(true);
        expect(again(data, data.length, 1_000)).to.throw('A write is in progress');
        expect(() => engine.reset()).to.throw('Cannot reset zlib stream while a write is in progress');
        await first;
        expect(engine.busy).to.equal(false);
        expect(again(data, data.length + 1, 1_000))
          .to.throw()
          .with.property('code', 'ERR_BUFFER_DETACHED');
        expect(again(data, data.length, 1_001))
          .to.throw()
          .with.property('code', 'ERR_BUFFER_DETACHED');
        // Lengths that the native part would cut off, or make something else of.
        for (const length of [2 ** 32, 2 ** 32 + 5, -1, 0.5, Number.NaN, Number.POSITIVE_INFINITY]) {
          const offset = () => engine.write(Z_NO_FLUSH, data, length, 0, output, 1_000, () => {});
          for (const act of [again(data, length, 1_000), again(data, 5, length), offset]) {
            expect(act, String(length)).to.throw(RangeError).with.property('code', 'ERR_OUT_OF_RANGE');
          }
        }
        expect(engine.busy).to.equal(false);
        engine.close();
        engine.close();
        expect(again(data, data.length, 1_000))
          .to.throw()
          .with.property('code', 'ERR_LEASE_SEALED');
        expect(() => engine.reset())
          .to.throw()
          .with.property('code', 'ERR_LEASE_SEALED');
      });

      it('calls back though it is closed during a write', async () => {
        const { data } = sample(500_000);
        const engine = new Twin(engineKind(decoder('gzip')));
        const first = write(engine, Z_NO_FLUSH, data, 100_000);
        engine.close();
        await first;
        expect(engine.busy).to.equal(false);
      });
    });
  }

  it('of the native kind makes the same on the main thread', () => {
    for (const format of formats) {
      const { plain, data } = sample(30_000, 1, format);
      const engine = new NativeEngine(engineKind(decoder(format)));
      const output = Buffer.alloc(40_000);
      const { finishFlush } = decoder(format);
      for (let i = 0; i < 3; i++) {
        engine.writeSync(finishFlush, data, 0, data.length, output, 40_000);
        expect(output.subarray(0, 40_000 - engine.availOut).equals(plain)).to.equal(true);
        expect(engine.availIn).to.equal(0);
        engine.reset();
      }
      engine.writeSync(finishFlush, Buffer.alloc(9, 0xff), 0, 9, output, 40_000);
      expect(engine.failure?.code).to.be.a('string');
      expect(() => engine.writeSync(finishFlush, data, 0, 9, output, 40_000)).to.throw();
      engine.close();
    }
  });

  it('of the public kind has no main thread', () => {
    expect(() => new PublicEngine(engineKind(decoder('gzip'))).writeSync()).to.throw('threadpool only');
  });

  it('of the public kind fails late where its inner stream failed late', async () => {
    const member = compress('gzip', 'one');
    const engine = new PublicEngine(engineKind(decoder('gzip')));
    await write(engine, Z_NO_FLUSH, Buffer.concat([member, Buffer.alloc(2)]), 100);
    // Data after the end that it had announced: node:zlib pushes after EOF, and finds out later.
    await write(engine, Z_NO_FLUSH, member, 100);
    await until(() => engine.failure !== undefined);
    await write(engine, Z_FINISH, Buffer.alloc(0), 100);
    expect(engine.failure?.code).to.equal('ERR_STREAM_PUSH_AFTER_EOF');
    engine.close();
  });

  describe('that may be given a whole message at once', () => {
    const { plain, data } = sample(10_000);
    const output = Buffer.alloc(20_000);
    const whole = (engine: Engine, input: Buffer, room = output.length, firstLength = 0): WholeWrite =>
      engine.writeWhole(input, output, room, firstLength);

    it('tells whether it was one', () => {
      const engine = new NativeEngine(engineKind(decoder('gzip')));
      expect(whole(engine, data)).to.equal('whole');
      expect(output.subarray(0, output.length - engine.availOut).equals(plain)).to.equal(true);
      engine.reset();
      expect(whole(engine, Buffer.concat([data, Buffer.alloc(3)]))).to.equal('whole');
      expect(engine.availIn).to.equal(3);
      engine.close();
    });

    it('takes one that wants more room as a write like any other', () => {
      const engine = new NativeEngine(engineKind(decoder('gzip')));
      expect(whole(engine, data, 4_000, 4_000)).to.equal('part');
      const left = data.length - engine.availIn;
      engine.writeSync(Z_NO_FLUSH, data, left, engine.availIn, output, output.length);
      expect(output.subarray(0, output.length - engine.availOut).equals(plain.subarray(4_000))).to.equal(true);
      engine.close();
    });

    it('is as new where the room ends in the middle of a chunk: an error may follow', () => {
      const engine = new NativeEngine(engineKind(decoder('gzip')));
      expect(whole(engine, data, 4_000, 16_384)).to.equal('undone');
      expect(whole(engine, data, 4_000, 100)).to.equal('undone');
      expect(whole(engine, data)).to.equal('whole');
      engine.close();
    });

    it('is as new where it was none, or a bad one: the failure is that of the writes that follow', () => {
      const engine = new NativeEngine(engineKind(decoder('gzip')));
      const half = data.length >> 1;
      const wrongSum = Buffer.from(data);
      wrongSum.writeUInt32LE(0, data.length - 8);
      for (const bad of [data.subarray(0, half), Buffer.from('no gzip, whole or not'), wrongSum]) {
        expect(whole(engine, bad)).to.equal('undone');
        expect(engine.failure).to.equal(undefined);
      }
      engine.writeSync(Z_NO_FLUSH, data, 0, half, output, output.length);
      const made = output.length - engine.availOut;
      const rest = Buffer.alloc(plain.length);
      engine.writeSync(Z_FINISH, data, half, data.length - half, rest, rest.length);
      expect(Buffer.concat([output.subarray(0, made), rest.subarray(0, plain.length - made)]).equals(plain)).to.equal(
        true,
      );
      engine.close();
    });
  });
});

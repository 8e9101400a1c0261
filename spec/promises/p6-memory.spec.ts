/** P6 no shared memory: bytes handed out are never written again by us, and touching them affects nobody. */
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { MessageChannel } from 'node:worker_threads';
import { constants, createDeflateRaw } from 'node:zlib';
import { expect } from 'chai';
import { directions } from '../support/directions.ts';
import { engines, ZlibPool } from '../support/library.ts';
import { closed } from '../support/outcome.ts';
import { pieces, sample } from '../support/samples.ts';

type Treat = (chunk: Buffer) => void;

/** The memory that Node cuts small Buffers from: `Buffer.poolSize`, rounded up. */
const nodePoolLength = Buffer.allocUnsafe(8).buffer.byteLength;

/** What people do with the chunks they got. */
const treatments: Record<string, Treat> = {
  'overwrites them': (chunk) => void chunk.fill(0xee),
  'transfers those that have memory of their own': (chunk) => {
    if (chunk.byteOffset === 0 && chunk.byteLength === chunk.buffer.byteLength) {
      structuredClone(chunk.buffer, { transfer: [chunk.buffer as ArrayBuffer] });
    }
  },
  'posts them to another thread, memory and all': (chunk) => {
    const { port1, port2 } = new MessageChannel();
    try {
      port1.postMessage(chunk, [chunk.buffer as ArrayBuffer]);
    } catch (error) {
      // Node's own Buffer pool refuses to be transferred, whoever's chunk is in it.
      expect((error as Error).name).to.equal('DataCloneError');
    }
    port1.close();
    port2.close();
  },
};

describe('P6 no shared memory', () => {
  for (const engine of engines) {
    it(`makes the output of many small writes in one chunk of a big chunkSize (${engine})`, async () => {
      const chunkSize = 2 ** 20;
      const stream = new ZlibPool({ engine }).createInflateRaw({ chunkSize });
      const deflate = createDeflateRaw();
      let most = 0;
      const before = process.memoryUsage().arrayBuffers;
      for (let i = 0; i < 24; i++) {
        deflate.write(`message ${i}`);
        await new Promise<void>((resolve) => deflate.flush(constants.Z_SYNC_FLUSH, resolve));
        const written = new Promise((resolve) => stream.write(deflate.read(), resolve));
        const [chunk] = await once(stream, 'data');
        expect(String(chunk)).to.equal(`message ${i}`);
        expect(chunk.buffer.byteLength).to.be.below(100_000);
        await written;
        most = Math.max(most, process.memoryUsage().arrayBuffers - before);
      }
      expect(most).to.be.below(4 * chunkSize);
      stream.destroy();
    });

    for (const [where, inline] of Object.entries({ 'main thread': {}, threadpool: { inputLength: 0 } })) {
      for (const [direction, name, treat] of Object.keys(directions).flatMap((each) =>
        Object.entries(treatments).map(([what, act]) => [each, what, act] as const),
      )) {
        const { create, input, output } = directions[direction as keyof typeof directions];
        it(`keeps every other chunk as it was when somebody ${name} (${direction}, ${engine}, ${where})`, async () => {
          const pool = new ZlibPool({ engine, inline });
          const lengths = direction === 'compressing' ? [300, 5_000, 70_000] : [300, 5_000, 70_000, 300_000];
          const samples = lengths.flatMap((length) => Array.from({ length: 4 }, (_, i) => sample(length, length + i)));
          await Promise.all(
            samples.map(async (both, i) => {
              const data = input(both);
              const plain = output(both);
              const stream = create(pool, i % 3 === 0 ? { chunkSize: 4_000 } : undefined);
              const spoiler = i % 2 === 0;
              const kept: Buffer[] = [];
              let at = 0;
              stream.on('data', (chunk: Buffer) => {
                expect(chunk.equals(plain.subarray(at, at + chunk.length)), 'as handed out').to.equal(true);
                at += chunk.length;
                if (spoiler) treat(chunk);
                else kept.push(chunk);
              });
              const closed = once(stream, 'close');
              for (const piece of pieces(data, 1 + (data.length >> 2))) {
                stream.write(piece);
                await nextTurn();
              }
              stream.end();
              await closed;
              expect(at).to.equal(plain.length);
              if (!spoiler) expect(Buffer.concat(kept).equals(plain), 'as it was').to.equal(true);
            }),
          );
        });
      }

      it(`cuts no two chunks from one piece of memory, but for Node's own Buffer pool (${engine}, ${where})`, async () => {
        const { data } = sample(2_500_000);
        const stream = new ZlibPool({ engine, inline }).createGunzip();
        const memory: ArrayBufferLike[] = [];
        stream.on('data', (chunk: Buffer) => {
          if (chunk.buffer.byteLength > nodePoolLength) memory.push(chunk.buffer);
        });
        stream.end(data);
        await once(stream, 'close');
        expect(memory.length).to.be.above(3);
        expect(new Set(memory).size).to.equal(memory.length);
      });

      it(`keeps a small chunk from pinning a big slab (${engine}, ${where})`, async () => {
        const { plain, data } = sample(1_000);
        const pool = new ZlibPool({ engine, inline });
        for (let i = 0; i < 10; i++) {
          const stream = i % 2 === 0 ? pool.createGunzip() : pool.createGzip();
          stream.end(i % 2 === 0 ? data : plain);
          const [chunk] = await once(stream, 'data');
          expect(chunk.buffer.byteLength).to.be.at.most(Math.max(nodePoolLength, chunk.length));
          stream.destroy();
        }
      });

      it(`keeps streams side by side from pinning memory that others cut from (${engine}, ${where})`, async () => {
        const { plain, data } = sample(30_000);
        const pool = new ZlibPool({ engine, inline });
        const streams = Array.from({ length: 8 }, () => pool.createGunzip());
        const kept: Buffer[] = [];
        streams.forEach((stream, i) => {
          stream.on('data', (chunk: Buffer) => i === 0 && kept.push(chunk));
        });
        const closed = streams.map((stream) => once(stream, 'close'));
        for (const piece of pieces(data, 200)) {
          await Promise.all(streams.map((stream) => new Promise<void>((done) => stream.write(piece, () => done()))));
        }
        for (const stream of streams) stream.end();
        await Promise.all(closed);
        expect(Buffer.concat(kept).equals(plain)).to.equal(true);
        expect(kept.length).to.be.above(10);
        const memory = [...new Set(kept.map((chunk) => chunk.buffer))];
        const length = memory.reduce((sum, { byteLength }) => sum + byteLength, 0);
        expect(length).to.be.at.most(plain.length + nodePoolLength);
      });
    }

    it(`gives messages memory of their own, which no later message writes to (${engine})`, async () => {
      const pool = new ZlibPool({ engine });
      for (const length of [100, 5_000, 70_000]) {
        const samples = Array.from({ length: 6 }, (_, i) => sample(length, i));
        const made = await Promise.all(samples.map(({ plain }) => pool.compress(plain, 'gzip')));
        const now = samples.map(({ plain }) => pool.compressSync(plain, 'gzip'));
        // node:zlib's own function makes those of the public engine.
        for (const bytes of engine === 'native' ? [...made, ...now] : made) {
          expect(bytes.buffer.byteLength).to.be.at.most(Math.max(nodePoolLength, bytes.length + 1));
        }
        for (const [i, { data }] of samples.entries()) {
          expect(made[i]?.equals(data) && now[i]?.equals(data)).to.equal(true);
        }
      }
    });

    for (const [where, inline] of Object.entries({ 'main thread': {}, threadpool: { inputLength: 0 } })) {
      it(`answers input of an encoder whose memory went away, before its write or in it, with an error (${engine}, ${where})`, async () => {
        const pool = new ZlibPool({ engine, inline });
        for (const inFlight of [false, true]) {
          for (const create of ['createGzip', 'createDeflate', 'createBrotliCompress'] as const) {
            const memory = new Uint8Array(sample(100_000).plain).buffer;
            const stream = pool[create]().resume();
            stream.on('error', () => {});
            stream.end(Buffer.from(memory));
            if (inFlight) await new Promise((resolve) => process.nextTick(resolve));
            structuredClone(memory, { transfer: [memory] });
            await closed(stream);
            const code = (stream.errored as NodeJS.ErrnoException | null)?.code;
            if (!inFlight || code !== undefined) expect(code).to.equal('ERR_BUFFER_DETACHED');
            // Its checksum is made of the input after the write.
            if (engine === 'native' && create === 'createGzip') expect(code).to.equal('ERR_BUFFER_DETACHED');
          }
        }
        await nextTurn();
        expect(pool.stats).to.include({ leased: 0 });
      });
    }

    it(`answers a written chunk whose memory went away with an error, not with an abort (${engine})`, async () => {
      const { data } = sample(300_000);
      const pool = new ZlibPool({ engine });
      const memory = new Uint8Array(data).buffer;
      const stream = pool.createGunzip();
      stream.write(Buffer.from(memory));
      structuredClone(memory, { transfer: [memory] });
      const [error] = await once(stream, 'error');
      expect(error).to.have.property('code', 'ERR_BUFFER_DETACHED');
    });
  }
});

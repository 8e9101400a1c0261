/** P2 close: a lease is released right after its stream's 'close', never at EOF. */
import { once } from 'node:events';
import { pipeline, Readable, Writable } from 'node:stream';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { CompressStream, DecompressStream, Lease } from '../../lib/index.ts';
import { directions } from '../support/directions.ts';
import { engineOf, engines, watchLeases, ZlibPool } from '../support/library.ts';
import { sample } from '../support/samples.ts';
import { until } from '../support/until.ts';

const small = sample(2_000);
const big = sample(4_000_000);
/** Compressing takes longer. */
const plain = sample(1_000_000);
/** Nothing on the main thread: each write is in flight for a while. */
const threadpool = { inputLength: 0 };
/** After it, what was written is in flight. */
const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

describe('P2 close', () => {
  for (const [engine, direction, { create, input, isKept }] of engines.flatMap((each) =>
    Object.entries(directions).map(([name, it]) => [each, name, it] as const),
  )) {
    describe(`of a ${direction} stream on the ${engine} engine`, () => {
      const shortInput = input(small);
      const longInput = direction === 'compressing' ? plain.plain : big.data;
      it('keeps the lease from the first byte until after close, past EOF', async () => {
        const pool = new ZlibPool({ engine });
        const stream = create(pool);
        expect(pool.stats.leased).to.equal(0);
        const seen: Array<[string, number]> = [];
        for (const name of ['data', 'end', 'close']) stream.once(name, () => seen.push([name, pool.stats.leased]));
        stream.resume().end(shortInput);
        await once(stream, 'close');
        expect(seen).to.deep.equal([
          ['data', 1],
          ['end', 1],
          ['close', 1],
        ]);
        await nextTurn();
        expect(pool.stats).to.include({ leased: 0, idle: isKept(engine) ? 1 : 0, created: 1 });
      });

      it('holds close back until no native write is in flight', async () => {
        const pool = new ZlibPool({ engine, inline: threadpool });
        const leases = watchLeases(pool);
        for (let i = 0; i < 20; i++) {
          const stream = create(pool);
          stream.resume().write(longInput);
          // The next write begins in the same turn as 'data', or in its ticks.
          for (let n = i % 4; n > 0; n--) await once(stream, 'data');
          await nextTick();
          expect(engineOf(leases[i] as Lease).busy, 'a write is in flight').to.equal(true);
          let atClose: unknown;
          stream.on('close', () => {
            atClose = { busy: engineOf(leases[i] as Lease).busy, leased: pool.stats.leased };
          });
          stream.destroy();
          await once(stream, 'close');
          expect(atClose).to.deep.equal({ busy: false, leased: 1 });
          expect(pool.stats.leased).to.equal(0);
        }
        const { discarded, evicted, idle, created } = pool.stats;
        expect(discarded + evicted + idle).to.equal(created);
      });

      const roads: Record<string, (stream: DecompressStream | CompressStream) => unknown> = {
        'its natural end': (stream) => stream.resume().end(shortInput),
        'destroy() before the tick of the first write': (stream) => {
          stream.write(shortInput);
          stream.destroy();
        },
        'destroy() after the first write': (stream) => stream.write(shortInput, () => stream.destroy()),
        'destroy(error)': (stream) =>
          stream.on('error', () => {}).write(shortInput, () => stream.destroy(new Error('x'))),
        'destroy() inside data': (stream) => stream.on('data', () => stream.destroy()).end(longInput),
        'destroy() while nobody reads': (stream) => {
          stream.write(longInput);
          void until(() => stream.readableLength >= stream.readableHighWaterMark).then(() => stream.destroy());
        },
        'close()': (stream) => stream.write(shortInput, () => stream.close()),
        'output over its limit': (stream) =>
          stream
            .on('error', () => {})
            .resume()
            .end(longInput),
        'a pipeline whose destination fails': (stream) =>
          pipeline(
            Readable.from([longInput]),
            stream,
            new Writable({ write: (_chunk, _encoding, callback) => callback(new Error('full')) }),
            () => {},
          ),
        'leaving a for await': async (stream) => {
          stream.end(longInput);
          for await (const _chunk of stream) break;
        },
      };
      const ofBadInput: typeof roads = {
        'corrupt input': (stream) => stream.on('error', () => {}).end(Buffer.from('no gzip at all')),
        'truncated input': (stream) =>
          stream
            .on('error', () => {})
            .resume()
            .end(longInput.subarray(0, -9)),
      };
      for (const [name, go] of Object.entries({ ...roads, ...(direction === 'compressing' ? {} : ofBadInput) })) {
        for (const emitClose of [true, false]) {
          it(`gives back by ${name}${emitClose ? ', though nobody listens to close' : ', with emitClose: false'}`, async () => {
            const pool = new ZlibPool({ engine });
            const limits = name.includes('limit') ? { maxOutputLength: 1_000 } : {};
            const stream = create(pool, { emitClose, ...limits });
            go(stream);
            stream.removeAllListeners('close');
            await until(() => stream.destroyed && pool.stats.leased === 0);
            const { idle, discarded, evicted, created } = pool.stats;
            expect(idle + discarded + evicted).to.equal(created);
          });
        }
      }

      it('gives back at destroy() where autoDestroy is off, and not before', async () => {
        const pool = new ZlibPool({ engine });
        const stream = create(pool, { autoDestroy: false });
        stream.resume().end(shortInput);
        await once(stream, 'end');
        await delay(10);
        expect(pool.stats.leased).to.equal(1);
        stream.destroy();
        await nextTurn();
        expect(pool.stats).to.include({ leased: 0, idle: isKept(engine) ? 1 : 0 });
      });

      it('gives back on an AbortSignal', async () => {
        const pool = new ZlibPool({ engine, inline: threadpool });
        const abort = new AbortController();
        const stream = create(pool, { signal: abort.signal });
        const failed = once(stream, 'error');
        stream.resume().write(longInput);
        await nextTick();
        abort.abort();
        expect((await failed)[0]).to.have.property('code', 'ABORT_ERR');
        await nextTurn();
        expect(pool.stats).to.include({ leased: 0, idle: 0, discarded: 1 });
      });
    });
  }
});

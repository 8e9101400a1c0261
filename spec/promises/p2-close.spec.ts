/** P2 close: a lease is released right after its stream's 'close', never at EOF. */
import { once } from 'node:events';
import { pipeline, Readable, Writable } from 'node:stream';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { DecompressStream, Lease } from '../../lib/index.ts';
import { engineOf, engines, watchLeases, ZlibPool } from '../support/library.ts';
import { sample } from '../support/samples.ts';
import { until } from '../support/until.ts';

const small = sample(2_000);
const big = sample(4_000_000);
/** Nothing on the main thread: each write is in flight for a while. */
const threadpool = { inputLength: 0 };
/** After it, what was written is in flight. */
const nextTick = (): Promise<void> => new Promise((resolve) => process.nextTick(resolve));

describe('P2 close', () => {
  for (const engine of engines) {
    describe(`on the ${engine} engine`, () => {
      it('keeps the lease from the first byte until after close, past EOF', async () => {
        const pool = new ZlibPool({ engine });
        const stream = pool.createGunzip();
        expect(pool.stats.leased).to.equal(0);
        const seen: Array<[string, number]> = [];
        for (const name of ['data', 'end', 'close']) stream.once(name, () => seen.push([name, pool.stats.leased]));
        stream.resume().end(small.data);
        await once(stream, 'close');
        expect(seen).to.deep.equal([
          ['data', 1],
          ['end', 1],
          ['close', 1],
        ]);
        await nextTurn();
        expect(pool.stats).to.include({ leased: 0, idle: 1, created: 1 });
      });

      it('holds close back until no native write is in flight', async () => {
        const pool = new ZlibPool({ engine, inline: threadpool });
        const leases = watchLeases(pool);
        for (let i = 0; i < 20; i++) {
          const stream = pool.createGunzip();
          stream.resume().write(big.data);
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
        expect(pool.stats.discarded + pool.stats.idle).to.equal(pool.stats.created);
      });

      const roads: Record<string, (stream: DecompressStream) => unknown> = {
        'its natural end': (stream) => stream.resume().end(small.data),
        'destroy() before the tick of the first write': (stream) => {
          stream.write(small.data);
          stream.destroy();
        },
        'destroy() after the first write': (stream) => stream.write(small.data, () => stream.destroy()),
        'destroy(error)': (stream) =>
          stream.on('error', () => {}).write(small.data, () => stream.destroy(new Error('x'))),
        'destroy() inside data': (stream) => stream.on('data', () => stream.destroy()).end(big.data),
        'destroy() while nobody reads': (stream) => {
          stream.write(big.data);
          void until(() => stream.readableLength >= stream.readableHighWaterMark).then(() => stream.destroy());
        },
        'close()': (stream) => stream.write(small.data, () => stream.close()),
        'corrupt input': (stream) => stream.on('error', () => {}).end(Buffer.from('no gzip at all')),
        'truncated input': (stream) =>
          stream
            .on('error', () => {})
            .resume()
            .end(big.data.subarray(0, -9)),
        'a pipeline whose destination fails': (stream) =>
          pipeline(
            Readable.from([big.data]),
            stream,
            new Writable({ write: (_chunk, _encoding, callback) => callback(new Error('full')) }),
            () => {},
          ),
        'leaving a for await': async (stream) => {
          stream.end(big.data);
          for await (const _chunk of stream) break;
        },
      };
      for (const [name, go] of Object.entries(roads)) {
        for (const emitClose of [true, false]) {
          it(`gives back by ${name}${emitClose ? ', though nobody listens to close' : ', with emitClose: false'}`, async () => {
            const pool = new ZlibPool({ engine });
            const stream = pool.createGunzip({ emitClose });
            go(stream);
            stream.removeAllListeners('close');
            await until(() => stream.destroyed && pool.stats.leased === 0);
            const { idle, discarded, created } = pool.stats;
            expect(idle + discarded).to.equal(created);
          });
        }
      }

      it('gives back at destroy() where autoDestroy is off, and not before', async () => {
        const pool = new ZlibPool({ engine });
        const stream = pool.createGunzip({ autoDestroy: false });
        stream.resume().end(small.data);
        await once(stream, 'end');
        await delay(10);
        expect(pool.stats.leased).to.equal(1);
        stream.destroy();
        await nextTurn();
        expect(pool.stats).to.include({ leased: 0, idle: 1 });
      });

      it('gives back on an AbortSignal', async () => {
        const pool = new ZlibPool({ engine, inline: threadpool });
        const abort = new AbortController();
        const stream = pool.createGunzip({ signal: abort.signal });
        const failed = once(stream, 'error');
        stream.resume().write(big.data);
        await nextTick();
        abort.abort();
        expect((await failed)[0]).to.have.property('code', 'ABORT_ERR');
        await nextTurn();
        expect(pool.stats).to.include({ leased: 0, idle: 0, discarded: 1 });
      });
    });
  }
});

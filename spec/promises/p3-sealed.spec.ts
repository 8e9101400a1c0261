/** P3 sealed: after EOF reads end; after close every door answers from the sealed stream, none from an engine. */
import { once } from 'node:events';
import { setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import type { CompressStream, DecompressStream } from '../../lib/index.ts';
import { directions } from '../support/directions.ts';
import { engineOf, engines, watchLeases, ZlibPool } from '../support/library.ts';
import { closed } from '../support/outcome.ts';
import { sample } from '../support/samples.ts';

const all = sample(5_000);

/** What each door of a closed stream answers: a value, or the code of an error. */
const doors: Record<string, (stream: DecompressStream | CompressStream) => unknown> = {
  read: (stream) => stream.read(),
  write: (stream) =>
    new Promise((resolve) => stream.write(all.data, (error) => resolve((error as NodeJS.ErrnoException).code))),
  end: (stream) => stream.end() === stream,
  flush: (stream) => new Promise((resolve) => stream.flush(() => resolve('called back'))),
  reset: (stream) => {
    try {
      return stream.reset();
    } catch (error) {
      return (error as NodeJS.ErrnoException).code;
    }
  },
  close: (stream) => new Promise((resolve) => stream.close(() => resolve('called back'))),
  destroy: (stream) => stream.destroy(new Error('late')).errored,
  transform: (stream) => new Promise((resolve) => stream._transform(all.data, 'binary', () => resolve('called back'))),
};

const answers: Record<string, unknown> = {
  read: null,
  write: 'ERR_STREAM_DESTROYED',
  end: true,
  flush: 'called back',
  reset: 'ERR_LEASE_SEALED',
  close: 'called back',
  destroy: null,
  transform: 'called back',
};

describe('P3 sealed', () => {
  for (const [engine, direction, { create, input, output, isKept }] of engines.flatMap((each) =>
    Object.entries(directions).map(([name, it]) => [each, name, it] as const),
  )) {
    const data = input(all);
    const plain = output(all);
    const on = `(${direction}, ${engine})`;

    for (const [door, knock] of Object.entries(doors)) {
      it(`answers ${door} after close from the sealed stream, while another has the engine ${on}`, async () => {
        const pool = new ZlibPool({ engine });
        const first = create(pool);
        first.on('error', () => {}).resume();
        await new Promise((resolve) => first.write(data, resolve));
        first.destroy();
        await closed(first);

        const created = isKept(engine) ? 1 : 2;
        const second = create(pool);
        const chunks: Buffer[] = [];
        second.on('data', (chunk) => chunks.push(chunk));
        second.write(data.subarray(0, 200));
        await nextTurn();
        expect(pool.stats).to.include({ created, leased: 1 });
        expect(await knock(first)).to.equal(answers[door]);
        expect(pool.stats).to.include({ created, leased: 1 });
        second.end(data.subarray(200));
        await once(second, 'close');
        expect(Buffer.concat(chunks).equals(plain)).to.equal(true);
        expect(second.bytesWritten).to.equal(data.length);
      });
    }

    it(`gives null and stays ended after EOF, also before close ${on}`, async () => {
      const pool = new ZlibPool({ engine });
      const stream = create(pool, { autoDestroy: false });
      stream.resume().end(data);
      await once(stream, 'end');
      for (let i = 0; i < 3; i++) expect(stream.read()).to.equal(null);
      expect(stream.readableEnded).to.equal(true);
      stream.destroy();
      await closed(stream);
      expect(stream.read()).to.equal(null);
    });

    it(`does not lead from an ended lease to an engine ${on}`, () => {
      const pool = new ZlibPool({ engine });
      const leases = watchLeases(pool);
      const lease = pool.tryLease('gzip', { compress: direction === 'compressing' });
      lease?.release();
      expect(lease?.released).to.equal(true);
      expect(() => leases.map(engineOf))
        .to.throw()
        .with.property('code', 'ERR_LEASE_SEALED');
    });
  }
});

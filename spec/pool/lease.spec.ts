/** The lease as a synchronous codec: `writeSync()` keeps the window, `reset()` forgets it. */
import { once } from 'node:events';
import { constants, createDeflateRaw, deflateSync, gzipSync, inflateSync } from 'node:zlib';
import { expect } from 'chai';
import { engines, ZlibPool } from '../support/library.ts';
import { bytesOf } from '../support/outcome.ts';
import { compress, formats, json, sample } from '../support/samples.ts';

const { Z_FINISH, Z_SYNC_FLUSH } = constants;
const { plain, data } = sample(50_000);

/** Messages as a peer with a kept window compresses them: each ends with a sync flush. */
async function messagesOf(texts: readonly Buffer[]): Promise<Buffer[]> {
  const deflate = createDeflateRaw();
  const messages: Buffer[] = [];
  for (const text of texts) {
    const pieces: Buffer[] = [];
    const take = (piece: Buffer): unknown => pieces.push(piece);
    deflate.on('data', take);
    deflate.write(text);
    await new Promise<void>((resolve) => deflate.flush(Z_SYNC_FLUSH, resolve));
    deflate.off('data', take);
    messages.push(Buffer.concat(pieces));
  }
  deflate.close();
  await once(deflate, 'close');
  return messages;
}

function codeOf(act: () => unknown): string | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

for (const engine of engines) {
  describe(`Lease.writeSync() (${engine})`, () => {
    const pool = new ZlibPool({ engine });

    afterEach(() => {
      const { leased, created, idle, discarded, evicted } = pool.stats;
      expect({ leased, created }).to.deep.equal({ leased: 0, created: idle + discarded + evicted });
    });

    it('keeps the window from one message to the next', async () => {
      const texts = [1, 2, 3].map((seed) => Buffer.concat([json(3_000, 7), json(200, seed)]));
      const messages = await messagesOf(texts);
      expect(messages[1]?.length).to.be.below((messages[0] as Buffer).length / 4);
      using lease = await pool.lease('deflate-raw');
      for (const [i, message] of messages.entries()) {
        expect(lease.writeSync(message, Z_SYNC_FLUSH).equals(texts[i] as Buffer)).to.equal(true);
      }
      // Without the window that the first has left, the second message is bad data.
      lease.reset();
      expect(codeOf(() => lease.writeSync(messages[1] as Buffer, Z_SYNC_FLUSH))).to.equal('Z_DATA_ERROR');
    });

    for (const format of formats) {
      it(`gives all output of each input, cut anywhere (${format})`, async () => {
        const message = compress(format, plain);
        using lease = await pool.lease(format);
        const pieces: Buffer[] = [];
        for (let at = 0; at < message.length; at += 777) pieces.push(lease.writeSync(message.subarray(at, at + 777)));
        expect(Buffer.concat(pieces).equals(plain)).to.equal(true);
        lease.reset();
        expect(lease.writeSync(message).equals(plain)).to.equal(true);
      });
    }

    it('takes each kind of bytes, and refuses all else', async () => {
      using lease = await pool.lease('gzip');
      const { buffer, byteOffset, byteLength } = data;
      for (const bytes of [
        new Uint8Array(data),
        new DataView(buffer, byteOffset, byteLength),
        new Uint8Array(data).buffer,
      ]) {
        expect(lease.writeSync(bytes).equals(plain)).to.equal(true);
        lease.reset();
      }
      for (const bad of ['text', null, 7, [1], new Proxy(data, {})]) {
        expect(codeOf(() => lease.writeSync(bad as never))).to.equal('ERR_INVALID_ARG_TYPE');
      }
      for (const flush of [-1, 6, 1.5, Number.NaN, '2']) {
        expect(codeOf(() => lease.writeSync(data, flush as never))).to.equal('ERR_OUT_OF_RANGE');
      }
      expect(lease.writeSync(data).equals(plain)).to.equal(true);
    });

    it('throws the error of node:zlib, and then wants a reset', async () => {
      const bad = Buffer.concat([data.subarray(0, 500), Buffer.alloc(500, 0xff)]);
      const lease = await pool.lease('gzip');
      let error: NodeJS.ErrnoException | undefined;
      try {
        lease.writeSync(bad);
      } catch (thrown) {
        error = thrown as NodeJS.ErrnoException;
      }
      let theirs: NodeJS.ErrnoException | undefined;
      try {
        inflateSync(Buffer.concat([deflateSync(plain).subarray(0, 500), Buffer.alloc(500, 0xff)]));
      } catch (thrown) {
        theirs = thrown as NodeJS.ErrnoException;
      }
      expect(error).to.include({ code: 'Z_DATA_ERROR', errno: -3 }).and.have.property('name', theirs?.name);
      expect(codeOf(() => lease.writeSync(data))).to.equal('ERR_LEASE_SEALED');
      lease.reset();
      expect(lease.writeSync(data).equals(plain)).to.equal(true);
      lease.release();
      expect((await bytesOf(pool.createGunzip().end(data))).equals(plain)).to.equal(true);
    });

    it('tells data that is cut short only where it is to be finished', async () => {
      using lease = await pool.lease('gzip');
      expect(lease.writeSync(data.subarray(0, -1)).equals(plain)).to.equal(true);
      lease.reset();
      expect(codeOf(() => lease.writeSync(data.subarray(0, -1), Z_FINISH))).to.equal('Z_BUF_ERROR');
    });

    it('stops at the limits of the lease, or else of the pool, one byte beyond them', async () => {
      const bounded = new ZlibPool({ engine, maxOutputLength: 40_000 });
      using exact = await pool.lease('gzip', { maxOutputLength: 50_000 });
      expect(exact.writeSync(data).equals(plain)).to.equal(true);
      for (const lease of [
        await pool.lease('gzip', { maxOutputLength: 49_999 }),
        await bounded.lease('gzip'),
        bounded.tryLease('gzip', { maxOutputLength: 100 }),
      ]) {
        expect(codeOf(() => lease?.writeSync(data))).to.equal('ERR_BUFFER_TOO_LARGE');
        expect(codeOf(() => lease?.writeSync(data))).to.equal('ERR_LEASE_SEALED');
        lease?.release();
      }
      using ratio = await pool.lease('gzip', { maxRatio: 2, ratioFloorLength: 0 });
      expect(codeOf(() => ratio.writeSync(data))).to.equal('ERR_RATIO_TOO_HIGH');
      using wide = await bounded.lease('gzip', { maxOutputLength: 60_000 });
      expect(wide.writeSync(data).equals(plain)).to.equal(true);
    });

    it('stops a bomb before it is inflated', async () => {
      const bomb = gzipSync(Buffer.alloc(200_000_000));
      using lease = await pool.lease('gzip', { maxOutputLength: 1_000 });
      const { rss } = process.memoryUsage();
      expect(codeOf(() => lease.writeSync(bomb))).to.equal('ERR_BUFFER_TOO_LARGE');
      expect(process.memoryUsage().rss - rss).to.be.below(50_000_000);
    });

    it('has the options of the engine: a dictionary, a window, junk that is refused', async () => {
      const dictionary = json(600, 5);
      using lease = await pool.lease('deflate', { dictionary });
      const known = json(500, 5);
      for (let i = 0; i < 2; i++) {
        expect(lease.writeSync(deflateSync(known, { dictionary })).equals(known)).to.equal(true);
        lease.reset();
      }
      const junk = Buffer.concat([deflateSync(plain), Buffer.from('junk')]);
      using strict = await pool.lease('deflate', { rejectGarbageAfterEnd: true });
      expect(codeOf(() => strict.writeSync(junk))).to.equal('ERR_TRAILING_JUNK_AFTER_STREAM_END');
      using lax = await pool.lease('deflate');
      expect(lax.writeSync(junk).equals(plain)).to.equal(true);
      for (const bad of [{ windowBits: 99 }, { maxRatio: 0 }, { dictionary: 7 }]) {
        expect(codeOf(() => pool.tryLease('deflate', bad as never))).to.match(/^ERR_(OUT_OF_RANGE|INVALID_ARG_TYPE)$/);
      }
    });

    it('is sealed once the lease has ended, and counts its bytes', async () => {
      const before = pool.stats;
      const lease = await pool.lease('gzip');
      lease.writeSync(data);
      lease.release();
      expect(codeOf(() => lease.writeSync(data))).to.equal('ERR_LEASE_SEALED');
      expect(codeOf(() => lease.reset())).to.equal('ERR_LEASE_SEALED');
      expect(pool.stats.bytesIn - before.bytesIn).to.equal(data.length);
      expect(pool.stats.bytesOut - before.bytesOut).to.equal(plain.length);
    });

    it('names the argument that is invalid, and the reason of its refusal', async () => {
      const messageOf = (act: () => unknown): string => {
        try {
          act();
          return '';
        } catch (error) {
          return (error as Error).message;
        }
      };
      using lease = await pool.lease('gzip', { maxOutputLength: 49_999 });
      expect(messageOf(() => lease.writeSync('text' as never))).to.match(
        /^chunk must be a Buffer, TypedArray, DataView or ArrayBuffer. Received /,
      );
      expect(messageOf(() => lease.writeSync(data, 6))).to.equal(
        'flush must be a flush constant from 0 to 5. Received 6',
      );
      for (const flush of [0, 5]) {
        expect(lease.writeSync(Buffer.alloc(0), flush).length).to.equal(0);
      }
      expect(messageOf(() => lease.writeSync(data))).to.equal('Cannot create a Buffer larger than 49999 bytes');
      expect(messageOf(() => lease.writeSync(data))).to.match(
        engine === 'native' ? /^The last write failed. Reset the lease$/ : /./,
      );
      using ratio = await pool.lease('gzip', { maxRatio: 2, ratioFloorLength: 0 });
      expect(messageOf(() => ratio.writeSync(data))).to.equal('The data expands by more than 2 times');
    });

    it('goes on after junk that is refused, once it was reset', async () => {
      const junk = Buffer.concat([deflateSync(plain), Buffer.from('junk')]);
      using lease = await pool.lease('deflate', { rejectGarbageAfterEnd: true });
      expect(codeOf(() => lease.writeSync(junk))).to.equal('ERR_TRAILING_JUNK_AFTER_STREAM_END');
      expect(codeOf(() => lease.writeSync(junk))).to.equal('ERR_LEASE_SEALED');
      lease.reset();
      expect(lease.writeSync(deflateSync(plain)).equals(plain)).to.equal(true);
    });

    it('ends once: a second release is an error, and the end of a block is none', async () => {
      const lease = await pool.lease('gzip');
      expect(lease.released).to.equal(false);
      lease.release();
      expect(lease.released).to.equal(true);
      expect(codeOf(() => lease.release())).to.equal('ERR_LEASE_RELEASED');
      expect(codeOf(() => lease.discard())).to.equal('ERR_LEASE_RELEASED');
      lease[Symbol.dispose]();
    });
  });
}

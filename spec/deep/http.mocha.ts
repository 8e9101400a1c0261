/** `zlease/http` in servers of every kind, with clients of Node. */
import { expect } from 'chai';
import type { ZlibPool as Pool } from '../../lib/index.ts';
import { allBack } from '../support/http/back.ts';
import { type Client, overHttp1, overHttp2 } from '../support/http/clients.ts';
import { listen, type Running, servers, told } from '../support/http/servers.ts';
import { decodeRequests, ZlibPool } from '../support/library.ts';
import { compress, formats, json, pieces, random } from '../support/samples.ts';

const codings = (['gzip', 'deflate', 'br', 'zstd'] as const).filter((name) => formats.includes(name));
const plain = json(30_000, 1);
/** Does not get smaller. */
const noise = Buffer.from(Array.from({ length: 400_000 }, random(7)).map((value) => value * 256));
const MAX_LENGTH = 1_000_000;
const atLimit = new Map(codings.map((coding) => [coding, compress(coding, Buffer.alloc(MAX_LENGTH))]));
const overLimit = new Map(codings.map((coding) => [coding, compress(coding, Buffer.alloc(MAX_LENGTH + 1))]));
const bombs = new Map(codings.map((coding) => [coding, compress(coding, Buffer.alloc(10_000_000))]));

function corrupt(data: Buffer): Buffer {
  return Buffer.from(data).fill(0xff, 20, 400);
}

for (const [kind, make] of Object.entries(servers)) {
  describe(`decodeRequests() in ${kind}`, () => {
    let pool: Pool;
    let running: Running;
    let client: Client;

    beforeEach(async () => {
      pool = new ZlibPool();
      running = await listen(make(decodeRequests({ pool, maxOutputLength: MAX_LENGTH })));
      client = (kind === 'plain http2' ? overHttp2 : overHttp1)(running.origin);
    });

    afterEach(async () => {
      client.close();
      await running.close();
      await allBack(pool);
    });

    /** That the connection is of use after what was sent before. */
    async function goesOn(): Promise<void> {
      const answer = await client.send({ encoding: 'gzip', pieces: [compress('gzip', plain)] });
      expect(answer).to.include({ status: 200, body: told(plain) });
      // fastify closes a connection whose request's body it could not read.
      if (!/fastify/.test(kind)) expect(client.connections()).to.equal(1);
    }

    /** The frameworks' own pages tell no codes. */
    async function refused(encoding: string | string[], body: readonly Buffer[], status: number, code: RegExp) {
      const answer = await client.send({ encoding, pieces: body });
      expect(answer.status, answer.body).to.equal(status);
      if (!/own|koa|fastify/.test(kind)) expect(answer.body).to.match(code);
      if (/fastify/.test(kind)) expect(JSON.parse(answer.body)).to.have.property('code').that.matches(code);
      return answer;
    }

    it('decodes every coding, in one piece and in many', async () => {
      for (const coding of codings) {
        const data = compress(coding, plain);
        for (const body of [[data], pieces(data, 100)]) {
          const answer = await client.send({ encoding: coding, pieces: body });
          expect(answer, coding).to.include({ status: 200, body: told(plain) });
        }
        const short = pieces(compress(coding, 'short'), 1);
        expect(await client.send({ encoding: coding, pieces: short })).to.include({ body: told(Buffer.from('short')) });
      }
      expect(pool.stats).to.include({ created: codings.length, reused: 2 * codings.length, discarded: 0 });
      expect(client.connections()).to.equal(1);
    });

    it('decodes a body whose length is known, and one that does not get smaller', async () => {
      const data = compress('gzip', noise);
      const headers = { 'content-length': data.length };
      const answer = await client.send({ encoding: 'gzip', pieces: pieces(data, 10_000), headers });
      expect(answer).to.include({ status: 200, body: told(noise) });
      await goesOn();
    });

    it('takes codings off in the reverse of the order in which they were applied', async () => {
      const twice = compress('br', compress('gzip', plain));
      for (const encoding of ['gzip, br', 'GZip ,, identity,\tBR', ['x-gzip', 'br']]) {
        const answer = await client.send({ encoding, pieces: pieces(twice, 1_000) });
        expect(answer, String(encoding)).to.include({ status: 200, body: told(plain) });
      }
      const fiveTimes = Array.from({ length: 5 }).reduce<Buffer>((data) => compress('gzip', data), plain);
      const five = 'gzip,gzip,gzip,gzip,gzip';
      expect(await client.send({ encoding: five, pieces: [fiveTimes] })).to.include({ body: told(plain) });
    });

    it('leaves what is not coded as it is', async () => {
      for (const encoding of [undefined, 'identity', 'Identity, ']) {
        const answer = await client.send({ encoding, pieces: pieces(plain, 10_000) });
        expect(answer).to.include({ status: 200, body: told(plain) });
      }
      expect(pool.stats.created).to.equal(0);
    });

    it('takes no engine where there is no body, or one of no bytes', async () => {
      for (const headers of [undefined, { 'content-length': 0 }]) {
        expect(await client.send({ encoding: 'gzip', headers })).to.include({
          status: 200,
          body: told(Buffer.alloc(0)),
        });
      }
      const chunked = await client.send({ encoding: 'gzip, br', pieces: [Buffer.alloc(0)] });
      expect(chunked).to.include({ status: 200, body: told(Buffer.alloc(0)) });
      await goesOn();
      for (const method of ['GET', 'HEAD']) {
        const answer = await client.send({ encoding: 'gzip', method });
        // Some have no such route.
        expect(answer.status).to.be.oneOf([200, 404, 405]);
      }
      expect(pool.stats).to.include({ created: 1, reused: 0 });
    });

    it('answers 400 for corrupt data, with zlib’s code, and goes on on the same connection', async () => {
      for (const coding of codings) {
        const codes = /^(Z_DATA_ERROR|ERR__ERROR_FORMAT_\w+|ERR_PADDING_2|ZSTD_error_\w+)$/;
        const data = corrupt(compress(coding, plain));
        await refused(coding, [data], 400, codes);
        await refused(coding, pieces(data, 300), 400, codes);
        await goesOn();
      }
      await refused('gzip', pieces(plain, 1_000), 400, /^Z_DATA_ERROR$/);
      await refused('gzip, br', [compress('br', corrupt(compress('gzip', plain)))], 400, /^Z_DATA_ERROR$/);
      await goesOn();
      await allBack(pool);
      expect(pool.stats.failed).to.be.at.least(2 * codings.length + 2);
    });

    it('answers 400 for data that is cut short', async () => {
      for (const coding of codings) {
        // Node 22 takes a frame of Zstandard that is cut short for a whole one.
        if (coding === 'zstd' && process.versions.node.startsWith('22.')) continue;
        const data = compress(coding, plain);
        for (const body of [
          [data.subarray(0, -1)],
          pieces(data.subarray(0, data.length >> 1), 200),
          [data.subarray(0, 1)],
        ]) {
          await refused(coding, body, 400, /^(Z_BUF_ERROR|ZSTD_error_\w+)$/);
        }
      }
      await goesOn();
    });

    it('answers 413 over the limit, and not at it', async () => {
      for (const coding of codings) {
        const most = await client.send({ encoding: coding, pieces: [atLimit.get(coding) as Buffer] });
        expect(most.status).to.equal(200);
        await refused(coding, [overLimit.get(coding) as Buffer], 413, /^ERR_BUFFER_TOO_LARGE$/);
        const bomb = bombs.get(coding) as Buffer;
        await refused(coding, pieces(bomb, 1 + (bomb.length >> 3)), 413, /^ERR_BUFFER_TOO_LARGE$/);
      }
      await goesOn();
      await allBack(pool);
      expect(pool.stats).to.include({ discarded: 2 * codings.length });
      expect(pool.stats.bytesOut).to.be.below(4 * codings.length * MAX_LENGTH);
    });

    it('answers 415 for an unknown coding and for too many, and says what it accepts', async () => {
      const six = 'gzip,gzip,gzip,gzip,gzip,gzip';
      for (const [encoding, code] of [
        ['compress', /^ERR_CODING_UNKNOWN$/],
        ['gzip, constructor', /^ERR_CODING_UNKNOWN$/],
        ['__proto__', /^ERR_CODING_UNKNOWN$/],
        ['gzip;q=1', /^ERR_CODING_UNKNOWN$/],
        [six, /^ERR_TOO_MANY_CODINGS$/],
      ] as const) {
        const { headers } = await refused(encoding, [compress('gzip', plain)], 415, code);
        expect(headers).to.include({ 'accept-encoding': codings.join(', ') });
      }
      expect((await client.send({ encoding: 'nonsense', pieces: pieces(noise, 50_000) })).status).to.equal(415);
      await goesOn();
      expect(pool.stats).to.include({ created: 1 });
    });

    it('gives engines back when clients give up, and serves the next', async () => {
      for (const coding of codings) {
        const data = compress(coding, noise);
        for (const piece of [data.subarray(0, data.length >> 1), data.subarray(0, 1)]) {
          await client.abort(coding, piece, () => pool.stats.leased === 1);
          await allBack(pool);
        }
      }
      expect((await client.send({ encoding: 'gzip', pieces: [compress('gzip', plain)] })).body).to.equal(told(plain));
    });

    it('answers 503 once the pool is closed', async () => {
      await pool.close();
      await refused('gzip', [compress('gzip', plain)], 503, /^ERR_POOL_CLOSED$/);
      expect((await client.send({ pieces: [plain] })).status).to.equal(200);
    });

    if (kind !== 'plain http2') {
      it('decodes a body that the client keeps until it is told to continue', async () => {
        const data = compress('br', noise);
        const headers = { expect: '100-continue' };
        const answer = await client.send({ encoding: 'br', pieces: pieces(data, 30_000), headers });
        expect(answer).to.include({ status: 200, body: told(noise) });
        await refused('gzip', [plain], 400, /^Z_DATA_ERROR$/);
        await goesOn();
      });
    }

    it('decodes many requests at a time, good and bad', async () => {
      const clients = Array.from({ length: 16 }, () =>
        (kind === 'plain http2' ? overHttp2 : overHttp1)(running.origin),
      );
      const data = compress('gzip', plain);
      const bodies = [
        [data, 200],
        [corrupt(data), 400],
        [data.subarray(0, -4), 400],
        [overLimit.get('gzip') as Buffer, 413],
      ] as const;
      const statuses = await Promise.all(
        clients.map(async (one, i) => {
          const results: boolean[] = [];
          for (let round = 0; round < 8; round++) {
            const [body, expected] = bodies[(i + round) % bodies.length] as (typeof bodies)[0];
            const { status } = await one.send({ encoding: 'gzip', pieces: pieces(body, 700 * (1 + i)) });
            results.push(status === expected);
          }
          return results;
        }),
      );
      for (const one of clients) one.close();
      expect(statuses.flat()).to.deep.equal(Array.from({ length: 128 }, () => true));
    });
  });
}

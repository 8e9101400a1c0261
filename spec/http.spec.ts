/** `zlease/http` in servers of every kind, with clients of Node. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { ZlibPool as Pool } from '../lib/index.ts';
import { type Client, overHttp1, overHttp2 } from './support/http/clients.ts';
import { listen, type Running, servers, told } from './support/http/servers.ts';
import { decodeRequests, ZlibPool } from './support/library.ts';
import { compress, formats, json, pieces } from './support/samples.ts';

const codings = (['gzip', 'deflate', 'br', 'zstd'] as const).filter((name) => formats.includes(name));
const plain = json(30_000, 1);
const MAX_LENGTH = 1_000_000;

/** A lease ends a moment after its stream is closed. */
async function allBack(pool: Pool): Promise<void> {
  for (let i = 0; i < 400 && pool.stats.leased > 0; i++) await delay(5);
  expect(pool.stats).to.include({ leased: 0, leaked: 0, waiting: 0 });
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

    it('decodes every coding, in one piece and in many', async () => {
      for (const coding of codings) {
        const data = compress(coding, plain);
        for (const body of [[data], pieces(data, 100), pieces(compress(coding, 'short'), 1)]) {
          const { status, body: text } = await client.send({ encoding: coding, pieces: body });
          expect({ status, text }, coding).to.deep.equal({
            status: 200,
            text: told(body.length > 1 && body[0]?.length === 1 ? Buffer.from('short') : plain),
          });
        }
      }
    });
  });
}

/** A request whose body `decodeRequests()` has replaced: still a request, and a Readable as any other. */
import { randomBytes } from 'node:crypto';
import { once } from 'node:events';
import {
  Agent,
  createServer,
  type IncomingMessage,
  type RequestListener,
  request,
  type ServerResponse,
} from 'node:http';
import http2 from 'node:http2';
import { PassThrough, Readable, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { finished, pipeline } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import express, { type ErrorRequestHandler } from 'express';
import fastify from 'fastify';
import type { DecodeMiddleware, HttpError } from '../../lib/http.ts';
import type { ZlibPool as Pool } from '../../lib/index.ts';
import { allBack } from '../support/http/back.ts';
import { type Client, overHttp1, overHttp2 } from '../support/http/clients.ts';
import { listen, listener, type Running, readings, told } from '../support/http/servers.ts';
import { decodeRequests, ZlibPool } from '../support/library.ts';
import { compress, json, pieces } from '../support/samples.ts';
import { until } from '../support/until.ts';

const plain = json(300_000, 1);
const gzip = compress('gzip', plain);
const corrupt = Buffer.from(gzip).fill(0xff, 20_000, 21_000);
const bomb = compress('gzip', Buffer.alloc(100_000_000));
const MAX_LENGTH = 1_000_000;

describe('A request that is decoded', () => {
  let pool: Pool;
  let decode: DecodeMiddleware;
  let running: Running | undefined;
  let client: Client;

  beforeEach(() => {
    pool = new ZlibPool();
    decode = decodeRequests({ pool, maxOutputLength: MAX_LENGTH });
  });

  afterEach(async () => {
    client?.close();
    await running?.close();
    running = undefined;
    await allBack(pool);
  });

  async function serve(listening: RequestListener): Promise<void> {
    running = await listen(createServer(listening));
    client = overHttp1(running.origin);
  }

  /** Serves requests that have come through the middleware in good order. */
  const decoded = (handle: (request: IncomingMessage, response: ServerResponse) => unknown): Promise<void> =>
    serve((incoming, response) =>
      decode(incoming, response, (error) => {
        if (error !== undefined) response.writeHead(error.status).end(error.code);
        else
          Promise.resolve(handle(incoming, response)).catch((reason) => {
            response.writeHead(reason.status ?? 500).end(String(reason.code ?? reason));
          });
      }),
    );

  const send = (...parts: readonly Buffer[]) => client.send({ encoding: 'gzip', pieces: parts });

  for (const [name, reading] of Object.entries(readings)) {
    it(`can be read by ${name}`, async () => {
      await serve(listener(decode, reading));
      for (const parts of [[gzip], pieces(gzip, 5_000)]) {
        expect(await send(...parts)).to.include({ status: 200, body: told(plain) });
      }
      expect(await send(corrupt)).to.include({ status: 400, body: 'Z_DATA_ERROR' });
      expect(await send(...pieces(gzip, 5_000).slice(0, -1))).to.include({ status: 400, body: 'Z_BUF_ERROR' });
      expect(await send(bomb)).to.include({ status: 413, body: 'ERR_BUFFER_TOO_LARGE' });
      expect(await send(gzip)).to.include({ status: 200, body: told(plain) });
      expect(client.connections()).to.equal(1);
    });
  }

  it('can be piped, piped elsewhere, paused and resumed', async () => {
    await decoded(async (incoming, response) => {
      const [first, second] = [
        new PassThrough({ highWaterMark: 1_000_000 }),
        new PassThrough({ highWaterMark: 1_000_000 }),
      ];
      incoming.pipe(first);
      await once(first, 'readable');
      incoming.unpipe(first);
      incoming.pause();
      expect(incoming.isPaused()).to.equal(true);
      await delay(20);
      incoming.pipe(second);
      incoming.resume();
      const rest = await buffer(second);
      response.end(told(Buffer.concat([await buffer(first.end()), rest])));
    });
    expect(await send(...pieces(gzip, 5_000))).to.include({ status: 200, body: told(plain) });
  });

  it('takes setEncoding(), and gives a stream of the web', async () => {
    await decoded(async (incoming, response) => {
      if (incoming.headers['x-web']) {
        response.end(told(Buffer.from(await new Response(Readable.toWeb(incoming) as never).arrayBuffer())));
        return;
      }
      let all = '';
      for await (const chunk of incoming.setEncoding('utf8')) all += chunk as string;
      response.end(told(Buffer.from(all)));
    });
    expect(await send(gzip)).to.include({ status: 200, body: told(plain) });
    const byWeb = { encoding: 'gzip', pieces: [gzip], headers: { 'x-web': 'yes' } };
    expect(await client.send(byWeb)).to.include({ status: 200, body: told(plain) });
  });

  it('may have been paused, awaited and looked at before', async () => {
    await serve(async (incoming, response) => {
      incoming.pause();
      await delay(20);
      incoming.on('end', () => {});
      incoming.on('close', () => {});
      decode(incoming, response, async () => {
        expect(incoming.isPaused()).to.equal(true);
        response.end(told(await buffer(incoming)));
      });
    });
    for (const parts of [[compress('gzip', 'short')], pieces(gzip, 5_000)]) {
      const expected = parts.length === 1 ? Buffer.from('short') : plain;
      expect(await send(...parts)).to.include({ status: 200, body: told(expected) });
    }
  });

  it('has the events of a request, in their order', async () => {
    const events: string[] = [];
    await decoded((incoming, response) => {
      for (const name of ['resume', 'data', 'end', 'error', 'aborted', 'close']) {
        incoming.on(name, () => {
          if (events.at(-1) !== name) events.push(name);
          if (name === 'close') response.end();
        });
      }
    });
    await send(...pieces(gzip, 5_000));
    expect(events.splice(0)).to.deep.equal(['resume', 'data', 'end', 'close']);
    await send(corrupt);
    expect(events.splice(0).filter((name) => !['data', 'resume'].includes(name))).to.deep.equal(['error', 'close']);
  });

  it('has the headers of a body that was never coded', async () => {
    await decoded(async (incoming, response) => {
      await buffer(incoming);
      const { headers, headersDistinct, rawHeaders } = incoming;
      response.end(JSON.stringify({ headers, headersDistinct, rawHeaders }));
    });
    const headers = { 'content-length': gzip.length };
    const { body } = await client.send({ encoding: 'gzip', pieces: [gzip], headers });
    const seen = JSON.parse(body);
    for (const kind of [seen.headers, seen.headersDistinct]) {
      expect(kind).not.to.have.any.keys('content-encoding', 'content-length');
      expect(String(kind['transfer-encoding'])).to.equal('chunked');
    }
    expect(seen.rawHeaders).to.include.members(['content-encoding', 'gzip']);
    const untouched = await client.send({ encoding: 'identity', pieces: [gzip], headers });
    const { headers: kept } = JSON.parse(untouched.body);
    expect(kept)
      .to.include({ 'content-length': String(gzip.length) })
      .and.not.to.have.any.keys('content-encoding', 'transfer-encoding');
  });

  it('fails with an error of HTTP, whose cause is that of zlib', async () => {
    const errors: HttpError[] = [];
    await decoded(async (incoming, response) => {
      await buffer(incoming).catch((error) => errors.push(error));
      response.end();
    });
    await send(corrupt);
    await send(bomb);
    const [data, length] = errors as [HttpError, HttpError];
    expect(data)
      .to.be.an('error')
      .that.includes({ code: 'Z_DATA_ERROR', errno: -3, status: 400, statusCode: 400, expose: true });
    expect(data.cause).to.include({ code: 'Z_DATA_ERROR', message: data.message });
    expect(data.cause).not.to.have.property('status');
    expect(length)
      .to.be.instanceOf(RangeError)
      .that.includes({ code: 'ERR_BUFFER_TOO_LARGE', status: 413, expose: true });
    expect(length).not.to.have.any.keys('errno', 'headers');
  });

  it('is refused where its coding is unknown, with what is accepted', async () => {
    await serve((incoming, response) =>
      decode(incoming, response, (error) => {
        const { code, status, expose, headers } = error as HttpError;
        response.end(JSON.stringify({ code, status, expose, headers }));
      }),
    );
    for (const [encoding, code] of [
      ['compress', 'ERR_CODING_UNKNOWN'],
      ['br,br,br,br,br,br', 'ERR_TOO_MANY_CODINGS'],
    ] as const) {
      const { headers, body } = await client.send({ encoding, pieces: [gzip] });
      const accepted = String(headers['accept-encoding']);
      expect(accepted).to.match(/^gzip, deflate, br/);
      expect(JSON.parse(body)).to.deep.equal({
        code,
        status: 415,
        expose: true,
        headers: { 'Accept-Encoding': accepted },
      });
    }
  });

  it('has all limits, and 503 where no engine is to be had', async () => {
    for (const [options, body, status, code] of [
      [{ maxRatio: 10, ratioFloorLength: 1_000 }, bomb, 413, 'ERR_RATIO_TOO_HIGH'],
      [{ pool: new ZlibPool({ maxOutputLength: 10 }) }, gzip, 413, 'ERR_BUFFER_TOO_LARGE'],
    ] as const) {
      decode = decodeRequests({ pool, ...options });
      await serve(listener(decode));
      expect(await send(body)).to.include({ status, body: code });
      client.close();
      await running?.close();
    }
    const busy = new ZlibPool({ maxLeased: 1, leaseTimeoutMs: 20 });
    const lease = busy.tryLease('gzip');
    decode = decodeRequests({ pool: busy });
    await decoded(async (incoming, response) => {
      const error = await buffer(incoming).catch((reason) => reason);
      response.writeHead(error.status).end(JSON.stringify({ code: error.code, expose: error.expose }));
    });
    expect(await send(gzip)).to.include({ status: 503, body: '{"code":"ERR_POOL_TIMEOUT","expose":false}' });
    lease?.release();
  });

  it('holds no more than a few times what waits in node:zlib for a reader that stops', async () => {
    // Comes in one chunk, and its length hint is plausible.
    const body = compress('gzip', Buffer.concat([randomBytes(40_000), Buffer.alloc(500_000)]));
    const stops: Record<string, (incoming: IncomingMessage) => void> = {
      readable: (incoming) => incoming.on('readable', () => {}),
      pause: (incoming) => incoming.on('data', () => incoming.pause()),
      pipe: (incoming) => incoming.pipe(new Writable({ write() {} })),
    };
    let most = 0;
    let stopped: IncomingMessage | undefined;
    await decoded(async (incoming, response) => {
      stops[String(incoming.headers['x-stop'])]?.(incoming);
      await until(() => incoming.complete && pool.stats.bytesOut > 0);
      // A reader that pauses in its first 'data' may have been given all that was made.
      if (incoming.headers['x-stop'] !== 'pause') await until(() => incoming.readableLength > 0);
      // For longer than all of it takes.
      for (let i = 0; i < 5; i++) await other.decompress(body, 'gzip');
      most = incoming.readableLength;
      stopped = incoming;
      response.end();
    });
    const other = new ZlibPool();
    for (const stop of Object.keys(stops)) {
      pool = new ZlibPool();
      decode = decodeRequests({ pool });
      await client.send({ encoding: 'gzip', pieces: [body], headers: { 'x-stop': stop } });
      stopped?.destroy();
      // Its connection is gone with it.
      client.close();
      client = overHttp1((running as Running).origin);
      expect(most, stop).to.be.at.most(3 * 65_536);
      await allBack(pool);
    }
  });

  it('is not decoded before somebody reads, nor where nobody does', async () => {
    await decoded((incoming, response) => {
      if (incoming.headers['x-resume']) incoming.resume();
      setTimeout(() => response.end(), 30);
    });
    const noise = Buffer.alloc(3_000_000, gzip);
    for (const body of [[gzip], pieces(bomb, 10_000), [corrupt], pieces(noise, 100_000)]) {
      for (const headers of [{}, { 'x-resume': 'yes' }] as Array<Record<string, string>>) {
        expect((await client.send({ encoding: 'gzip', pieces: body, headers })).status).to.equal(200);
      }
    }
    expect(pool.stats.created).to.equal(0);
    expect(client.connections()).to.equal(1);
  });

  it('is received, and not decoded, once its reader has left', async () => {
    await decoded(async (incoming, response) => {
      const read = (): void => {
        incoming.off('data', read);
        incoming.resume();
      };
      incoming.on('data', read);
      await finished(incoming);
      response.end(String(incoming.complete));
    });
    decode = decodeRequests({ pool });
    expect(await send(...pieces(bomb, 10_000))).to.include({ status: 200, body: 'true' });
    expect(pool.stats.bytesOut).to.be.below(10_000_000);
    expect(await send(gzip)).to.include({ status: 200 });
    expect(client.connections()).to.equal(1);
  });

  it('makes no more than its reader takes, and holds the client up', async () => {
    decode = decodeRequests({ pool });
    let started = (): void => {};
    const reading = new Promise<void>((resolve) => {
      started = resolve;
    });
    let length = 0;
    /** Made and not yet taken. */
    let most = 0;
    await decoded(async (incoming, response) => {
      const slow = new Writable({
        write(chunk, _encoding, callback) {
          most = Math.max(most, pool.stats.bytesOut - length);
          length += chunk.length;
          if (length === chunk.length) started();
          void gate.then(() => callback());
        },
      });
      await pipeline(incoming, slow);
      response.end(String(length));
    });
    let open = (): void => {};
    const gate = new Promise<void>((resolve) => {
      open = resolve;
    });
    const many = Array.from({ length: 5 }, () => bomb);
    const answered = send(...many);
    await reading;
    await delay(200);
    expect(pool.stats).to.include({ leased: 1 });
    expect(pool.stats.bytesOut).to.be.below(3_000_000);
    open();
    expect(await answered).to.include({ status: 200, body: String(5 * 100_000_000) });
    expect(most).to.be.within(1, 3_000_000);
  }).timeout(60_000);

  it('is answered while its body still comes, where that is bad', async () => {
    await serve(listener(decode));
    const sent = request((running as Running).origin, { method: 'POST', headers: { 'content-encoding': 'gzip' } });
    sent.write(corrupt.subarray(0, 40_000));
    const [response] = (await once(sent, 'response')) as [IncomingMessage];
    expect(response.statusCode).to.equal(400);
    const answered = text(response);
    // What comes behind is received all the same.
    for (let i = 0; i < 20; i++) {
      sent.write(Buffer.alloc(100_000));
      await delay(1);
    }
    sent.end();
    await finished(sent);
    expect(await answered).to.equal('Z_DATA_ERROR');
  });

  it('ends nothing where nobody listens to its error', async () => {
    await decoded(async (incoming, response) => {
      incoming.on('data', () => {});
      incoming.on('end', () => response.end('ended'));
      incoming.on('close', () => response.end('closed'));
    });
    expect(await send(corrupt)).to.include({ body: 'closed' });
    expect(await send(gzip)).to.include({ body: 'ended' });
  });

  it('is aborted when its client goes, as any other', async () => {
    const seen: unknown[] = [];
    await decoded(async (incoming, response) => {
      incoming.on('aborted', () => seen.push('aborted'));
      await buffer(incoming).catch((error) => seen.push(error.code));
      response.end();
    });
    await client.abort('gzip', gzip.subarray(0, 20_000), () => pool.stats.leased === 1);
    await until(() => seen.length === 2);
    expect(seen).to.deep.equal(['aborted', 'ECONNRESET']);
  });

  it('can be left half-way and answered, as any other', async () => {
    await decoded(async (incoming, response) => {
      for await (const _ of incoming) break;
      response.end(String(incoming.destroyed));
    });
    expect(await send(gzip)).to.include({ status: 200, body: 'true' });
    await allBack(pool);
    expect(await send(gzip)).to.include({ status: 200, body: 'true' });
  });

  it('ends its connection when it is destroyed, as any other', async () => {
    const seen: unknown[] = [];
    await decoded((incoming) => {
      incoming.on('error', (error) => seen.push(error.message));
      incoming.on('aborted', () => seen.push('aborted'));
      incoming.once('data', () => incoming.destroy(new Error('enough')));
    });
    const outcome = await send(...pieces(bomb, 10_000)).catch((error) => error.code);
    expect(outcome).to.be.oneOf(['ECONNRESET', 'EPIPE']);
    expect(seen).to.deep.equal(['aborted', 'enough']);
  });

  it('goes through the middleware twice as once', async () => {
    await decoded((incoming, response) =>
      decode(incoming, response, async (error) => response.end(error?.message ?? told(await buffer(incoming)))),
    );
    expect(await send(gzip)).to.include({ status: 200, body: told(plain) });
  });

  it('is refused where somebody reads it already, and let through where all was read', async () => {
    const uses: Record<string, (incoming: IncomingMessage) => unknown> = {
      data: (incoming) => incoming.on('data', () => {}),
      readable: (incoming) => incoming.on('readable', () => {}),
      resume: (incoming) => incoming.resume(),
      encoding: (incoming) => incoming.setEncoding('utf8'),
      all: (incoming) => buffer(incoming),
      destroy: (incoming) => {
        incoming.on('error', () => {});
        incoming.destroyed = true;
      },
    };
    await serve(async (incoming, response) => {
      await uses[String(incoming.headers['x-use'])]?.(incoming);
      decode(incoming, response, (error) => {
        const { code, status, expose } = (error ?? {}) as HttpError;
        incoming.resume();
        response.end(JSON.stringify(error === undefined ? 'let through' : { code, status, expose }));
      });
    });
    for (const use of Object.keys(uses)) {
      const { body } = await client.send({ encoding: 'gzip', pieces: [gzip], headers: { 'x-use': use } });
      const refusal = { code: 'ERR_BODY_IN_USE', status: 500, expose: false };
      expect(JSON.parse(body), use).to.deep.equal(['all', 'destroy'].includes(use) ? 'let through' : refusal);
    }
  });

  it('leaves no listeners behind on its connection', async () => {
    const counts: number[] = [];
    await decoded(async (incoming, response) => {
      const { socket } = incoming;
      response.on('finish', () =>
        setImmediate(() =>
          counts.push(['error', 'close', 'data', 'end'].reduce((sum, name) => sum + socket.listenerCount(name), 0)),
        ),
      );
      response.end(told(await buffer(incoming).catch(() => Buffer.alloc(0))));
    });
    for (let i = 0; i < 15; i++) await send([gzip, corrupt, bomb][i % 3] as Buffer);
    await until(() => counts.length === 15);
    expect(new Set(counts).size).to.be.at.most(2);
    expect(client.connections()).to.equal(1);
  });

  it('keeps the deflate of some senders out, or lets it in', async () => {
    const bare = compress('deflate-raw', plain);
    await serve(listener(decode));
    expect(await client.send({ encoding: 'deflate', pieces: [bare] })).to.include({
      status: 400,
      body: 'Z_DATA_ERROR',
    });
    client.close();
    await running?.close();
    await serve(listener(decodeRequests({ pool, rawDeflate: true })));
    for (const data of [bare, compress('deflate', plain)]) {
      for (const parts of [[data], [data.subarray(0, 1), data.subarray(1)]]) {
        expect(await client.send({ encoding: 'deflate', pieces: parts })).to.include({
          status: 200,
          body: told(plain),
        });
      }
    }
  });

  describe('behind express', () => {
    const answer: ErrorRequestHandler = (error, _request, response, _next) => {
      response.status(error.status).json({ code: error.code, type: error.type });
    };

    it('is parsed as JSON, as a form and as text, without body-parser inflating it', async () => {
      const app = express()
        .use(decode)
        .use(
          express.json({ inflate: false, limit: '10mb' }),
          express.urlencoded({ inflate: false }),
          express.text({ inflate: false }),
        )
        .post('/', (incoming, response) => {
          response.json(incoming.body);
        })
        .use(answer);
      await serve(app);
      const bodies = {
        'application/json': ['{"list":[1,2,3]}', '{"list":[1,2,3]}'],
        'application/x-www-form-urlencoded': ['a=1&b=two', '{"a":"1","b":"two"}'],
        'text/plain': ['some text', '"some text"'],
      };
      for (const [type, [body, parsed]] of Object.entries(bodies)) {
        const data = compress('br', compress('gzip', body as string));
        for (const parts of [[data], pieces(data, 7)]) {
          const answered = await client.send({
            encoding: 'gzip, br',
            pieces: parts,
            headers: { 'content-type': type },
          });
          expect(answered).to.include({ status: 200, body: parsed });
        }
      }
      const json = { 'content-type': 'application/json' };
      expect(await client.send({ encoding: 'gzip', pieces: [compress('gzip', '{')], headers: json })).to.include({
        status: 400,
        body: '{"type":"entity.parse.failed"}',
      });
      expect(await client.send({ encoding: 'gzip', pieces: [corrupt.subarray(0, -1)], headers: json })).to.include({
        status: 400,
        body: '{"code":"Z_DATA_ERROR"}',
      });
    });

    it('is answered once all has come, where it is bad before', async () => {
      await serve(
        express()
          .use(decode)
          .use(express.raw({ type: '*/*' }))
          .use(answer),
      );
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      const sent = request((running as Running).origin, {
        method: 'POST',
        agent,
        headers: { 'content-encoding': 'gzip', 'content-type': 'text/plain' },
      });
      const answered = once(sent, 'response');
      sent.write(corrupt.subarray(0, 40_000));
      await delay(50);
      sent.end(corrupt.subarray(40_000));
      const [response] = (await answered) as [IncomingMessage];
      expect([response.statusCode, await text(response)]).to.deep.equal([400, '{"code":"Z_DATA_ERROR"}']);
      agent.destroy();
    });

    it('is over the limit of body-parser without being decoded to its end', async () => {
      decode = decodeRequests({ pool });
      const app = express()
        .use(decode)
        .use(express.raw({ type: '*/*', limit: 1_000_000 }))
        .use(answer);
      await serve(app);
      expect(await send(...pieces(bomb, 10_000))).to.include({ status: 413, body: '{"type":"entity.too.large"}' });
      expect(pool.stats.bytesOut).to.be.below(10_000_000);
      expect((await send(gzip)).status).to.equal(404);
      expect(client.connections()).to.equal(1);
    });

    it('is answered by another error of a handler, without being decoded', async () => {
      const app = express()
        .use(decode)
        .use((_incoming, _response, next) => next(Object.assign(new Error('not you'), { status: 401 })));
      await serve(app.set('env', 'test'));
      expect((await send(...pieces(bomb, 10_000))).status).to.equal(401);
      expect((await send(gzip)).status).to.equal(401);
      expect(pool.stats.created).to.equal(0);
      expect(client.connections()).to.equal(1);
    });
  });

  it('can be injected into fastify', async () => {
    const app = fastify();
    app.addHook('onRequest', (incoming, reply, done) => decode(incoming.raw, reply.raw, done));
    app.post('/', async ({ body }) => body);
    const post = (payload: Buffer, encoding: string) =>
      app.inject({
        method: 'POST',
        url: '/',
        payload,
        headers: { 'content-type': 'application/json', 'content-encoding': encoding },
      });
    const good = await post(compress('gzip', '{"a":1}'), 'gzip');
    expect([good.statusCode, good.body]).to.deep.equal([200, '{"a":1}']);
    expect((await post(corrupt, 'gzip')).statusCode).to.equal(400);
    expect((await post(bomb, 'gzip')).statusCode).to.equal(413);
    const unknown = await post(gzip, 'unknown');
    expect(unknown.statusCode).to.equal(415);
    expect(unknown.headers['accept-encoding']).to.match(/^gzip, deflate, br/);
    await app.close();
  });

  describe('over HTTP/2', () => {
    async function serve2(
      handle: (incoming: http2.Http2ServerRequest, response: http2.Http2ServerResponse) => unknown,
    ) {
      const server = http2.createServer((incoming, response) =>
        decode(incoming, response, () => {
          void Promise.resolve(handle(incoming, response));
        }),
      );
      running = await listen(server as never);
      client = overHttp2(running.origin);
    }

    for (const [name, reading] of Object.entries(readings)) {
      it(`can be read by ${name}`, async () => {
        await serve2(async (incoming, response) => {
          await delay(20);
          response.end(await reading(incoming as never).then(told, (error) => error.code));
        });
        const other = overHttp2((running as Running).origin);
        const bodies = [
          [pieces(gzip, 5_000), told(plain)],
          [[corrupt], 'Z_DATA_ERROR'],
          [pieces(bomb, 20_000), 'ERR_BUFFER_TOO_LARGE'],
          [[gzip.subarray(0, -1)], 'Z_BUF_ERROR'],
          [[gzip], told(plain)],
        ] as const;
        await Promise.all(
          [client, other].flatMap((one) =>
            bodies.map(async ([parts, expected]) => {
              expect(await one.send({ encoding: 'gzip', pieces: parts })).to.include({ body: expected });
            }),
          ),
        );
        other.close();
      });
    }

    it('emits close once, and fails when it is aborted', async () => {
      const events: string[] = [];
      await serve2(async (incoming, response) => {
        for (const name of ['aborted', 'end', 'close']) incoming.on(name, () => events.push(name));
        await buffer(incoming).catch((error) => events.push(error.code));
        if (!response.stream.destroyed) response.end();
      });
      for (const [parts, expected] of [
        [[gzip], ['end', 'close']],
        [[corrupt], ['Z_DATA_ERROR', 'close']],
      ] as const) {
        await client.send({ encoding: 'gzip', pieces: parts });
        await until(() => events.length >= expected.length);
        // None comes twice.
        await delay(20);
        expect(events.splice(0)).to.deep.equal(expected);
      }
      await client.abort('gzip', gzip.subarray(0, 20_000), () => pool.stats.leased === 1);
      await until(() => events.length >= 3);
      await delay(20);
      expect(events.sort()).to.deep.equal(['ECONNRESET', 'aborted', 'close']);
    });

    it('takes no engine where nobody reads, and is held up', async () => {
      await serve2(async (incoming, response) => {
        if (incoming.headers['x-resume']) incoming.resume();
        await delay(20);
        response.end('unread');
      });
      for (const headers of [{}, { 'x-resume': 'yes' }] as Array<Record<string, string>>) {
        expect(await client.send({ encoding: 'gzip', pieces: [gzip], headers })).to.include({ body: 'unread' });
      }
      expect(pool.stats.created).to.equal(0);
    });
  });

  it('is let through by agents of one connection in any order of good and bad', async () => {
    await serve(listener(decode));
    const bodies = [gzip, corrupt, bomb, gzip.subarray(0, 9_999), Buffer.alloc(0), plain];
    const statuses = [200, 400, 413, 400, 200, 400];
    for (let i = 0; i < 36; i++) {
      const at = (i * 5 + (i >> 2)) % bodies.length;
      const { status } = await send(...pieces(bodies[at] as Buffer, 9_000), Buffer.alloc(0));
      expect(status).to.equal(statuses[at]);
    }
    expect(client.connections()).to.equal(1);
  });
});

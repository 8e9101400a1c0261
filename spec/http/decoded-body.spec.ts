/** `decodeBody()` and `decodeResponse()`: bodies of any source, and responses of servers of Node. */
import { once } from 'node:events';
import { Agent, createServer, get, type IncomingMessage, type RequestListener, type Server } from 'node:http';
import http2 from 'node:http2';
import type { AddressInfo } from 'node:net';
import { PassThrough, Readable, Writable } from 'node:stream';
import { buffer, text } from 'node:stream/consumers';
import { finished, pipeline } from 'node:stream/promises';
import { ReadableStream } from 'node:stream/web';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import { expect } from 'chai';
import { request, Agent as UndiciAgent } from 'undici';
import type { ZlibPool as Pool } from '../../lib/index.ts';
import { allBack } from '../support/http/back.ts';
import { decodeBody, decodeRequests, decodeResponse, engines, ZlibPool } from '../support/library.ts';
import { compress, formats, json, pieces, random } from '../support/samples.ts';
import { uncaughtDuring } from '../support/uncaught.ts';

const codings = (['gzip', 'deflate', 'br', 'zstd'] as const).filter((name) => formats.includes(name));
const plain = json(300_000, 1);
const gzip = compress('gzip', plain);

/** A source that gives each piece in a turn of its own. */
function source(...parts: readonly Buffer[]): Readable {
  return Readable.from(
    (async function* () {
      for (const part of parts) {
        await nextTurn();
        yield part;
      }
    })(),
    { objectMode: false },
  );
}

async function codeOf(reading: Promise<unknown>): Promise<unknown> {
  return reading.then(
    () => 'no error',
    (error) => error.code ?? error,
  );
}

for (const engine of engines) {
  describe(`decodeBody() on ${engine} engines`, () => {
    let pool: Pool;

    beforeEach(() => {
      pool = new ZlibPool({ engine });
    });

    afterEach(() => allBack(pool));

    it('is destroyed with its source when a listener throws, and gives its engines back', async () => {
      const twice = compress('deflate', gzip);
      for (const [coding, data] of [
        ['gzip', gzip],
        ['gzip, deflate', twice],
      ] as const) {
        const from = source(...pieces(data, 5_000));
        const caught = await uncaughtDuring(async () => {
          const body = decodeBody(from, coding, { pool });
          body.once('data', () => {
            throw new Error('from a listener');
          });
          await once(body, 'close');
        });
        expect(caught).to.deep.equal(['Error: from a listener']);
        expect(from.destroyed).to.equal(true);
        await allBack(pool);
      }
    });

    it('gives what was coded, however it comes', async () => {
      for (const coding of codings) {
        const data = compress(coding, plain);
        for (const parts of [[data], pieces(data, 5_000), [Buffer.alloc(0), data.subarray(0, 1), data.subarray(1)]]) {
          expect((await buffer(decodeBody(source(...parts), coding, { pool }))).equals(plain), coding).to.equal(true);
        }
      }
      await allBack(pool);
      // A long message of Zstandard leaves an engine that is too big to keep.
      const reusable = codings.length - Number(codings.includes('zstd'));
      expect(pool.stats.reused).to.be.at.least(2 * reusable);
      expect(pool.stats.discarded).to.equal(0);
    });

    it('takes several codings off, the last one first', async () => {
      const coded = compress('deflate', compress('br', gzip));
      for (const header of ['gzip, br, deflate', ['x-gzip', 'BR,deflate']]) {
        expect((await buffer(decodeBody(source(...pieces(coded, 999)), header, { pool }))).equals(plain)).to.equal(
          true,
        );
      }
    });

    it('gives back the body itself where there is no coding', () => {
      const body = source(plain);
      for (const header of [undefined, null, '', 'identity', ['identity', '']]) {
        expect(decodeBody(body, header, { pool })).to.equal(body);
      }
      body.destroy();
    });

    it('makes an empty body of one without bytes, without an engine', async () => {
      for (const header of ['gzip', 'gzip, br', ...codings]) {
        expect(await buffer(decodeBody(source(), header, { pool }))).to.have.lengthOf(0);
      }
      const ended = source();
      await finished(ended.resume());
      expect(await buffer(decodeBody(ended, 'gzip', { pool }))).to.have.lengthOf(0);
      expect(pool.stats.created).to.equal(0);
    });

    it('fails with the error of zlib, once, and destroys its source', async () => {
      const bad = Buffer.from(gzip).fill(0, 1_000, 2_000);
      for (const [data, code] of [
        [bad, 'Z_DATA_ERROR'],
        [gzip.subarray(0, -3), 'Z_BUF_ERROR'],
        [plain, 'Z_DATA_ERROR'],
      ] as const) {
        const from = source(...pieces(data, 10_000));
        const body = decodeBody(from, 'gzip', { pool });
        let errors = 0;
        body.on('error', () => {
          errors += 1;
        });
        expect(await codeOf(buffer(body))).to.equal(code);
        await nextTurn();
        expect(errors).to.equal(1);
        expect(from.destroyed).to.equal(true);
      }
      await allBack(pool);
      expect(pool.stats).to.include({ failed: 3, discarded: engine === 'native' ? 0 : 3 });
    });

    it('holds each coding to the limits, its own before those of the pool', async () => {
      const limited = new ZlibPool({ engine, maxOutputLength: 1_000 });
      const read = (data: Buffer, header: string, options = {}) =>
        codeOf(buffer(decodeBody(source(data), header, { pool: limited, ...options })));
      const [most, more] = [1_000, 1_001].map((length) => compress('gzip', Buffer.alloc(length))) as [Buffer, Buffer];
      expect(await read(most, 'gzip')).to.equal('no error');
      expect(await read(more, 'gzip')).to.equal('ERR_BUFFER_TOO_LARGE');
      expect(await read(more, 'gzip', { maxOutputLength: 1_001 })).to.equal('no error');
      expect(await read(more, 'gzip', { maxOutputLength: Number.POSITIVE_INFINITY })).to.equal('no error');
      expect(await read(compress('br', more), 'gzip, br')).to.equal('ERR_BUFFER_TOO_LARGE');
      const inner = compress('gzip', Buffer.concat([most, Buffer.alloc(2_000)]));
      expect(await read(inner, 'gzip, gzip')).to.equal('ERR_BUFFER_TOO_LARGE');
      const zeros = compress('gzip', Buffer.alloc(900));
      expect(await read(zeros, 'gzip', { maxRatio: 2, ratioFloorLength: 100 })).to.equal('ERR_RATIO_TOO_HIGH');
      await allBack(limited);
    });

    it('lets no more than a few times what waits in node:zlib wait for a reader that stops', async () => {
      const data = compress('gzip', json(1_000_000, 1));
      const twice = compress('gzip', data);
      for (const [coding, coded] of [
        ['gzip', data],
        ['gzip, gzip', twice],
      ] as const) {
        const stops: ((body: Readable) => void)[] = [
          (body) => body.on('readable', () => {}),
          (body) => body.on('data', () => body.pause()),
          (body) => body.pipe(new Writable({ write() {} })),
        ];
        for (const stop of stops) {
          const body = decodeBody(Readable.from([coded], { objectMode: false }), coding, { pool });
          let taken = 0;
          body.on('pause', () => {
            taken = body.readableLength;
          });
          stop(body);
          // For longer than all of it takes.
          for (let i = 0; i < 3; i++) await buffer(decodeBody(source(data), 'gzip', { pool }));
          // Two pieces in the body, one in its decoder, of 64 KB. In node:zlib they are of 16 KB.
          expect(body.readableLength + taken).to.be.at.most(3 * 65_536);
          body.destroy();
        }
      }
    });

    it('takes bare deflate data for deflate only where it may', async () => {
      const [wrapped, bare] = [compress('deflate', plain), compress('deflate-raw', plain)];
      expect(await codeOf(buffer(decodeBody(source(bare), 'deflate', { pool })))).to.equal('Z_DATA_ERROR');
      for (const data of [wrapped, bare]) {
        const cut = [data.subarray(0, 1), data.subarray(1, 2), data.subarray(2)];
        for (const parts of [[data], cut, [Buffer.alloc(0), ...cut]]) {
          const body = decodeBody(source(...parts), 'deflate', { pool, rawDeflate: true });
          expect((await buffer(body)).equals(plain)).to.equal(true);
        }
        const inner = decodeBody(source(...pieces(compress('br', data), 100)), 'deflate, br', {
          pool,
          rawDeflate: true,
        });
        expect((await buffer(inner)).equals(plain)).to.equal(true);
        const level0 = compress(data === bare ? 'deflate-raw' : 'deflate', plain, { level: 0 });
        expect(
          (await buffer(decodeBody(source(level0), 'deflate', { pool, rawDeflate: true }))).equals(plain),
        ).to.equal(true);
      }
      expect(
        await codeOf(buffer(decodeBody(source(bare.subarray(0, 1)), 'deflate', { pool, rawDeflate: true }))),
      ).to.equal('Z_BUF_ERROR');
      expect(await codeOf(buffer(decodeBody(source(gzip), 'gzip', { pool, rawDeflate: true })))).to.equal('no error');
    });

    it('ends with its source, whatever of it is behind the data', async () => {
      for (const coding of ['deflate', 'br'] as const) {
        let isOver = false;
        const from = Readable.from(
          (async function* () {
            yield compress(coding, plain);
            for (let i = 0; i < 5; i++) {
              await delay(10);
              yield Buffer.alloc(100_000, 'junk');
            }
            isOver = true;
          })(),
          { objectMode: false },
        );
        expect((await buffer(decodeBody(from, coding, { pool }))).equals(plain)).to.equal(true);
        expect(isOver).to.equal(true);
      }
      expect(await codeOf(buffer(decodeBody(source(gzip, Buffer.from('junk')), 'gzip', { pool })))).to.equal(
        'Z_DATA_ERROR',
      );
    });

    it('makes no more than somebody reads, and lets its source wait', async () => {
      const noise = Buffer.from(Array.from({ length: 500_000 }, random(3)).map((value) => value * 256));
      const bomb = pieces(compress('gzip', Buffer.concat([Buffer.alloc(50_000_000), noise])), 1_000);
      let given = 0;
      const from = Readable.from(
        (function* () {
          for (const part of bomb) {
            given += 1;
            yield part;
          }
        })(),
        { objectMode: false },
      );
      const body = decodeBody(from, 'gzip', { pool });
      await delay(30);
      expect(pool.stats.leased).to.equal(0);
      let length = (await once(body, 'readable').then(() => body.read())).length;
      await delay(100);
      expect(pool.stats.leased).to.equal(1);
      expect(pool.stats.bytesOut).to.be.below(3_000_000);
      expect(given).to.be.below(bomb.length);
      for await (const chunk of body) length += chunk.length;
      expect(length).to.equal(50_500_000);
    });

    it('gives its engine back, and destroys its source, when it is destroyed at any moment', async () => {
      for (const [header, data] of [
        ['gzip', gzip],
        ['gzip, br', compress('br', gzip)],
      ] as const) {
        for (let turns = 0; turns < 12; turns++) {
          const from = source(...pieces(data, 2_000));
          const body = decodeBody(from, header, { pool });
          if (turns % 2 === 0) body.resume();
          else body.read();
          for (let i = 0; i < turns; i++) await nextTurn();
          const error = turns % 3 === 0 ? new Error('enough') : undefined;
          body.on('error', () => {}).destroy(error);
          await new Promise((resolve) => body.once('close', resolve));
          expect(from.destroyed).to.equal(true);
          await allBack(pool);
        }
      }
      for await (const _ of decodeBody(source(...pieces(gzip, 2_000)), 'gzip', { pool })) break;
    });

    it('fails with the error of its source, also before anybody reads', async () => {
      for (const after of [0, 3]) {
        for (const error of [new Error('of the source'), undefined]) {
          const from = new PassThrough();
          const body = decodeBody(from, 'gzip, gzip', { pool });
          const failed = once(body, 'error');
          from.write(compress('gzip', gzip).subarray(0, 20_000));
          if (after > 0) body.resume();
          await delay(10 * after);
          from.destroy(error);
          const [reason] = await failed;
          if (error !== undefined) expect(reason).to.equal(error);
          else expect(reason).to.have.property('code', 'ERR_STREAM_PREMATURE_CLOSE');
        }
      }
    });

    it('refuses text', async () => {
      const from = source(gzip).setEncoding('latin1');
      expect(await codeOf(buffer(decodeBody(from, 'gzip', { pool })))).to.equal('ERR_INVALID_ARG_TYPE');
    });

    it('takes streams of the web', async () => {
      const web = new ReadableStream({
        start(controller) {
          for (const part of pieces(gzip, 7_000)) controller.enqueue(part);
          controller.close();
        },
      });
      expect((await buffer(decodeBody(web, 'gzip', { pool }))).equals(plain)).to.equal(true);
      expect(await text(decodeBody(new Blob(['as it is']).stream() as ReadableStream, undefined, { pool }))).to.equal(
        'as it is',
      );
    });
  });
}

describe('decodeBody()', () => {
  it('throws for codings that it can’t take off, and leaves the body alone', () => {
    const body = source(gzip);
    for (const [header, code] of [
      ['compress', 'ERR_CODING_UNKNOWN'],
      ['gzip,gzip,gzip,gzip,gzip,gzip', 'ERR_TOO_MANY_CODINGS'],
    ] as const) {
      expect(() => decodeBody(body, header))
        .to.throw()
        .with.property('code', code);
    }
    expect(body.destroyed).to.equal(false);
    expect(body.listenerCount('error')).to.equal(0);
    body.destroy();
  });

  const nonsense: Array<[options: object | null, code: string]> = [
    [null, 'ERR_INVALID_ARG_TYPE'],
    [{ pool: {} }, 'ERR_INVALID_ARG_TYPE'],
    [{ rawDeflate: 1 }, 'ERR_INVALID_ARG_TYPE'],
    [{ maxOutputLength: '1' }, 'ERR_INVALID_ARG_TYPE'],
    [{ maxOutputLength: 0 }, 'ERR_OUT_OF_RANGE'],
    [{ maxOutputLength: Number.NaN }, 'ERR_OUT_OF_RANGE'],
    [{ maxRatio: 0.5 }, 'ERR_OUT_OF_RANGE'],
    [{ maxMembers: 3 }, 'ERR_INVALID_ARG_VALUE'],
    [{ maxOutputlength: 1 }, 'ERR_INVALID_ARG_VALUE'],
  ];
  for (const [options, code] of nonsense) {
    it(`refuses the options ${JSON.stringify(options)}, as the others do`, () => {
      const body = source();
      for (const call of [
        () => decodeBody(body, 'gzip', options as never),
        () => decodeBody(body, undefined, options as never),
        () => decodeRequests(options as never),
        () => decodeResponse({ headers: {}, body }, options as never),
      ]) {
        expect(call).to.throw().with.property('code', code);
      }
    });
  }

  it('refuses what is no body, or no response', () => {
    for (const call of [
      () => decodeBody(undefined as never, 'gzip'),
      () => decodeBody(gzip as never, 'gzip'),
      () => decodeResponse(undefined as never),
      () => decodeResponse({} as never),
      () => decodeResponse({ headers: {} } as never),
    ]) {
      expect(call).to.throw(TypeError).with.property('code', 'ERR_INVALID_ARG_TYPE');
    }
  });
});

describe('decodeResponse()', () => {
  let pool: Pool;
  let server: Server;
  let origin: string;
  let agent: Agent;
  let answer: RequestListener;

  beforeEach(async () => {
    pool = new ZlibPool();
    server = createServer((incoming, response) => answer(incoming, response)).listen(0, '127.0.0.1');
    await once(server, 'listening');
    origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    agent = new Agent({ keepAlive: true, maxSockets: 1 });
  });

  afterEach(async () => {
    agent.destroy();
    server.closeAllConnections();
    server.close();
    await allBack(pool);
  });

  async function response(method = 'GET'): Promise<IncomingMessage> {
    return (await once(get(origin, { agent, method }), 'response'))[0];
  }

  it('decodes responses of node:http, one after another on a connection', async () => {
    for (const coding of codings) {
      answer = (_, to) => to.setHeader('content-encoding', coding).end(compress(coding, plain));
      const from = await response();
      const body = decodeResponse(from, { pool });
      expect((await buffer(body)).equals(plain)).to.equal(true);
    }
    answer = (_, to) => to.setHeader('content-encoding', ['gzip', 'br']).end(compress('br', gzip));
    expect((await buffer(decodeResponse(await response(), { pool }))).equals(plain)).to.equal(true);
    answer = (_, to) => to.end('as it is');
    const from = await response();
    expect(decodeResponse(from, { pool })).to.equal(from);
    expect(await text(from)).to.equal('as it is');
    expect(pool.stats).to.include({ discarded: 0 });
    expect(await connections()).to.equal(1);
  });

  it('gives nothing of a response without a body', async () => {
    for (const [status, method] of [
      [204, 'GET'],
      [304, 'GET'],
      [200, 'HEAD'],
    ] as const) {
      answer = (_, to) => to.writeHead(status, { 'content-encoding': 'gzip' }).end();
      expect(await buffer(decodeResponse(await response(method), { pool }))).to.have.lengthOf(0);
    }
    expect(pool.stats.created).to.equal(0);
  });

  it('fails for what is corrupt, cut short or too long, and for a connection that breaks', async () => {
    const failures: Array<[RequestListener, code: string]> = [
      [(_, to) => to.end(Buffer.from(gzip).fill(0, 5_000, 6_000)), 'Z_DATA_ERROR'],
      [(_, to) => to.end(gzip.subarray(0, -1)), 'Z_BUF_ERROR'],
      [(_, to) => to.end(compress('gzip', Buffer.alloc(1_000_001))), 'ERR_BUFFER_TOO_LARGE'],
      [
        (_, to) => {
          to.write(gzip.subarray(0, 10_000), () => setTimeout(() => to.destroy(), 20));
        },
        'ECONNRESET',
      ],
    ];
    for (const [listener, code] of failures) {
      answer = (incoming, to) => listener(incoming, to.setHeader('content-encoding', 'gzip'));
      const from = await response();
      expect(await codeOf(buffer(decodeResponse(from, { pool, maxOutputLength: 1_000_000 })))).to.equal(code);
      await allBack(pool);
      answer = (_, to) => to.setHeader('content-encoding', 'gzip').end(gzip);
      expect((await buffer(decodeResponse(await response(), { pool }))).length).to.equal(plain.length);
    }
  });

  it('ends the response with it when it is destroyed', async () => {
    for (const wait of [0, 30]) {
      answer = (_, to) => {
        to.setHeader('content-encoding', 'gzip').write(gzip.subarray(0, 10_000));
      };
      const from = await response();
      const gone = once(from.socket, 'close');
      const body = decodeResponse(from, { pool }).resume();
      await delay(wait);
      body.destroy();
      await gone;
      expect(from.destroyed).to.equal(true);
    }
  });

  it('decodes responses of undici, and of what has headers like those of fetch()', async () => {
    const dispatcher = new UndiciAgent();
    answer = (_, to) => to.setHeader('content-encoding', 'gzip').end(gzip);
    expect((await buffer(decodeResponse(await request(origin, { dispatcher }), { pool }))).equals(plain)).to.equal(
      true,
    );
    const { headers, body } = await request(origin, { dispatcher });
    expect((await buffer(decodeBody(body, headers['content-encoding'], { pool }))).equals(plain)).to.equal(true);
    answer = (_, to) => {
      to.setHeader('content-encoding', 'gzip').write(gzip.subarray(0, 10_000));
    };
    const given = decodeResponse(await request(origin, { dispatcher }), { pool });
    for await (const _ of given) break;
    await dispatcher.destroy();
    const like = { headers: new Headers({ 'content-encoding': 'gzip' }), body: source(gzip) };
    expect((await buffer(decodeResponse(like, { pool }))).equals(plain)).to.equal(true);
    const plainOne = { headers: new Headers(), body: new Blob(['as it is']).stream() as ReadableStream };
    expect(await text(decodeResponse(plainOne, { pool }))).to.equal('as it is');
  });

  it('has decodeBody() for responses of HTTP/2, whose requests may still go on', async () => {
    const other = http2.createServer();
    other.on('stream', (stream) => {
      stream.respond({ 'content-encoding': 'gzip' });
      stream.end(gzip);
      stream.resume();
    });
    other.listen(0, '127.0.0.1');
    await once(other, 'listening');
    const session = http2.connect(`http://127.0.0.1:${(other.address() as AddressInfo).port}`);
    const stream = session.request({ ':method': 'POST' });
    const [headers] = await once(stream, 'response');
    expect((await buffer(decodeBody(stream, headers['content-encoding'], { pool }))).equals(plain)).to.equal(true);
    expect(stream.destroyed).to.equal(false);
    stream.end('the rest of the request');
    await once(stream, 'close');
    session.close();
    other.close();
  });

  it('holds a response up that nobody reads, and takes no engine for it', async () => {
    answer = (_, to) => to.setHeader('content-encoding', 'gzip').end(gzip);
    const body = decodeResponse(await response(), { pool });
    await delay(30);
    expect(pool.stats.created).to.equal(0);
    await pipeline(body, async (chunks) => {
      for await (const _ of chunks);
    });
    expect(pool.stats).to.include({ bytesOut: plain.length });
  });

  async function connections(): Promise<number> {
    return new Promise((resolve, reject) => {
      server.getConnections((error, count) => (error ? reject(error) : resolve(count)));
    });
  }
});

/** zlease/grpc: the stages, the frames and the statuses. */
import { once } from 'node:events';
import { connect, createServer, type Http2Server, type ServerHttp2Stream } from 'node:http2';
import type { AddressInfo } from 'node:net';
import { Readable, type Transform, Writable } from 'node:stream';
import { pipeline } from 'node:stream/promises';
import { setImmediate as nextTurn } from 'node:timers/promises';
import zlib from 'node:zlib';
import {
  Client,
  credentials,
  makeGenericClientConstructor,
  Server,
  ServerCredentials,
  type ServiceDefinition,
  status,
} from '@grpc/grpc-js';
import { expect } from 'chai';
import type { CompressFormat } from '../lib/index.ts';
import {
  compressMessages,
  createGunzip,
  decompressMessages,
  frameDecoder,
  frameEncoder,
  messageBytes,
  toStatus,
  ZlibPool,
} from './support/library.ts';
import { compress, formats, json, pieces, sample } from './support/samples.ts';
import { uncaughtDuring } from './support/uncaught.ts';

interface Message {
  id: number;
  payload: Buffer;
}

function messages(count: number, format = 'gzip' as (typeof formats)[number], length = 1_000): Message[] {
  return Array.from({ length: count }, (_, id) => ({ id, payload: compress(format, json(length, id)) }));
}

async function codeOf(running: Promise<unknown>): Promise<unknown> {
  return running.then(
    () => 'no error',
    (error: NodeJS.ErrnoException) => error.code ?? error.message,
  );
}

function collector(take: (message: never) => void): Writable {
  return new Writable({
    objectMode: true,
    write(message, _encoding, done) {
      take(message as never);
      done();
    },
  });
}

/** A length-prefixed message. */
function frame(payload: Uint8Array, flag = 1): Buffer {
  const header = Buffer.alloc(5);
  header.writeUInt8(flag, 0);
  header.writeUInt32BE(payload.length, 1);
  return Buffer.concat([header, payload]);
}

async function decoded(body: Iterable<Uint8Array>, options?: Parameters<typeof frameDecoder>[0]): Promise<string[]> {
  return (await Readable.from(body).compose(frameDecoder(options)).toArray()).map(String);
}

describe('decompressMessages()', () => {
  for (const format of formats) {
    it(`gives each message with its payload decompressed, in order (${format})`, async () => {
      const pool = new ZlibPool();
      const sent = messages(300, format);
      const stage = decompressMessages<Message>({ format, field: 'payload', pool });
      const received: Message[] = await Readable.from(sent).compose(stage).toArray();
      expect(received.map(({ id }) => id)).to.deep.equal(sent.map(({ id }) => id));
      for (const { id, payload } of received) expect(payload.equals(json(1_000, id))).to.equal(true);
      // The caller's messages are as they were.
      expect(sent[0]?.payload.equals(compress(format, json(1_000, 0)))).to.equal(true);
      expect(pool.stats).to.include({ leased: 0, created: 1, reused: 299, discarded: 0 });
    });
  }

  it('keeps the prototype of a message', async () => {
    class Record {
      payload = compress('gzip', 'x');
      read(): string {
        return String(this.payload);
      }
    }
    const stage = decompressMessages<Record>({ format: 'gzip', field: 'payload' });
    const [record] = await Readable.from([new Record()]).compose(stage).toArray();
    expect(record).to.be.instanceOf(Record);
    expect((record as Record).read()).to.equal('x');
  });

  it('takes messages of any kind by get and set', async () => {
    const stage = decompressMessages<Map<string, Buffer>, string>({
      format: 'deflate',
      get: (message) => message.get('body') as Buffer,
      set: (message, decompressed) => `${String(message.get('to'))}: ${String(decompressed)}`,
    });
    const message = new Map([
      ['to', Buffer.from('you')],
      ['body', compress('deflate', 'hello')],
    ]);
    expect(await Readable.from([message]).compose(stage).toArray()).to.deep.equal(['you: hello']);
  });

  it('leases nothing between messages', async () => {
    const pool = new ZlibPool();
    const stage = decompressMessages<Message>({ format: 'gzip', field: 'payload', pool });
    for (const message of messages(3)) {
      expect(pool.stats.leased).to.equal(0);
      stage.write(message);
      await once(stage, 'readable');
      expect(stage.read()).to.have.property('id', message.id);
      expect(pool.stats.leased).to.equal(0);
    }
    stage.destroy();
  });

  it('stops taking messages while nobody takes its own', async () => {
    const pool = new ZlibPool();
    const stage = decompressMessages<Message>({ format: 'gzip', field: 'payload', pool });
    let taken = 0;
    const source = Readable.from(
      (function* () {
        for (const message of messages(500)) {
          taken += 1;
          yield message;
        }
      })(),
    );
    source.pipe(stage);
    for (let i = 0; i < 200; i++) await nextTurn();
    expect(taken).to.be.below(100);
    expect((await stage.toArray()).length).to.equal(500);
  });

  it('fails once, through a pipeline, with the first message that is bad; its engine is kept where the data alone is to blame', async () => {
    for (const [bad, code, limit] of [
      [Buffer.from('never compressed'), 'Z_DATA_ERROR', undefined],
      [sample(1_000).data.subarray(0, -4), 'Z_BUF_ERROR', undefined],
      [sample(3_000).data, 'ERR_BUFFER_TOO_LARGE', 2_999],
      ['text', 'ERR_INVALID_ARG_TYPE', undefined],
      [undefined, 'ERR_INVALID_ARG_TYPE', undefined],
    ] as const) {
      const pool = new ZlibPool();
      const seen: number[] = [];
      const failed = pipeline(
        Readable.from([...messages(5), { id: 5, payload: bad }, ...messages(3)]),
        decompressMessages<Message>({ format: 'gzip', field: 'payload', pool, maxOutputLength: limit }),
        collector(({ id }: Message) => seen.push(id)),
      );
      expect(await codeOf(failed)).to.equal(code);
      expect(seen).to.deep.equal([0, 1, 2, 3, 4].slice(0, seen.length));
      expect(pool.stats).to.include({
        leased: 0,
        leaked: 0,
        failed: code === 'ERR_INVALID_ARG_TYPE' ? 0 : 1,
        discarded: code === 'ERR_BUFFER_TOO_LARGE' ? 1 : 0,
      });
    }
  });

  it('passes on what get and set throw', async () => {
    const boom = () => {
      throw new Error('boom');
    };
    const get = ({ payload }: Message) => payload;
    for (const parts of [
      { get: boom, set: (message: Message) => message },
      { get, set: boom },
    ]) {
      const pool = new ZlibPool();
      const stage = decompressMessages<Message>({ format: 'gzip', pool, ...parts });
      expect(await codeOf(Readable.from(messages(2)).compose(stage).toArray())).to.equal('boom');
      expect(pool.stats.leased).to.equal(0);
    }
  });

  it('lets a listener throw what it throws', async () => {
    const stage = decompressMessages<Message>({ format: 'gzip', field: 'payload' });
    const errors: Error[] = [];
    stage.on('error', (error) => errors.push(error));
    stage.on('data', () => {
      throw new Error('of the listener');
    });
    const [message] = messages(1);
    const thrown = await uncaughtDuring(async () => {
      setImmediate(() => stage.write(message));
      for (let i = 0; i < 5; i++) await nextTurn();
    });
    expect(thrown).to.deep.equal(['Error: of the listener']);
    expect(errors).to.deep.equal([]);
    stage.destroy();
  });

  it('gives its engine back when it is destroyed in the middle of a message', async () => {
    const pool = new ZlibPool();
    const stage = decompressMessages<Message>({ format: 'gzip', field: 'payload', pool });
    stage.on('error', () => {}).resume();
    stage.write({ id: 0, payload: sample(5_000_000).data });
    expect(pool.stats.leased).to.equal(1);
    stage.destroy();
    while (pool.stats.leased > 0) await nextTurn();
    expect(pool.stats).to.include({ discarded: 1, leaked: 0 });
  });

  it('refuses options that make no sense', () => {
    for (const [options, code] of [
      [{ field: 'a' }, 'ERR_INVALID_ARG_VALUE'],
      [{ format: 'zip', field: 'a' }, 'ERR_INVALID_ARG_VALUE'],
      [{ format: 'gzip' }, 'ERR_INVALID_ARG_TYPE'],
      [{ format: 'gzip', field: 3 }, 'ERR_INVALID_ARG_TYPE'],
      [{ format: 'gzip', get: () => Buffer.alloc(0) }, 'ERR_INVALID_ARG_TYPE'],
      [{ format: 'gzip', field: 'a', pool: {} }, 'ERR_INVALID_ARG_TYPE'],
      [{ format: 'gzip', field: 'a', maxOutputLength: -1 }, 'ERR_OUT_OF_RANGE'],
    ] as const) {
      expect(() => decompressMessages(options as never), JSON.stringify(options))
        .to.throw()
        .with.property('code', code);
    }
  });
});

describe('compressMessages()', () => {
  const plain = (count: number, length = 1_000): Message[] =>
    Array.from({ length: count }, (_, id) => ({ id, payload: json(length, id) }));
  const encoded = formats.filter((format): format is CompressFormat => format !== 'unzip');

  for (const format of encoded) {
    it(`compresses the payload of each message, in order (${format})`, async () => {
      const pool = new ZlibPool();
      const sent = plain(100);
      const stage = compressMessages<Message>({ format, field: 'payload', pool });
      const received: Message[] = await Readable.from(sent).compose(stage).toArray();
      expect(received.map(({ id }) => id)).to.deep.equal(sent.map(({ id }) => id));
      const back = decompressMessages<Message>({ format, field: 'payload', pool });
      for (const { id, payload } of await Readable.from(received).compose(back).toArray()) {
        expect((payload as Buffer).equals(json(1_000, id))).to.equal(true);
      }
      // The caller's messages are as they were.
      expect(sent[0]?.payload.equals(json(1_000, 0))).to.equal(true);
      expect(pool.stats).to.include({ leased: 0, created: 2, reused: 198, discarded: 0 });
    });
  }

  it("has the options of node:zlib's function", async () => {
    for (const options of [{}, { level: 1 }, { level: 9, memLevel: 9 }, { strategy: zlib.constants.Z_HUFFMAN_ONLY }]) {
      const stage = compressMessages<Message>({ format: 'gzip', field: 'payload', ...options });
      const received: Message[] = await Readable.from(plain(3, 5_000)).compose(stage).toArray();
      expect(received.length).to.equal(3);
      for (const { id, payload } of received) {
        expect(payload.equals(zlib.gzipSync(json(5_000, id), options)), JSON.stringify(options)).to.equal(true);
      }
    }
    const params = { [zlib.constants.BROTLI_PARAM_QUALITY]: 3 };
    const stage = compressMessages<Message>({ format: 'br', field: 'payload', params });
    const [message] = (await Readable.from(plain(1)).compose(stage).toArray()) as Message[];
    expect(message?.payload.equals(zlib.brotliCompressSync(json(1_000, 0), { params }))).to.equal(true);
  });

  it('takes messages of any kind by get and set', async () => {
    const stage = compressMessages<Map<string, string>, Buffer>({
      format: 'deflate',
      get: (message) => Buffer.from(message.get('body') as string),
      set: (_message, output) => output,
    });
    const [output] = await Readable.from([new Map([['body', 'hello']])])
      .compose(stage)
      .toArray();
    expect(output).to.deep.equal(compress('deflate', 'hello'));
  });

  it('leases nothing between messages, and stops taking messages that are not read', async () => {
    const pool = new ZlibPool();
    const stage = compressMessages<Message>({ format: 'gzip', field: 'payload', pool });
    let taken = 0;
    Readable.from(
      (function* () {
        for (const message of plain(500)) {
          taken += 1;
          yield message;
        }
      })(),
    ).pipe(stage);
    for (let i = 0; i < 200; i++) await nextTurn();
    expect(taken).to.be.below(100);
    expect(pool.stats.leased).to.equal(0);
    expect((await stage.toArray()).length).to.equal(500);
  });

  it('fails once with the first message that is bad', async () => {
    for (const [bad, code, maxOutputLength] of [
      [json(3_000, 1), 'ERR_BUFFER_TOO_LARGE', 600],
      ['text', 'ERR_INVALID_ARG_TYPE', undefined],
      [undefined, 'ERR_INVALID_ARG_TYPE', undefined],
    ] as const) {
      const pool = new ZlibPool();
      const seen: number[] = [];
      const limit = maxOutputLength === undefined ? {} : { maxOutputLength };
      const failed = pipeline(
        Readable.from([...plain(5), { id: 5, payload: bad }, ...plain(3)]),
        compressMessages<Message>({ format: 'gzip', field: 'payload', pool, ...limit }),
        collector(({ id }: Message) => seen.push(id)),
      );
      expect(await codeOf(failed)).to.equal(code);
      expect(seen).to.deep.equal([0, 1, 2, 3, 4].slice(0, seen.length));
      expect(pool.stats).to.include({ leased: 0, leaked: 0 });
    }
  });

  it('is not bound by the limits of its pool, which are for decompression', async () => {
    const pool = new ZlibPool({ maxOutputLength: 10 });
    const stage = compressMessages<Message>({ format: 'gzip', field: 'payload', pool });
    expect((await Readable.from(plain(3)).compose(stage).toArray()).length).to.equal(3);
  });

  it('returns its engine when it is destroyed in the middle of a message', async () => {
    const pool = new ZlibPool();
    const stage = compressMessages<Message>({ format: 'gzip', field: 'payload', pool });
    stage.on('error', () => {}).resume();
    stage.write({ id: 0, payload: json(5_000_000, 1) });
    expect(pool.stats.leased).to.equal(1);
    stage.destroy();
    while (pool.stats.leased > 0) await nextTurn();
    expect(pool.stats).to.include({ discarded: 1, leaked: 0 });
  });

  it('throws for invalid options', () => {
    for (const [options, code] of [
      [{ field: 'a' }, 'ERR_INVALID_ARG_VALUE'],
      [{ format: 'unzip', field: 'a' }, 'ERR_INVALID_ARG_VALUE'],
      [{ format: 'gzip' }, 'ERR_INVALID_ARG_TYPE'],
      [{ format: 'gzip', field: 'a', pool: {} }, 'ERR_INVALID_ARG_TYPE'],
      [{ format: 'gzip', field: 'a', level: 10 }, 'ERR_OUT_OF_RANGE'],
      [{ format: 'gzip', field: 'a', level: 'best' }, 'ERR_INVALID_ARG_TYPE'],
      [{ format: 'gzip', field: 'a', maxOutputLength: -1 }, 'ERR_OUT_OF_RANGE'],
    ] as const) {
      expect(() => compressMessages(options as never), JSON.stringify(options))
        .to.throw()
        .with.property('code', code);
    }
  });
});

describe('messageBytes()', () => {
  it('gives the bytes of a stream that was cut into messages', async () => {
    const { plain, data } = sample(300_000);
    const cut = pieces(data, 777).map((part) => ({ part }));
    const whole = await Readable.from(cut)
      .compose(messageBytes<{ part: Buffer }>('part'))
      .compose(createGunzip())
      .toArray();
    expect(Buffer.concat(whole).equals(plain)).to.equal(true);
  });

  it('fails with a message that has no bytes there', async () => {
    for (const message of [{}, { part: 'text' }, 5]) {
      expect(await codeOf(Readable.from([message]).compose(messageBytes<{ part: Buffer }>('part')).toArray())).to.equal(
        'ERR_INVALID_ARG_TYPE',
      );
    }
    expect(() => messageBytes(undefined as never))
      .to.throw()
      .with.property('code', 'ERR_INVALID_ARG_TYPE');
  });
});

describe('frameDecoder()', () => {
  const texts = ['first', '', 'third '.repeat(20)];

  it('gives the messages of a body, compressed or not, cut at every byte', async () => {
    for (const encoding of ['identity', 'gzip', 'deflate', 'br']) {
      const body = Buffer.concat(
        texts.flatMap((text) => [
          frame(Buffer.from(text), 0),
          ...(encoding === 'identity'
            ? []
            : [frame(compress(encoding === 'identity' ? 'gzip' : (encoding as 'gzip'), text))]),
        ]),
      );
      const expected = texts.flatMap((text) => (encoding === 'identity' ? [text] : [text, text]));
      for (let at = 0; at <= body.length; at++) {
        expect(
          await decoded([body.subarray(0, at), body.subarray(at)], { encoding }),
          `${encoding} ${at}`,
        ).to.deep.equal(expected);
      }
      expect(await decoded(pieces(body, 1), { encoding })).to.deep.equal(expected);
    }
    expect(await decoded([])).to.deep.equal([]);
  });

  for (const algorithm of [1, 2]) {
    it(`decodes what grpc-js sends (${algorithm === 1 ? 'deflate' : 'gzip'}), recorded, cut at every byte`, async () => {
      const { body, encoding } = await recorded(algorithm, texts);
      expect(encoding).to.equal(algorithm === 1 ? 'deflate' : 'gzip');
      for (let at = 0; at <= body.length; at++) {
        expect(await decoded([body.subarray(0, at), body.subarray(at)], { encoding })).to.deep.equal(texts);
      }
    });
  }

  it('fails as gRPC fails, with the status that it has', async () => {
    const { data } = sample(2_000);
    const cases: Array<[body: Buffer, options: object, code: string, grpc: number]> = [
      [frame(Buffer.from('never compressed')), { encoding: 'gzip' }, 'Z_DATA_ERROR', status.INTERNAL],
      [frame(data.subarray(0, -3)), { encoding: 'gzip' }, 'Z_BUF_ERROR', status.INTERNAL],
      [frame(Buffer.alloc(0)), { encoding: 'gzip' }, 'Z_BUF_ERROR', status.INTERNAL],
      [frame(data), { encoding: 'gzip', maxMessageLength: 1_999 }, 'ERR_BUFFER_TOO_LARGE', status.RESOURCE_EXHAUSTED],
      [frame(Buffer.alloc(11), 0), { maxMessageLength: 10 }, 'ERR_BUFFER_TOO_LARGE', status.RESOURCE_EXHAUSTED],
      [Buffer.from([0, 0xff, 0xff, 0xff, 0xff]), {}, 'ERR_BUFFER_TOO_LARGE', status.RESOURCE_EXHAUSTED],
      [frame(data), { encoding: 'snappy' }, 'ERR_GRPC_ENCODING', status.UNIMPLEMENTED],
      [frame(data), { encoding: 'constructor' }, 'ERR_GRPC_ENCODING', status.UNIMPLEMENTED],
      [frame(data), {}, 'ERR_GRPC_ENCODING', status.UNIMPLEMENTED],
      [frame(data, 2), { encoding: 'gzip' }, 'ERR_GRPC_FRAME', status.INTERNAL],
      [frame(data).subarray(0, -1), { encoding: 'gzip' }, 'ERR_GRPC_FRAME', status.INTERNAL],
      [frame(data).subarray(0, 3), { encoding: 'gzip' }, 'ERR_GRPC_FRAME', status.INTERNAL],
    ];
    for (const [body, options, code, grpc] of cases) {
      const pool = new ZlibPool();
      const good = frame(Buffer.from('good'), 0);
      const seen: string[] = [];
      const error = await pipeline(
        Readable.from([good, body]),
        frameDecoder({ ...options, pool }),
        collector((message) => seen.push(String(message))),
      ).catch((reason: NodeJS.ErrnoException) => reason);
      expect(error).to.have.property('code', code);
      expect(toStatus(error).code).to.equal(grpc);
      expect(seen).to.deep.equal(['good'].slice(0, seen.length));
      expect(pool.stats).to.include({ leased: 0, leaked: 0 });
    }
  });

  it('passes an uncompressed message under an unknown encoding', async () => {
    expect(await decoded([frame(Buffer.from('plain'), 0)], { encoding: 'snappy' })).to.deep.equal(['plain']);
  });

  it('holds back a body of many small messages that nobody reads', async () => {
    const pool = new ZlibPool();
    const bomb = frame(compress('gzip', Buffer.alloc(1_000_000)));
    const decoder = frameDecoder({ encoding: 'gzip', pool });
    Readable.from(Array.from({ length: 20 }, () => Buffer.concat(Array.from({ length: 10 }, () => bomb)))).pipe(
      decoder,
    );
    for (let i = 0; i < 300; i++) await nextTurn();
    expect(pool.stats.bytesOut).to.be.below(40_000_000);
    expect((await decoder.toArray()).length).to.equal(200);
  });

  it('gives its engine back when it is destroyed in the middle of a message', async () => {
    const pool = new ZlibPool();
    const decoder = frameDecoder({ encoding: 'gzip', pool, maxMessageLength: Number.POSITIVE_INFINITY });
    decoder.on('error', () => {}).resume();
    decoder.write(frame(sample(5_000_000).data));
    while (pool.stats.leased === 0) await nextTurn();
    decoder.destroy();
    while (pool.stats.leased > 0) await nextTurn();
    expect(pool.stats).to.include({ discarded: 1, leaked: 0 });
  });

  it('refuses options that make no sense', () => {
    for (const [options, code] of [
      [{ encoding: 3 }, 'ERR_INVALID_ARG_TYPE'],
      [{ pool: {} }, 'ERR_INVALID_ARG_TYPE'],
      [{ maxMessageLength: 0 }, 'ERR_OUT_OF_RANGE'],
    ] as const) {
      expect(() => frameDecoder(options as never))
        .to.throw()
        .with.property('code', code);
    }
  });
});

describe('frameEncoder()', () => {
  const texts = ['first', '', 'third '.repeat(20)];
  const bytes = texts.map((text) => Buffer.from(text));
  const framesOf = (options: Parameters<typeof frameEncoder>[0], messages: readonly unknown[] = bytes) =>
    framesIn(Readable.from(messages).compose(frameEncoder(options)));
  /** The frames of a body, which may be cut anywhere. */
  async function framesIn(body: Readable): Promise<Buffer[]> {
    const frames: Buffer[] = [];
    let rest = Buffer.concat(await body.toArray());
    while (rest.length > 0) {
      const length = 5 + rest.readUInt32BE(1);
      frames.push(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    return frames;
  }

  for (const encoding of ['identity', 'gzip', 'deflate', 'br', ...formats.filter((format) => format === 'zstd')]) {
    it(`makes a frame of each message that frameDecoder() decodes: ${encoding}`, async () => {
      const pool = new ZlibPool();
      const sent = [...bytes, ...Array.from({ length: 50 }, (_, id) => json(1_000 + id, id))];
      const frames = await framesOf({ encoding, pool }, sent);
      expect(frames.map((framed) => framed.readUInt8(0))).to.deep.equal(
        sent.map(() => (encoding === 'identity' ? 0 : 1)),
      );
      expect(await decoded([Buffer.concat(frames)], { encoding })).to.deep.equal(sent.map(String));
      expect(pool.stats).to.include(
        encoding === 'identity' ? { created: 0 } : { leased: 0, created: 1, reused: 52, discarded: 0 },
      );
    });
  }

  for (const algorithm of [1, 2]) {
    it(`makes the bytes that grpc-js sends (${algorithm === 1 ? 'deflate' : 'gzip'})`, async () => {
      const { body, encoding } = await recorded(algorithm, texts);
      expect(Buffer.concat(await framesOf({ encoding })).equals(body)).to.equal(true);
    });
  }

  it('takes any bytes', async () => {
    const { buffer } = new Uint8Array(Buffer.from('some text!'));
    const all = [new Uint8Array(buffer), new DataView(buffer), new Uint16Array(buffer), buffer];
    for (const encoding of ['identity', 'gzip']) {
      const body = Buffer.concat(await framesOf({ encoding }, all));
      expect(await decoded([body], { encoding })).to.deep.equal(all.map(() => 'some text!'));
    }
  });

  for (const encoding of ['identity', 'gzip', 'deflate']) {
    it(`feeds a server of grpc-js, and its answers are decoded: ${encoding}`, async () => {
      const server = new Server();
      const method = { path: '/spec.Echo/All', requestStream: true, responseStream: true };
      const same = (message: Buffer): Buffer => message;
      const codecs = {
        requestSerialize: same,
        requestDeserialize: same,
        responseSerialize: same,
        responseDeserialize: same,
      };
      server.addService({ all: { ...method, ...codecs } } as ServiceDefinition, {
        all: ((call: Transform) => call.pipe(call)) as never,
      });
      const port = await new Promise<number>((resolve, reject) => {
        server.bindAsync('127.0.0.1:0', ServerCredentials.createInsecure(), (error, bound) =>
          error ? reject(error) : resolve(bound),
        );
      });
      const session = connect(`http://127.0.0.1:${port}`);
      const request = session.request({
        ':method': 'POST',
        ':path': method.path,
        'content-type': 'application/grpc',
        te: 'trailers',
        'grpc-encoding': encoding,
      });
      const trailers = once(request, 'trailers') as Promise<[Record<string, string>]>;
      const answers = request.compose(frameDecoder()).toArray();
      await pipeline(Readable.from(bytes), frameEncoder({ encoding }), request, { end: true });
      expect((await answers).map(String)).to.deep.equal(texts);
      expect((await trailers)[0]['grpc-status']).to.equal('0');
      session.close();
      server.forceShutdown();
    });

    it(`feeds a client of grpc-js: ${encoding}`, async () => {
      const server = createServer().listen(0, '127.0.0.1');
      await once(server, 'listening');
      server.on('stream', (stream: ServerHttp2Stream) => {
        stream.respond(
          { ':status': 200, 'content-type': 'application/grpc', 'grpc-encoding': encoding },
          { waitForTrailers: true },
        );
        stream.on('wantTrailers', () => stream.sendTrailers({ 'grpc-status': '0' }));
        stream.resume();
        Readable.from(bytes).compose(frameEncoder({ encoding })).pipe(stream);
      });
      const client = new Client(`127.0.0.1:${(server.address() as AddressInfo).port}`, credentials.createInsecure());
      const call = client.makeServerStreamRequest(
        '/spec.Echo/All',
        (message: Buffer) => message,
        String,
        Buffer.alloc(0),
      );
      expect(await call.toArray()).to.deep.equal(texts);
      client.close();
      server.close();
    });
  }

  it('fails with the error of a message, and its status', async () => {
    const cases: Array<[message: unknown, options: object, code: string, grpc: number]> = [
      [Buffer.alloc(11), { maxMessageLength: 10 }, 'ERR_BUFFER_TOO_LARGE', status.RESOURCE_EXHAUSTED],
      [Buffer.alloc(11), { encoding: 'gzip', maxMessageLength: 10 }, 'ERR_BUFFER_TOO_LARGE', status.RESOURCE_EXHAUSTED],
      // Compression makes it longer.
      [Buffer.alloc(10), { encoding: 'gzip', maxMessageLength: 10 }, 'ERR_BUFFER_TOO_LARGE', status.RESOURCE_EXHAUSTED],
      ['text', {}, 'ERR_INVALID_ARG_TYPE', status.UNKNOWN],
      ['text', { encoding: 'gzip' }, 'ERR_INVALID_ARG_TYPE', status.UNKNOWN],
    ];
    for (const [message, options, code, grpc] of cases) {
      const pool = new ZlibPool();
      const seen: Buffer[] = [];
      const error = await pipeline(
        Readable.from([message]),
        frameEncoder({ ...options, pool }),
        collector((framed: Buffer) => seen.push(framed)),
      ).catch((reason: NodeJS.ErrnoException) => reason);
      expect(error).to.have.property('code', code);
      expect(toStatus(error).code).to.equal(grpc);
      expect(seen).to.deep.equal([]);
      expect(pool.stats).to.include({ leased: 0, leaked: 0 });
    }
    const exact = await framesOf({ maxMessageLength: 10 }, [Buffer.alloc(10)]);
    expect(exact).to.deep.equal([frame(Buffer.alloc(10), 0)]);
    const closed = new ZlibPool();
    await closed.close();
    expect(await codeOf(framesOf({ encoding: 'gzip', pool: closed }))).to.equal('ERR_POOL_CLOSED');
  });

  it('stops taking messages that are not read, and leases nothing then', async () => {
    const pool = new ZlibPool();
    const stage = frameEncoder({ encoding: 'gzip', pool });
    let taken = 0;
    Readable.from(
      (function* () {
        for (let id = 0; id < 300; id++) {
          taken += 1;
          yield Buffer.alloc(1_000_000, id);
        }
      })(),
    ).pipe(stage);
    for (let i = 0; i < 300; i++) await nextTurn();
    expect(taken).to.be.below(100);
    stage.destroy();
    while (pool.stats.leased > 0) await nextTurn();
  });

  it('returns its engine when it is destroyed in the middle of a message', async () => {
    const pool = new ZlibPool();
    const stage = frameEncoder({ encoding: 'gzip', pool });
    stage.on('error', () => {}).resume();
    stage.write(json(5_000_000, 1));
    expect(pool.stats.leased).to.equal(1);
    stage.destroy();
    while (pool.stats.leased > 0) await nextTurn();
    expect(pool.stats).to.include({ discarded: 1, leaked: 0 });
  });

  it('throws for invalid options', () => {
    for (const [options, code] of [
      [{ encoding: 3 }, 'ERR_INVALID_ARG_TYPE'],
      [{ encoding: 'snappy' }, 'ERR_GRPC_ENCODING'],
      [{ encoding: 'constructor' }, 'ERR_GRPC_ENCODING'],
      [{ pool: {} }, 'ERR_INVALID_ARG_TYPE'],
      [{ maxMessageLength: 0 }, 'ERR_OUT_OF_RANGE'],
      ...(formats.includes('zstd') ? [] : [[{ encoding: 'zstd' }, 'ERR_FORMAT_UNAVAILABLE']]),
    ] as const) {
      expect(() => frameEncoder(options as never), JSON.stringify(options))
        .to.throw()
        .with.property('code', code);
    }
  });
});

describe('toStatus()', () => {
  it('keeps the status that an error has', () => {
    const error = Object.assign(new Error('7 PERMISSION_DENIED: no'), {
      code: status.PERMISSION_DENIED,
      details: 'no',
    });
    expect(toStatus(error)).to.deep.equal({ code: status.PERMISSION_DENIED, details: 'no' });
    expect(toStatus(Object.assign(new Error('so'), { code: 5 }))).to.deep.equal({ code: 5, details: 'so' });
    expect(toStatus(Object.assign(new Error('so'), { code: 16 })).code).to.equal(status.UNAUTHENTICATED);
  });

  it('takes no other number for a status', () => {
    for (const code of [0, -1, 1.5, 17, Number.NaN, 1e9]) {
      const error = Object.assign(new Error('so'), { code, details: 'not of grpc-js' });
      expect(toStatus(error), String(code)).to.deep.equal({ code: status.UNKNOWN, details: 'so' });
    }
    const aborted = new DOMException('The fetch was aborted', 'AbortError');
    const cancelled = { code: status.CANCELLED, details: 'ABORT_ERR: The fetch was aborted' };
    expect(toStatus(aborted)).to.deep.equal(cancelled);
    expect(toStatus(new DOMException('No', 'DataError'))).to.deep.equal({ code: status.UNKNOWN, details: 'No' });
  });

  it('knows the others by their code', async () => {
    const pool = new ZlibPool();
    const abort = await pool.decompress(sample(9).data, 'gzip', { signal: AbortSignal.abort() }).catch((e: Error) => e);
    expect(toStatus(abort)).to.deep.equal({
      code: status.CANCELLED,
      details: 'ABORT_ERR: The operation was aborted',
    });
    void pool.close();
    const closed = await pool.decompress(sample(9).data, 'gzip').catch((e: Error) => e);
    expect(toStatus(closed).code).to.equal(status.UNAVAILABLE);
    for (const code of ['ERR__ERROR_FORMAT_PADDING_1', 'ZSTD_error_prefix_unknown', 'Z_NEED_DICT']) {
      expect(toStatus(Object.assign(new Error('bad'), { code }))).to.deep.equal({
        code: status.INTERNAL,
        details: `${code}: bad`,
      });
    }
    for (const [error, details] of [
      [new Error('of mine'), 'of mine'],
      ['text', 'text'],
      [undefined, 'undefined'],
      [null, 'null'],
    ]) {
      expect(toStatus(error)).to.deep.equal({ code: status.UNKNOWN, details });
    }
  });
});

/** The body of a request of grpc-js, as it comes in at a server of HTTP/2. */
async function recorded(algorithm: number, texts: string[]): Promise<{ body: Buffer; encoding: string }> {
  const server: Http2Server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const Client = makeGenericClientConstructor(
    {
      send: {
        path: '/recorded/send',
        requestStream: true,
        responseStream: false,
        requestSerialize: (text: string) => Buffer.from(text),
        requestDeserialize: String,
        responseSerialize: Buffer.from,
        responseDeserialize: String,
      },
    },
    'recorded',
  );
  const client = new Client(`127.0.0.1:${(server.address() as AddressInfo).port}`, credentials.createInsecure(), {
    'grpc.default_compression_algorithm': algorithm,
  });
  const call = client.send?.(() => {}) as Writable;
  call.on('error', () => {});
  for (const text of texts) call.write(text);
  call.end();
  const [stream, headers] = (await once(server, 'stream')) as [Transform, Record<string, string>];
  const body = Buffer.concat(await stream.toArray());
  stream.destroy();
  client.close();
  server.close();
  return { body, encoding: headers['grpc-encoding'] as string };
}

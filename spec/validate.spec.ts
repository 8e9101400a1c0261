/** Kinds of values: what counts as bytes, in every place that takes bytes, and what errors say of the rest. */
import { spawnSync } from 'node:child_process';
import { once } from 'node:events';
import { Readable, type Transform, type Writable } from 'node:stream';
import { runInNewContext } from 'node:vm';
import { gunzipSync } from 'node:zlib';
import { expect } from 'chai';
import type { Format } from '../lib/index.ts';
import {
  collectPool,
  DecompressionStream,
  decodeBody,
  decodeResponse,
  decompressMessages,
  engines,
  frameDecoder,
  httpError,
  messageBytes,
  toStatus,
  ZlibPool,
} from './support/library.ts';
import { bytesOf, closed } from './support/outcome.ts';
import { compress, formats } from './support/samples.ts';

const data = compress('gzip', 'hello');
const secret = 'secret '.repeat(20_000);

/** A Proxy whose methods and getters work: `instanceof Buffer` and `Buffer.isBuffer()` take it for a Buffer. */
function proxyOf(buffer: Buffer): Buffer {
  return new Proxy(buffer, {
    get(target, name) {
      const value = Reflect.get(target, name, target);
      return typeof value === 'function' ? value.bind(target) : value;
    },
  });
}

/** The same bytes as every type that node:zlib's functions take, of this realm and of another one. */
function bytesAs(bytes: Buffer): Record<string, unknown> {
  const own = new Uint8Array(bytes);
  const shared = new SharedArrayBuffer(bytes.length);
  new Uint8Array(shared).set(bytes);
  const even = Buffer.concat([bytes, Buffer.alloc(bytes.length % 2)]);
  const foreign = (code: string) => runInNewContext(code, { bytes: [...bytes] });
  return {
    Buffer: bytes,
    Uint8Array: own,
    'Uint8Array in the middle of memory': new Uint8Array([9, ...bytes, 9]).subarray(1, -1),
    Uint16Array: new Uint16Array(new Uint8Array(even).buffer),
    DataView: new DataView(own.buffer),
    ArrayBuffer: own.buffer,
    SharedArrayBuffer: shared,
    'Uint8Array of another realm': foreign('Uint8Array.from(bytes)'),
    'DataView of another realm': foreign('new DataView(Uint8Array.from(bytes).buffer)'),
    'ArrayBuffer of another realm': foreign('Uint8Array.from(bytes).buffer'),
  };
}

function thrower(): never {
  throw new Error('code of the value ran');
}

/** Values that are no bytes, nor anything else that an option could be; most of them can't be made a string. */
const hostile: Record<string, unknown> = {
  'an object whose toString throws': { toString: thrower, [Symbol.toPrimitive]: thrower },
  'an object whose getters throw': Object.defineProperties(
    {},
    {
      constructor: { get: thrower },
      length: { get: thrower },
      byteLength: { get: thrower },
      code: { get: thrower },
      message: { get: thrower },
      [Symbol.toStringTag]: { get: thrower },
    },
  ),
  'an object whose class has a name that throws': new (Object.defineProperty(class {}, 'name', { get: thrower }))(),
  'an object without a prototype': Object.create(null),
  'a Proxy whose traps throw': new Proxy({}, { get: thrower, has: thrower, getPrototypeOf: thrower, ownKeys: thrower }),
  'a revoked Proxy': (() => {
    const { proxy, revoke } = Proxy.revocable({}, {});
    revoke();
    return proxy;
  })(),
  'an object whose prototype is a Proxy': Object.create(
    new Proxy({}, { get: thrower, has: thrower, getOwnPropertyDescriptor: thrower }),
  ),
  'a symbol': Symbol(secret),
  'a string': secret,
  'a bigint': 10n ** 5_000n,
  'a function': Object.defineProperty(() => secret, 'toString', { value: thrower }),
  'a Proxy of a function': new Proxy(() => {}, { get: thrower, getOwnPropertyDescriptor: thrower, apply: thrower }),
  'an array': [secret],
  'a number': 5,
};

/** An error of ours, of reasonable length and without the data. */
function check(error: unknown, what: string, code = /^ERR_(INVALID_ARG_TYPE|INVALID_ARG_VALUE|OUT_OF_RANGE)$/): void {
  const { code: given, message } = error as NodeJS.ErrnoException;
  expect(given, `${what}: ${message}`).to.match(code);
  expect(message.length, what).to.be.below(300);
  expect(message, what).not.to.match(/(secret ){12}/);
}

function caught(act: () => unknown): unknown {
  try {
    act();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}

async function fails(stream: Transform | Readable): Promise<unknown> {
  return (await once(stream.on('error', () => {}).resume(), 'error'))[0];
}

describe('What is a buffer', () => {
  it('is in pool.decompress() and decompressSync() all that node:zlib takes, of any realm', async () => {
    for (const engine of engines) {
      const pool = new ZlibPool({ engine });
      for (const [name, bytes] of Object.entries(bytesAs(data))) {
        const theirs = String(gunzipSync(bytes as Buffer));
        expect(String(pool.decompressSync(bytes as Buffer, 'gzip')), `${name}, ${engine}`).to.equal(theirs);
        expect(String(await pool.decompress(bytes as Buffer, 'gzip')), `${name}, ${engine}`).to.equal(theirs);
      }
    }
  });

  it('is the same in a message of decompressMessages() and messageBytes()', async () => {
    for (const [name, body] of Object.entries(bytesAs(data))) {
      const stage = decompressMessages<{ body: unknown }>({ format: 'gzip', field: 'body', pool: new ZlibPool() });
      stage.end({ body });
      const [message] = (await stage.toArray()) as Array<{ body: Buffer }>;
      expect(String(message?.body), name).to.equal('hello');
      const stream = messageBytes<{ body: unknown }>('body');
      stream.end({ body });
      expect(String(gunzipSync(Buffer.concat(await stream.toArray()))), name).to.equal('hello');
    }
  });

  it('is the same in the chunks of a body, and anything else fails the decoded body alone', async () => {
    for (const [name, bytes] of Object.entries(bytesAs(data))) {
      const decoded = decodeBody(Readable.from([bytes]), 'gzip', { pool: new ZlibPool() });
      expect(String(Buffer.concat(await decoded.toArray())), name).to.equal('hello');
    }
    for (const [name, chunk] of Object.entries(hostile)) {
      // First, and behind a chunk that is good.
      for (const chunks of [[chunk], [data.subarray(0, 9), chunk]]) {
        const body = new Readable({ objectMode: true, read() {} });
        for (const one of chunks) body.push(one);
        check(await fails(decodeBody(body, 'gzip', { pool: new ZlibPool() })), name);
      }
    }
  });

  it('is the same in _processChunk(), with a callback and without', async () => {
    type Old = { _processChunk(chunk: unknown, flag: unknown, callback?: (error?: Error) => void): Buffer };
    for (const engine of engines) {
      const pool = new ZlibPool({ engine });
      for (const [name, bytes] of Object.entries(bytesAs(data))) {
        expect(String((pool.createGunzip() as unknown as Old)._processChunk(bytes, 2)), name).to.equal('hello');
        const stream = pool.createGunzip();
        const output = once(stream, 'data');
        (stream as unknown as Old)._processChunk(bytes, 2, () => {});
        expect(String((await output)[0]), name).to.equal('hello');
        stream.destroy();
      }
      for (const [name, value] of Object.entries({ ...hostile, 'a Proxy of a Buffer': proxyOf(data) })) {
        const stream = pool.createGunzip() as unknown as Old & Transform;
        check(
          caught(() => stream._processChunk(value, 2)),
          name,
        );
        check(
          caught(() => stream._processChunk(value, 2, () => {})),
          name,
        );
        // A bad flag ends the process in node:zlib.
        check(
          caught(() => stream._processChunk(data, name === 'a number' ? 6 : value)),
          name,
        );
        expect(String(stream._processChunk(data, 2))).to.equal('hello');
      }
    }
  });

  it('is no Proxy of a Buffer: pool.decompress() refuses it as node:zlib does', async () => {
    for (const engine of engines) {
      const pool = new ZlibPool({ engine });
      const theirs = caught(() => gunzipSync(proxyOf(data))) as NodeJS.ErrnoException;
      const ours = caught(() => pool.decompressSync(proxyOf(data), 'gzip')) as NodeJS.ErrnoException;
      expect({ name: ours.name, code: ours.code }).to.deep.equal({ name: theirs.name, code: theirs.code });
      check(await pool.decompress(proxyOf(data), 'gzip').catch((error) => error), engine);
      expect(pool.stats.created).to.equal(0);
    }
  });

  it('is no Proxy of a Buffer that write() lets pass: the stream fails, the process goes on', () => {
    // In a process of its own: without the check the process aborts.
    const lib = new URL(
      process.env.SPEC_LIB ? `file://${process.env.SPEC_LIB}/index.ts` : '../lib/index.ts',
      import.meta.url,
    );
    for (const engine of engines) {
      const code = `const { ZlibPool } = await import(${JSON.stringify(lib.href)});
        const { gzipSync } = await import('node:zlib');
        const proxyOf = ${proxyOf.toString()};
        const stream = new ZlibPool({ engine: '${engine}' }).createGunzip();
        stream.on('error', (error) => console.log(error.code)).on('close', () => console.log('close'));
        stream.write(gzipSync('x').subarray(0, 5));
        stream.end(proxyOf(gzipSync('x')), (error) => console.log('called back', error?.code));`;
      const child = spawnSync(process.execPath, ['--import', 'tsx/esm', '--input-type=module', '-e', code], {
        encoding: 'utf8',
      });
      expect(child.stdout, child.stderr.slice(0, 500)).to.equal(
        'called back ERR_INVALID_ARG_TYPE\nERR_INVALID_ARG_TYPE\nclose\n',
      );
    }
  }).timeout(60_000);

  it('is in a DecompressionStream what Web IDL says, of any realm', async () => {
    for (const [name, bytes] of Object.entries(bytesAs(data))) {
      if (name.startsWith('Shared')) continue;
      const { readable, writable } = new DecompressionStream('gzip', { pool: new ZlibPool() });
      const writer = writable.getWriter();
      const written =
        name === 'Uint16Array' ? Promise.resolve() : writer.write(bytes as Uint8Array).then(() => writer.close());
      if (name === 'Uint16Array') writer.abort().catch(() => {});
      const [first] = await Promise.all([
        readable
          .getReader()
          .read()
          .catch(() => undefined),
        written,
      ]);
      if (name !== 'Uint16Array') expect(String(Buffer.from(first?.value ?? [])), name).to.equal('hello');
    }
  });
});

describe('An error about a value', () => {
  const pool = new ZlibPool();

  it('neither contains the data nor runs code of the value, wherever bytes are taken', async () => {
    for (const [name, value] of Object.entries(hostile)) {
      check(
        caught(() => pool.decompressSync(value as Buffer, 'gzip')),
        name,
      );
      check(await pool.decompress(value as Buffer, 'gzip').catch((error) => error), name);
      const stage = decompressMessages<{ body: unknown }>({ format: 'gzip', field: 'body', pool });
      stage.write({ body: value });
      check(await fails(stage), name);
      const bytes = messageBytes<{ body: unknown }>('body');
      bytes.write({ body: value });
      check(await fails(bytes), name);
      const { writable } = new DecompressionStream('gzip', { pool });
      check(
        await writable
          .getWriter()
          .write(value as Uint8Array)
          .catch((error) => error),
        name,
      );
      if (typeof value !== 'object' && !name.startsWith('a Proxy')) {
        check(
          caught(() => decodeBody(value as Readable, 'gzip', { pool })),
          name,
        );
      }
      check(
        caught(() => decodeBody(Readable.from([]), value as string, { pool })),
        name,
        /^ERR_(INVALID_ARG_TYPE|CODING_UNKNOWN)$/,
      );
    }
  });

  it('neither contains the value nor runs code of it, wherever options are taken', () => {
    const register = { registerMetric() {}, getSingleMetric() {}, removeSingleMetric() {} };
    for (const [name, value] of Object.entries(hostile)) {
      const any = value as never;
      const places: Array<() => unknown> = [
        () => pool.createDecompress(any),
        () => pool.tryLease(any),
        () => pool.decompressSync(data, any),
        () => new ZlibPool({ engine: any }),
        () => new ZlibPool({ leakDetection: any }),
        () => frameDecoder({ encoding: name === 'a string' ? (5 as never) : any }),
        () => decompressMessages({ format: any, field: 'body' }),
        () => messageBytes(name === 'a string' ? (5 as never) : any),
        () => decodeBody(Readable.from([]), 'gzip', { rawDeflate: any }),
        () => decodeBody(Readable.from([]), 'gzip', { pool: any }),
        () =>
          decodeResponse({
            headers: name.startsWith('a ') && typeof value !== 'object' ? any : (5 as never),
            body: any,
          }),
      ];
      if (name !== 'a number') {
        places.push(
          () => new ZlibPool({ maxLeased: any }),
          () => new ZlibPool({ maxRatio: any }),
          () => pool.decompressSync(data, 'gzip', { maxOutputLength: any }),
        );
      }
      if (typeof value !== 'object')
        places.push(
          () => new ZlibPool(any),
          () => new ZlibPool({ inline: any }),
        );
      if (typeof value !== 'string') {
        places.push(
          () => collectPool(pool, { register: register as never, name: any }),
          () => collectPool(any as never, { register: register as never }),
        );
      }
      for (const place of places) check(caught(place), `${name}, ${place}`);
    }
    check(
      caught(() => new ZlibPool({ [secret]: 1 } as never)),
      'the name of an option',
    );
    check(
      caught(() => new DecompressionStream(secret as never)),
      'a format',
    );
  });

  it('is one of grpc or http also for what can not be made a string', () => {
    for (const [name, value] of Object.entries(hostile)) {
      expect(toStatus(value), name).to.have.property('code', 2);
      expect(toStatus(Object.assign(new Error('text'), { code: value })).details, name).to.match(/text|^$/);
      const { status } = httpError(Object.assign(new Error('text'), { code: value as string }));
      expect(status, name).to.equal(500);
    }
  });

  it('is the reason of a web stream that is cancelled, whatever that is', async () => {
    for (const reason of [undefined, null, 5, ...Object.values(hostile)]) {
      const { readable, writable } = new DecompressionStream('gzip', { pool });
      const writer = writable.getWriter();
      writer.closed.catch(() => {});
      const written = writer.write(compress('gzip', Buffer.alloc(2_000_000))).catch((error) => ({ error }));
      await new Promise(setImmediate);
      await readable.cancel(reason);
      expect((await written) as { error: unknown }).to.have.property('error', reason);
    }
  });

  it('comes from a frame with an encoding that nobody knows', async () => {
    const stage = frameDecoder({ encoding: secret, pool }) as Transform & Writable;
    stage.end(Buffer.from([1, 0, 0, 0, 1, 0]));
    check(await fails(stage), 'an encoding', /^ERR_GRPC_ENCODING$/);
  });
});

describe('Formats and other realms', () => {
  it('take chunks of another realm in write()', async () => {
    for (const format of formats as Format[]) {
      const stream = new ZlibPool().createDecompress(format);
      const bytes = runInNewContext('Uint8Array.from(bytes)', { bytes: [...compress(format, 'hello')] });
      expect(String(await bytesOf(stream, bytes)), format).to.equal('hello');
      await closed(stream);
    }
  });
});

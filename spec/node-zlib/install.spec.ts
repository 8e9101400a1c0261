/** install(): node:zlib's factories swapped for pooled ones, and swapped back. */
import { once } from 'node:events';
import { cp, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createRequire, syncBuiltinESMExports } from 'node:module';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import zlib, * as namespace from 'node:zlib';
import { expect } from 'chai';
import express from 'express';
import type { ZlibPool as Pool, DecompressStream as Stream } from '../../lib/index.ts';
import { CompressStream, DecompressStream, defaultPool, engines, install, ZlibPool } from '../support/library.ts';
import { bytesOf, closed } from '../support/outcome.ts';
import { compress } from '../support/samples.ts';

type Factories = Record<string, (options?: object) => Stream>;
const stock = zlib as unknown as Factories & Record<string, abstract new () => object>;

const factories = [
  'createGunzip',
  'createInflate',
  'createInflateRaw',
  'createUnzip',
  'createBrotliDecompress',
  'createZstdDecompress',
].filter((name) => name in zlib);
const oneShotsOf = (name: string) => {
  const once = (name[6] as string).toLowerCase() + name.slice(7);
  return [once, `${once}Sync`];
};
const oneShots = factories.flatMap(oneShotsOf);
const compressing = ['createGzip', 'createDeflate', 'createDeflateRaw', 'createBrotliCompress', 'createZstdCompress'];
const compressFactories = compressing.filter((name) => name in zlib);
const swapped = [...factories, ...oneShots, ...compressFactories, ...compressFactories.flatMap(oneShotsOf)];

function descriptors(): Record<string, PropertyDescriptor> {
  return Object.getOwnPropertyDescriptors(zlib);
}

/** Somebody else's instrumentation of node:zlib, of the usual make. */
function instrument(name: string): { calls: number; undo: () => void } {
  const found = Object.getOwnPropertyDescriptor(zlib, name) as PropertyDescriptor;
  const put = (descriptor: PropertyDescriptor) => {
    Object.defineProperty(zlib, name, descriptor);
    syncBuiltinESMExports();
  };
  const seen = { calls: 0, undo: () => put(found) };
  const original = found.value as (...args: unknown[]) => unknown;
  put({
    ...found,
    value: (...args: unknown[]) => {
      seen.calls += 1;
      return original.apply(zlib, args);
    },
  });
  return seen;
}

function isPooled(stream: unknown): boolean {
  return stream instanceof DecompressStream;
}

describe('install()', () => {
  const untouched = descriptors();

  it('has express answer 413 for a body over a limit, and 400 for a bad one, as it would without', async () => {
    const app = express().set('env', 'test');
    app.use(express.json({ limit: '1mb' }), (_request, response) => void response.end('read'));
    const server = app.listen(0, '127.0.0.1');
    await once(server, 'listening');
    const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
    const post = async (body: Buffer, coding = 'gzip') => {
      const headers = { 'content-type': 'application/json', 'content-encoding': coding };
      return (await fetch(url, { method: 'POST', headers, body: new Uint8Array(body) })).status;
    };
    const text = JSON.stringify({ text: 'x'.repeat(50_000) });
    try {
      for (const engine of engines) {
        for (const [limits, status] of [
          [{}, 200],
          [{ maxOutputLength: 10_000 }, 413],
          [{ maxRatio: 20, ratioFloorLength: 10_000 }, 413],
        ] as const) {
          const undo = install({ pool: new ZlibPool({ engine, ...limits }) });
          try {
            for (const [format, coding] of [
              ['gzip', 'gzip'],
              ['deflate', 'deflate'],
              ['br', 'br'],
            ] as const) {
              expect(await post(compress(format, text), coding), coding).to.equal(status);
            }
            expect(await post(Buffer.from('this is no gzip'))).to.equal(400);
          } finally {
            undo();
          }
        }
      }
    } finally {
      server.close();
    }
  });

  afterEach('leaves node:zlib as it was', () => {
    expect(descriptors()).to.deep.equal(untouched);
    for (const name of swapped) expect(namespace[name as 'createGunzip']).to.equal(untouched[name]?.value);
  });

  for (const { options, names } of [
    { options: undefined, names: swapped },
    { options: { oneShot: true }, names: swapped },
    { options: { oneShot: false }, names: [...factories, ...compressFactories] },
    { options: { compress: false }, names: [...factories, ...oneShots] },
    { options: { compress: false, oneShot: false }, names: factories },
  ]) {
    it(`swaps ${names.length} functions with ${JSON.stringify(options)}, for import and require, and nothing else`, () => {
      const undo = install(options);
      const after = descriptors();
      for (const [name, descriptor] of Object.entries(after)) {
        const { value, ...flags } = descriptor;
        const { value: stockValue, ...stockFlags } = untouched[name] as PropertyDescriptor;
        expect(flags, name).to.deep.equal(stockFlags);
        expect(value === stockValue, name).to.equal(!names.includes(name));
        if (!names.includes(name)) continue;
        expect(value).to.include({ name, length: stockValue.length });
        expect(namespace[name as 'createGunzip']).to.equal(value);
        expect(createRequire(import.meta.url)('zlib')[name]).to.equal(value);
      }
      undo();
      expect(Object.keys(zlib)).to.deep.equal(Object.keys(untouched).filter((name) => untouched[name]?.enumerable));
    });
  }

  it('makes streams that are instances of the classes of node:zlib, as the factories of the package do', async () => {
    const undo = install();
    for (const name of factories) {
      const Class = stock[name.replace('create', '')] as unknown as typeof zlib.Gunzip;
      for (const stream of [stock[name]?.(), defaultPool[name as 'createGunzip']()]) {
        expect(stream).to.be.instanceOf(Class);
        expect(stream).to.be.instanceOf(DecompressStream);
        expect(stream?.constructor).to.equal(Class);
      }
      expect({}).not.to.be.instanceOf(DecompressStream);
      expect(zlib.createGzip()).not.to.be.instanceOf(DecompressStream);
      expect(zlib.createGunzip()).not.to.be.instanceOf(CompressStream);
      expect(zlib.createGzip()).to.be.instanceOf(CompressStream).and.instanceOf(zlib.Gzip);
    }
    class Own extends DecompressStream {}
    expect(zlib.createGunzip()).not.to.be.instanceOf(Own);
    expect(new Own(defaultPool, 'gzip')).to.be.instanceOf(Own);
    undo();
    expect(isPooled(zlib.createGunzip())).to.equal(false);
  });

  it('takes its streams from the pool it is given, and from the one before it after its undo', async () => {
    const [a, b] = [new ZlibPool(), new ZlibPool()];
    const lastUser = async (): Promise<Pool | undefined> => {
      const stream = zlib.createGunzip();
      await bytesOf(stream, compress('gzip', 'x'));
      await closed(stream);
      const user = [a, b].find(({ stats }) => stats.idle === 1);
      await a.close();
      return user;
    };
    const undoA = install({ pool: a });
    const undoB = install({ pool: b });
    expect(await lastUser()).to.equal(b);
    undoB();
    undoB();
    expect(zlib.createGunzip()).to.satisfy(isPooled);
    const undoThird = install({ pool: b });
    undoA();
    expect(zlib.createGunzip()).to.satisfy(isPooled);
    undoThird();
    expect(isPooled(zlib.createGunzip())).to.equal(false);
  });

  it('works under the web stream', async () => {
    const pool = new ZlibPool();
    const undo = install({ pool });
    const stream = new DecompressionStream('gzip');
    const text = new Response(stream.readable as never).text();
    const writer = stream.writable.getWriter();
    void writer.write(compress('gzip', 'for the web'));
    void writer.close();
    expect(await text).to.equal('for the web');
    undo();
    expect(pool.stats.created).to.equal(1);
  });

  it('gets along with an instrumentation from before it', () => {
    const theirs = instrument('createGunzip');
    const found = descriptors();
    const undo = install();
    expect(zlib.createGunzip()).to.satisfy(isPooled);
    undo();
    expect(descriptors()).to.deep.equal(found);
    expect(isPooled(zlib.createGunzip())).to.equal(false);
    expect(theirs.calls).to.equal(1);
    theirs.undo();
  });

  it('leaves in place an instrumentation from after it, and is stock underneath once undone', () => {
    const undo = install();
    const theirs = instrument('createGunzip');
    expect(zlib.createGunzip()).to.satisfy(isPooled);
    undo();
    expect(theirs.calls).to.equal(1);
    expect(isPooled(zlib.createGunzip())).to.equal(false);
    expect(theirs.calls).to.equal(2);
    // Theirs puts back what it had found: our function, out of use. Whoever installs next takes it for what it stands for.
    theirs.undo();
    expect(isPooled(zlib.createGunzip())).to.equal(false);
    const again = install();
    expect(zlib.createGunzip()).to.satisfy(isPooled);
    again();
  });

  it('passes over a factory that somebody has made a getter or locked', () => {
    const { createInflate } = untouched as Record<string, PropertyDescriptor>;
    const get = () => createInflate?.value;
    Object.defineProperty(zlib, 'createInflate', { configurable: true, enumerable: true, get });
    const undo = install();
    const late = zlib.createInflate;
    expect(late()).to.satisfy(isPooled);
    undo();
    expect(Object.getOwnPropertyDescriptor(zlib, 'createInflate')?.get).to.equal(get);
    expect(isPooled(late())).to.equal(false);
    Object.defineProperty(zlib, 'createInflate', createInflate as PropertyDescriptor);
  });

  it('refuses a pool that is none', () => {
    for (const pool of [null, {}, 'pool']) {
      expect(() => install({ pool: pool as never }))
        .to.throw('options.pool must be a ZlibPool')
        .with.property('code', 'ERR_INVALID_ARG_TYPE');
    }
  });

  describe('with a second copy of the library', () => {
    let folder: string;
    let second: typeof import('../../lib/index.ts');

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'zlease-second-'));
      const first = process.env.SPEC_LIB ?? fileURLToPath(new URL('../../lib', import.meta.url));
      await cp(first, folder, { recursive: true });
      await writeFile(join(folder, 'package.json'), '{"type":"module"}');
      second = await import(pathToFileURL(join(folder, 'index.ts')).href);
    });
    after(() => rm(folder, { recursive: true }));

    for (const order of ['last in, first out', 'first in, first out']) {
      it(`undoes exactly, ${order}`, async () => {
        const undos = [install(), second.install()];
        const stream = zlib.createGunzip();
        expect(stream).to.be.instanceOf(second.DecompressStream);
        expect(String(await bytesOf(stream, compress('gzip', 'twice')))).to.equal('twice');
        if (order.startsWith('last')) undos.reverse();
        undos[0]?.();
        expect(zlib.createGunzip()).to.be.instanceOf(
          order.startsWith('last') ? DecompressStream : second.DecompressStream,
        );
        undos[1]?.();
      });
    }
  });
});

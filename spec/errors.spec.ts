/** One table of codes, one spec over it and over its page. */
import { readdir, readFile } from 'node:fs/promises';
import type { Transform } from 'node:stream';
import { createGunzip } from 'node:zlib';
import { expect } from 'chai';
import type { ZlibPool as Pool } from '../lib/index.ts';
import { codedError, errorCodes, ZlibPool } from './support/library.ts';

const docs = await readFile(new URL('../docs/errors.md', import.meta.url), 'utf8');
/** By their headings. */
const sections = new Map(
  docs
    .split('\n## ')
    .slice(1)
    .map((section) => [section.slice(0, section.indexOf('\n')), section.slice(section.indexOf('\n')).trim()]),
);
const UNCODED = 'Without a code';

describe('An error of zlease', () => {
  for (const code of errorCodes) {
    it(`has the code ${code}, a message, a stack, and a section in the docs that knows its class`, () => {
      const cause = new Error('why');
      const error = codedError(code, undefined, { cause });
      expect(error).to.be.instanceOf(Error).and.include({ code, cause });
      expect(error.message).to.match(/^[A-Z].{10,}/);
      expect(error.stack).to.include('errors.spec');
      expect(codedError(code, 'in other words').message).to.equal('in other words');
      const section = sections.get(code);
      expect(section).to.match(/^.{40,}/);
      const [, named = 'Error'] = /^An? `(\w*Error)`/.exec(section as string) ?? [];
      expect(named).to.equal(error.constructor.name);
    });
  }

  it('has no section in the docs that is of no code', () => {
    expect([...sections.keys()]).to.have.members([...errorCodes, UNCODED]);
  });

  it('has a code, or is Node’s own for a call during a write, which the docs quote', async () => {
    const lib = new URL('../lib/', import.meta.url);
    const plain = new Set<string>();
    for (const file of (await readdir(lib, { recursive: true })).filter((name) => name.endsWith('.ts'))) {
      const source = await readFile(new URL(file, lib), 'utf8');
      for (const [, message] of source.matchAll(/throw new (?:Range|Type)?Error\('([^']*)'/g))
        plain.add(message as string);
    }
    // Only ever thrown at the library itself: it asks `inline` before.
    plain.delete('This engine runs in the threadpool only');
    expect(plain.size).to.be.above(0);
    // The page is wrapped.
    const text = sections.get(UNCODED)?.replace(/\s+/g, ' ');
    for (const message of plain) expect(text).to.include(message);
  });
});

describe('The stack of an error of the data', () => {
  const BAD = Buffer.alloc(400, 7);
  const framesOf = (error: Error) => (error.stack as string).split('\n').filter((line) => line.startsWith('    at '));
  const failureOf = (create: () => Transform) =>
    new Promise<Error>((resolve) => create().on('error', resolve).resume().end(BAD));
  const ways: Record<string, (pool: Pool) => Promise<Error>> = {
    stream: (pool) => failureOf(() => pool.createGunzip()),
    message: (pool) =>
      pool.decompress(BAD, 'gzip').then(
        () => new Error('no failure'),
        (error: Error) => error,
      ),
    callback: (pool) => new Promise((resolve) => pool.gunzip(BAD, (error) => resolve(error as Error))),
  };

  for (const [name, failure] of Object.entries(ways))
    it(`is no longer than node:zlib's for a ${name}, and leaves the process's limit as it was`, async () => {
      const pool = new ZlibPool();
      const { stackTraceLimit } = Error;
      const [theirs, ours] = [await failureOf(createGunzip), await failure(pool)];
      expect(ours.message).to.equal(theirs.message);
      expect(framesOf(ours)).to.have.lengthOf.within(1, framesOf(theirs).length);
      expect(Error.stackTraceLimit).to.equal(stackTraceLimit);
      await pool.close();
    });

  it('names the caller of a synchronous call', () => {
    const pool = new ZlibPool();
    for (const call of [() => pool.decompressSync(BAD, 'gzip'), () => pool.gunzipSync(BAD)])
      expect(call).to.throw('incorrect header check').with.property('stack').that.includes('errors.spec');
  });

  for (const [state, set] of Object.entries({
    deleted: () => Reflect.deleteProperty(Error, 'stackTraceLimit'),
    frozen: () => Object.defineProperty(Error, 'stackTraceLimit', { writable: false }),
    'no number': () => Object.assign(Error, { stackTraceLimit: 'many' }),
  }))
    it(`is left to V8 if the limit of the process is ${state}`, async () => {
      const before = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit') as PropertyDescriptor;
      const pool = new ZlibPool();
      set();
      try {
        const { stackTraceLimit } = Error;
        expect((await ways.stream?.(pool))?.message).to.equal('incorrect header check');
        expect(Error.stackTraceLimit).to.equal(stackTraceLimit);
      } finally {
        Object.defineProperty(Error, 'stackTraceLimit', { ...before, writable: true });
      }
      await pool.close();
    });
});

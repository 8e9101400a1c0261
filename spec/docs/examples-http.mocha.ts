/** The examples over HTTP run, stock, pooled, and stock under zlease/register; and the interceptor among them is put to the test. */
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { createServer, type RequestListener, type Server } from 'node:http';
import type { AddressInfo } from 'node:net';
import { join } from 'node:path';
import { finished } from 'node:stream/promises';
import { setTimeout as delay } from 'node:timers/promises';
import { fileURLToPath } from 'node:url';
import zlib, { brotliCompressSync, deflateSync, gzipSync } from 'node:zlib';
import compressing from '@fastify/compress';
import { expect } from 'chai';
import fastify from 'fastify';
import { Agent, type Dispatcher, fetch, request } from 'undici';
import { decode } from '../../examples/fetch/interceptor.ts';
import * as zlease from '../../lib/index.ts';
import { type PoolStats, ZlibPool } from '../../lib/index.ts';
import { type Ended, example, top } from '../support/example.ts';
import { compress, formats, json } from '../support/samples.ts';
import { TEST_TIMEOUT_MS } from '../support/script.ts';
import { until } from '../support/until.ts';

const register = `--import=${new URL('../support/register-and-tell.ts', import.meta.url).href}`;

/** What the default pool of an example under `register` has done. */
function statsOf({ stderr }: Ended): PoolStats {
  return JSON.parse(stderr.trimEnd().split('\n').at(-1) as string);
}

describe('Examples over HTTP', function () {
  this.timeout(TEST_TIMEOUT_MS);
  this.slow(10_000);

  describe('fetch', () => {
    const encodings = ['gzip', 'deflate', 'br', ...(formats.includes('zstd') ? ['zstd'] : [])];
    /** What node:zlib says of zstd that ends early: on Node 22 nothing. */
    let cutZstd: string;

    before(async () => {
      if (!formats.includes('zstd')) return;
      const { createZstdDecompress } = zlib as never as { createZstdDecompress: () => zlib.Gunzip };
      const stream = createZstdDecompress();
      const ended = finished(stream.resume()).then(
        () => 'no error',
        ({ code }) => code,
      );
      stream.end(compress('zstd', json(10_000, 1)).subarray(0, -20));
      cutZstd = await ended;
    });

    const lines = (bomb: string): string =>
      ['request()', 'fetch()']
        .flatMap((how) =>
          encodings.map((name) => {
            const cut = name === 'zstd' ? cutZstd : 'Z_BUF_ERROR';
            return `${how} ${name}: 3 of 3 as on disk; cut short: ${cut}; bomb: ${bomb}\n`;
          }),
        )
        .join('');

    it('decodes every encoding, with the interceptor of undici', async () => {
      expect(await example('fetch/stock.ts')).to.deep.equal({
        code: 0,
        stdout: lines('UND_ERR_RES_EXCEEDED_MAX_SIZE'),
        stderr: '',
      });
    });

    it('runs on the pool as it is under zlease/register', async () => {
      const ended = await example('fetch/stock.ts', { flags: [register] });
      expect(ended.stdout).to.equal(lines('UND_ERR_RES_EXCEEDED_MAX_SIZE'));
      const { created, reused, leased, leaked } = statsOf(ended);
      // Three files, one that is cut, one bomb, by request() and by fetch(). The server compresses each.
      expect({ leases: created + reused, leased, leaked, code: ended.code }).to.deep.equal({
        leases: encodings.length * 20,
        leased: 0,
        leaked: 0,
        code: 0,
      });
    });

    it('comes to the same on a pool of its own, with its limit', async () => {
      const { code, stdout, stderr } = await example('fetch/pooled.ts');
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
      const [used, ...rest] = stdout.split('\n').slice(0, -1).reverse();
      expect(`${rest.reverse().join('\n')}\n`).to.equal(lines('ERR_BUFFER_TOO_LARGE'));
      // In each encoding, by request() and by fetch(): the cut one, where that is an error, and the bomb.
      const failed = 4 * encodings.length - (cutZstd === 'no error' ? 2 : 0);
      expect(used).to.match(new RegExp(`^used again [1-9]\\d* times, ${failed} failed, 0 leased$`));
    });

    it('tells what install() reaches, and what not', async () => {
      expect(await example('fetch/installed.ts')).to.deep.equal({
        code: 0,
        stdout:
          "Node's fetch(): 1 of 1 on the pool\nundici's fetch(): 1 of 1 on the pool\n" +
          'request() with interceptors.decompress(): 0 of 1 on the pool\n0 leased\n',
        stderr: '',
      });
    });
  });

  describe('the interceptor of the fetch example', () => {
    const text = json(300_000, 1);
    let server: Server;
    let origin: string;
    let pool: ZlibPool;
    let agent: Agent;
    let dispatcher: Dispatcher;
    let answer: RequestListener;

    beforeEach(async () => {
      server = createServer((request, response) => answer(request, response)).listen(0, '127.0.0.1');
      await once(server, 'listening');
      origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
      pool = new ZlibPool();
      agent = new Agent();
      dispatcher = agent.compose(decode({ pool, maxOutputLength: 50_000_000 }));
    });

    afterEach(async () => {
      await agent.destroy();
      server.closeAllConnections();
      server.close();
      await pool.close();
      expect(pool.stats).to.include({ leased: 0, leaked: 0 });
    });

    /** A lease ends with its stream's 'close', a moment after the reader has its error. */
    async function allBack(): Promise<void> {
      await until(() => pool.stats.leased === 0);
      expect(pool.stats).to.include({ leased: 0, leaked: 0 });
    }

    const get = (options = {}) => request(origin, { dispatcher, ...options });

    it('decodes codings upon codings, in names of any case, on one line or several', async () => {
      const twice = brotliCompressSync(gzipSync(text));
      for (const header of ['gzip, br', 'X-GZIP,identity, Br', ['gzip', 'br']]) {
        answer = (_, response) => response.setHeader('content-encoding', header).end(twice);
        const { headers, body } = await get();
        expect(headers).not.to.have.any.keys('content-encoding', 'content-length');
        expect(Buffer.from(await body.bytes()).equals(text)).to.equal(true);
      }
      expect(pool.stats).to.include({ created: 2, reused: 4, discarded: 0 });
    });

    it('hands on what is not encoded, or in an unknown way, or in part, with its headers', async () => {
      const data = gzipSync(text);
      for (const [encoding, status] of [
        [undefined, 200],
        ['identity', 200],
        ['aws-chunked', 200],
        ['gzip, aws-chunked', 200],
        ['gzip', 206],
      ] as const) {
        answer = (_, response) => {
          if (encoding !== undefined) response.setHeader('content-encoding', encoding);
          response.writeHead(status, { 'content-length': data.length }).end(data);
        };
        const { headers, body } = await get();
        expect(headers).to.include({ 'content-length': String(data.length) });
        expect(headers['content-encoding']).to.equal(encoding);
        expect(Buffer.from(await body.bytes()).equals(data)).to.equal(true);
      }
      expect(pool.stats.created).to.equal(0);
    });

    it('takes no engine for a body of no bytes', async () => {
      answer = ({ method }, response) => {
        response.setHeader('content-encoding', 'gzip');
        if (method === 'HEAD') response.setHeader('content-length', 1_000);
        response.end();
      };
      expect(await (await get()).body.text()).to.equal('');
      const { headers, body } = await get({ method: 'HEAD' });
      expect(headers).to.include({ 'content-encoding': 'gzip', 'content-length': '1000' });
      expect(await body.text()).to.equal('');
      for (const status of [204, 304]) {
        answer = (_, response) => response.writeHead(status, { 'content-encoding': 'gzip' }).end();
        expect(await (await get()).body.text()).to.equal('');
      }
      expect(pool.stats.created).to.equal(0);
    });

    it('gives trailers behind the body', async () => {
      answer = (_, response) => {
        response.writeHead(200, { 'content-encoding': 'gzip', trailer: 'x-sum' });
        response.write(gzipSync(text));
        response.addTrailers({ 'x-sum': '1234' });
        response.end();
      };
      const { body, trailers } = await get();
      expect((await body.bytes()).length).to.equal(text.length);
      expect(trailers).to.deep.equal({ 'x-sum': '1234' });
    });

    it('gives what has come so far, before the response is over', async () => {
      let goOn!: () => void;
      answer = (_, response) => {
        const data = gzipSync(text);
        response.setHeader('content-encoding', 'gzip').write(data.subarray(0, 20_000));
        goOn = () => response.end(data.subarray(20_000));
      };
      const { body } = await get();
      let length = 0;
      for await (const chunk of body) {
        if (length === 0) goOn();
        length += chunk.length;
      }
      expect(length).to.equal(text.length);
    });

    it('makes no more of a bomb than somebody reads', async () => {
      const bomb = gzipSync(Buffer.alloc(40_000_000));
      answer = (_, response) => response.setHeader('content-encoding', 'gzip').end(bomb);
      const { body } = await get();
      await until(() => pool.stats.leased === 1);
      await delay(200);
      expect(pool.stats.bytesOut).to.be.below(2_000_000);
      expect((await body.bytes()).length).to.equal(40_000_000);
    });

    it('holds up a connection whose body nobody reads', async () => {
      const noise = Buffer.from(Array.from({ length: 1_000_000 }, (_, i) => (i * i * 31 + (i >> 3)) % 251));
      let sent = 0;
      answer = async (_, response) => {
        response.setHeader('content-encoding', 'gzip');
        const data = gzipSync(Buffer.concat(Array.from({ length: 30 }, () => noise)), { level: 0 });
        for (; sent < data.length && !response.destroyed; sent += 100_000) {
          if (!response.write(data.subarray(sent, sent + 100_000))) await once(response, 'drain').catch(() => {});
        }
        response.end();
      };
      const { body } = await get();
      await delay(300);
      expect(sent).to.be.below(20_000_000);
      expect((await body.bytes()).length).to.equal(30 * noise.length);
    });

    const failures: Record<string, [answer: RequestListener, code: string]> = {
      'is damaged': [
        (_, response) =>
          response.end(gzipSync(text).map((byte, i, { length }) => (i === length - 8 ? byte ^ 1 : byte))),
        'Z_DATA_ERROR',
      ],
      'is cut short': [(_, response) => response.end(gzipSync(text).subarray(0, -9)), 'Z_BUF_ERROR'],
      'is over the limit': [(_, response) => response.end(gzipSync(Buffer.alloc(50_000_001))), 'ERR_BUFFER_TOO_LARGE'],
      'comes over a connection that breaks': [
        (_, response) => {
          response.write(gzipSync(text).subarray(0, 20_000), () => setTimeout(() => response.destroy(), 20));
        },
        'UND_ERR_SOCKET',
      ],
    };
    for (const [what, [listener, code]] of Object.entries(failures)) {
      it(`fails once for a body that ${what}, and goes on with the next`, async () => {
        answer = (request, response) => listener(request, response.setHeader('content-encoding', 'gzip'));
        const get = async () => (await request(origin, { dispatcher })).body.bytes();
        expect(await get().catch((error) => error.code)).to.equal(code);
        const byFetch = async () => (await fetch(origin, { dispatcher })).bytes();
        expect(await byFetch().catch((error) => error.cause?.code)).to.equal(code);
        await allBack();
        answer = (_, response) => response.setHeader('content-encoding', 'deflate').end(deflateSync(text));
        expect((await get()).length).to.equal(text.length);
      });
    }

    it('gives its engine back when the reader leaves, also when all had come', async () => {
      for (const length of [20_000, Number.POSITIVE_INFINITY]) {
        answer = (_, response) => {
          const data = gzipSync(Buffer.concat(Array.from({ length: 40 }, () => text)));
          response.setHeader('content-encoding', 'gzip').write(data.subarray(0, length));
          if (length > data.length) response.end();
        };
        const { body } = await get();
        for await (const _ of body) break;
        await allBack();

        const controller = new AbortController();
        const aborted = await get({ signal: controller.signal });
        await until(() => pool.stats.leased === 1);
        controller.abort();
        expect(await aborted.body.text().catch(({ name }) => name)).to.equal('AbortError');
        await allBack();
      }
    });

    it('fails for more codings than anybody means', async () => {
      answer = (_, response) => response.setHeader('content-encoding', 'gzip, gzip, gzip, gzip').end('any');
      expect(await get().catch(({ code }) => code)).to.equal('ERR_CONTENT_ENCODING');
    });

    it('passes on what a handler throws, and gives its engine back', async () => {
      answer = (_, response) => response.setHeader('content-encoding', 'gzip').end(gzipSync(text));
      const error = await new Promise((resolve, reject) => {
        dispatcher.dispatch(
          { origin, path: '/', method: 'GET' },
          {
            onRequestStart() {},
            onResponseData() {
              throw new Error('of the handler');
            },
            onResponseEnd: reject,
            onResponseError: (_, error) => resolve(error),
          },
        );
      });
      expect(String(error)).to.equal('Error: of the handler');
    });
  });

  describe('fastify', () => {
    const lockfile = readFile(join(top, 'package-lock.json'), 'utf8').then(JSON.parse);
    /** Of the good requests, then of a corrupt body, one that is cut short, one that is none, a bomb, and an encoding that nobody has. */
    async function answers(...codes: string[]): Promise<string> {
      const packages = Object.values((await lockfile).packages as Record<string, { license?: string }>);
      const licences = new Set(packages.map(({ license }) => license));
      const [corrupt, cut, not, bomb] = codes;
      return (
        `200 times 200 ${licences.size} licences of ${packages.length} packages\ncorrupt: 400 ${corrupt}\n` +
        `cut short: 400 ${cut}\nnot compressed: 400 ${not}\nbomb: 413 ${bomb}\n` +
        'compress: 415 FST_CP_ERR_INVALID_CONTENT_ENCODING\n'
      );
    }
    const invalid = 'FST_CP_ERR_INVALID_CONTENT';
    const stock = answers(invalid, invalid, invalid, 'FST_ERR_CTP_BODY_TOO_LARGE');

    it('answers good requests and bad ones, with @fastify/compress as it is', async () => {
      expect(await example('fastify/stock.ts')).to.deep.equal({ code: 0, stdout: await stock, stderr: '' });
    });

    it('answers the same under zlease/register, without the option, and decompresses the bomb to its end', async () => {
      const ended = await example('fastify/stock.ts', { flags: [register] });
      expect({ code: ended.code, stdout: ended.stdout }).to.deep.equal({ code: 0, stdout: await stock });
      const { created, reused, leased, leaked, bytesOut } = statsOf(ended);
      expect({ leases: created + reused, leased, leaked }).to.deep.equal({ leases: 208, leased: 0, leaked: 0 });
      const good = 200 * JSON.stringify((await lockfile).packages).length;
      expect(bytesOut - good).to.be.above(20 * 1_048_576);
    });

    it('takes the whole library for its option, which is the default pool', async () => {
      const app = fastify();
      await app.register(compressing, { zlib: zlease });
      app.post('/', async ({ body }) => body);
      const { created, reused } = zlease.defaultPool.stats;
      for (const [encoding, payload] of [
        ['gzip', gzipSync('{"a":1}')],
        ['deflate', deflateSync('{"a":1}')],
        ['br', brotliCompressSync('{"a":1}')],
      ] as const) {
        const headers = { 'content-type': 'application/json', 'content-encoding': encoding };
        expect((await app.inject({ method: 'POST', url: '/', headers, payload })).json()).to.deep.equal({ a: 1 });
      }
      await app.close();
      const { stats } = zlease.defaultPool;
      expect(stats.created + stats.reused - created - reused).to.equal(3);
    });

    it('answers with the codes of a pool of its own, and stops the bomb at its limit', async () => {
      const { code, stdout, stderr } = await example('fastify/pooled.ts');
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
      const expected = await answers('Z_DATA_ERROR', 'Z_BUF_ERROR', 'Z_DATA_ERROR', 'ERR_BUFFER_TOO_LARGE');
      expect(stdout.slice(0, expected.length)).to.equal(expected);
      const [, megabytes] = /^204 streams, (\d+) MB, 4 failed, 0 leased\n$/.exec(stdout.slice(expected.length)) ?? [];
      const good = 200 * JSON.stringify((await lockfile).packages).length;
      // Of the bomb no more than the limit, and less than one body each of the other bad ones.
      expect(Number(megabytes)).to.be.within(good / 1e6, good / 1e6 + 2);
    });
  });

  describe('http', () => {
    const lockfile = readFile(join(top, 'package-lock.json'), 'utf8');

    async function parsed(unknown: string, tooLarge: string, known: boolean): Promise<string[]> {
      const good = `200 ${(await lockfile).split('\n').length - 1} lines`;
      const others = known ? good : `415 ${unknown}`;
      return [
        `gzip: ${good}`,
        `br: ${good}`,
        `x-gzip: ${others}`,
        `gzip, br: ${others}`,
        'corrupt: 400 Z_DATA_ERROR',
        'cut short: 400 Z_BUF_ERROR',
        `bomb: 413 ${tooLarge}`,
        `unknown: 415 ${unknown}`,
      ];
    }

    it('decodes for body-parser and for whoever reads the request itself', async () => {
      const { code, stdout, stderr } = await example('http/pooled.ts');
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
      const answers = await parsed('ERR_CODING_UNKNOWN', 'ERR_BUFFER_TOO_LARGE', true);
      expect(stdout.split('\n').slice(0, -2)).to.deep.equal(
        ['parsed', 'streamed'].flatMap((how) => answers.map((answer) => `${how}, ${answer}`)),
      );
      expect(stdout).to.match(/\n16 leases, \d+ of them of engines used again, 6 failed, 0 leased\n$/);
    });

    it('shows what body-parser makes of the same bodies, and that nothing else decodes', async () => {
      const { code, stdout, stderr } = await example('http/stock.ts');
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
      const lines = stdout.split('\n').slice(0, -1);
      const answers = await parsed('encoding.unsupported', 'entity.too.large', false);
      expect(lines.slice(0, 8)).to.deep.equal(answers.map((answer) => `parsed, ${answer}`));
      for (const line of lines.slice(8)) expect(line).to.match(/^streamed, .*: 200 \d{1,3} lines$/);
    });
  });

  it('have a table, with all of them in it, whose links and commands lead somewhere', async () => {
    const table = await readFile(join(top, 'examples/README.md'), 'utf8');
    const folders = (await readdir(join(top, 'examples'))).filter((name) => !name.includes('.'));
    expect([...new Set([...table.matchAll(/^\| \[.*?\]\(([\w-]+)\//gm)].map(([, name]) => name))].sort()).to.deep.equal(
      folders,
    );
    const paths = [
      ...[...table.matchAll(/\]\(([^)]+)\)/g)].map(([, link]) => new URL(`../../examples/${link}`, import.meta.url)),
      ...[...table.matchAll(/tsx (examples\/[\w./-]+)/g)].map(([, path]) => new URL(`../../${path}`, import.meta.url)),
    ];
    expect(paths.length).to.be.above(20);
    for (const path of paths) expect((await readFile(path)).length, fileURLToPath(path)).to.be.above(0);
  });
});

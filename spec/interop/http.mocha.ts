/**
 * `npm run test:interop`: servers of every kind behind `decodeRequests()`, with curl as the client. What it sends coded is to come out as it was, what is bad to be answered
 * with its status, on a connection that goes on.
 */
import { execFile } from 'node:child_process';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { decodeRequests } from '../../lib/http.ts';
import { ZlibPool } from '../../lib/index.ts';
import { allBack } from '../support/http/back.ts';
import { listen, type Running, servers, told } from '../support/http/servers.ts';
import { compress, formats, json, random } from '../support/samples.ts';

const run = promisify(execFile);
const codings = (['gzip', 'deflate', 'br', 'zstd'] as const).filter((name) => formats.includes(name));
const MAX_LENGTH = 4_000_000;
const plain = json(30_000, 1);
/** Does not get smaller: so long that curl asks before it sends it. */
const noise = Buffer.from(Array.from({ length: 2_000_000 }, random(5)).map((value) => value * 256));

interface Answer {
  status: number;
  body: string;
  /** Connections that were made for it. */
  connects: number;
}

describe('curl, as a client of decodeRequests()', () => {
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zlease-curl-'));
    for (const coding of codings) {
      const data = compress(coding, plain);
      for (const [name, body] of Object.entries({
        good: data,
        long: compress(coding, noise),
        corrupt: Buffer.from(data).fill(0xff, 20, 400),
        cut: data.subarray(0, data.length >> 1),
        bomb: compress(coding, Buffer.alloc(40_000_000)),
      })) {
        await writeFile(join(folder, `${name}.${coding}`), body);
      }
    }
    await writeFile(join(folder, 'twice'), compress('br', compress('gzip', plain)));
    await writeFile(join(folder, 'empty'), '');
  });

  after(() => rm(folder, { recursive: true, force: true }));

  for (const [kind, make] of Object.entries(servers)) {
    describe(kind, () => {
      let pool: ZlibPool;
      let running: Running;

      beforeEach(async () => {
        pool = new ZlibPool();
        running = await listen(make(decodeRequests({ pool, maxOutputLength: MAX_LENGTH })));
      });

      afterEach(async () => {
        await running.close();
        await allBack(pool);
      });

      /** Sends files one after another, on one connection as long as that is good. */
      async function curl(
        files: ReadonlyArray<readonly [file: string, coding: string, ...args: string[]]>,
      ): Promise<Answer[]> {
        if (kind !== 'plain http2') return byOne(files);
        // curl 7.88 can't use a connection of HTTP/2 without TLS again, with no server.
        const answers: Answer[] = [];
        for (const file of files) answers.push(...(await byOne([file])));
        return answers;
      }

      /** By one process. */
      async function byOne(
        files: ReadonlyArray<readonly [file: string, coding: string, ...args: string[]]>,
      ): Promise<Answer[]> {
        const separator = '\n=====\n';
        const args = files.flatMap(([file, coding, ...more], i) => [
          ...(i === 0 ? [] : ['--next']),
          '--silent',
          '--show-error',
          '--noproxy',
          '*',
          ...(kind === 'plain http2' ? ['--http2-prior-knowledge'] : []),
          '--max-time',
          '60',
          '--header',
          `content-encoding: ${coding}`,
          '--header',
          'content-type: application/octet-stream',
          ...(more.length > 0 ? more : ['--data-binary', `@${join(folder, file)}`]),
          '--write-out',
          `\n%{http_code} %{num_connects}${separator}`,
          `${running.origin}/`,
        ]);
        const { stdout } = await run('curl', ['--disable', ...args], { encoding: 'utf8' });
        return stdout
          .split(separator)
          .slice(0, -1)
          .map((text) => {
            const [, body, status, connects] = /^(.*)\n(\d+) (\d+)$/s.exec(text) as unknown as [
              string,
              string,
              string,
              string,
            ];
            return { status: Number(status), body, connects: Number(connects) };
          });
      }

      const statuses = (answers: Answer[]) => answers.map(({ status }) => status);

      it('sends good bodies of every coding, short and long, of known length and not', async () => {
        const chunked = (file: string) => [
          '--data-binary',
          `@${join(folder, file)}`,
          '--header',
          'transfer-encoding: chunked',
        ];
        for (const coding of codings) {
          const answers = await curl([
            [`good.${coding}`, coding],
            [`long.${coding}`, coding],
            ...(kind === 'plain http2'
              ? []
              : ([
                  [`good.${coding}`, coding, ...chunked(`good.${coding}`)],
                  ['', coding, ...chunked(`long.${coding}`)],
                ] as const)),
          ]);
          const expected = [told(plain), told(noise), told(plain), told(noise)].slice(0, answers.length);
          expect(
            answers.map(({ body }) => body),
            coding,
          ).to.deep.equal(expected);
          if (kind !== 'plain http2') expect(answers.map(({ connects }) => connects)).to.deep.equal([1, 0, 0, 0]);
        }
        const [twice, empty] = await curl([
          ['twice', 'gzip, BR'],
          ['empty', 'gzip'],
        ]);
        expect(twice).to.include({ status: 200, body: told(plain) });
        expect(empty).to.include({ status: 200, body: told(Buffer.alloc(0)) });
        expect(pool.stats).to.include({ discarded: 0 });
      });

      it('is told what is wrong with a bad body, and served again', async () => {
        for (const coding of codings) {
          const zstdCut = coding === 'zstd' && process.versions.node.startsWith('22.');
          const answers = await curl([
            [`corrupt.${coding}`, coding],
            [`good.${coding}`, coding],
            [`cut.${coding}`, coding],
            [`good.${coding}`, coding],
            [`bomb.${coding}`, coding],
            [`good.${coding}`, coding],
            // Node resets a stream of HTTP/2 that is answered before all of it has come.
            [kind === 'plain http2' ? 'empty' : `long.${coding}`, kind === 'plain http2' ? coding : 'compress'],
            [`good.${coding}`, coding],
          ]);
          // Node 22 takes a frame of Zstandard that is cut short for a whole one.
          expect(statuses(answers), coding).to.deep.equal([
            400,
            200,
            zstdCut ? 200 : 400,
            200,
            413,
            200,
            kind === 'plain http2' ? 200 : 415,
            200,
          ]);
        }
      });

      it('may break off', async () => {
        const outcome = await curl([
          ['', 'gzip', '--data-binary', `@${join(folder, 'long.gzip')}`, '--limit-rate', '100k', '--max-time', '1'],
        ]).catch(({ code }) => code);
        // CURLE_OPERATION_TIMEDOUT
        expect(outcome).to.equal(28);
        await allBack(pool);
        expect(statuses(await curl([['good.br', 'br']]))).to.deep.equal([200]);
      });
    });
  }
});

/** The examples with streams, files and messages run, as processes of their own, on good input and on bad. */
import { execFile } from 'node:child_process';
import { closeSync, constants, existsSync, openSync, writeSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { promisify } from 'node:util';
import { gzipSync } from 'node:zlib';
import { expect } from 'chai';
import { encodeBatch, encodeRecords } from '../../examples/batches/batch.ts';
import { example, top } from '../support/example.ts';
import { formats } from '../support/samples.ts';
import { TEST_TIMEOUT_MS } from '../support/script.ts';
import { until } from '../support/until.ts';

const lockfile = await readFile(join(top, 'package-lock.json'));
const packages = Object.entries(JSON.parse(String(lockfile)).packages as Record<string, { license?: string }>);

describe('Examples with streams', function () {
  this.timeout(TEST_TIMEOUT_MS);
  this.slow(10_000);
  let folder: string;

  before(async () => {
    folder = await mkdtemp(join(tmpdir(), 'zlease-examples-'));
  });

  after(() => rm(folder, { recursive: true }));

  async function file(name: string, ...parts: Array<string | Buffer>): Promise<string> {
    const path = join(folder, name);
    await writeFile(path, Buffer.concat(parts.map((part) => Buffer.from(part as string))));
    return path;
  }

  describe('leak', () => {
    it('is told once, by the name of the function that leaked, and not where the stream was destroyed', async () => {
      const { code, stdout, stderr } = await example('leak/leak.ts', { flags: ['--expose-gc'] });
      expect(stdout).to.equal(
        'after peekAndForget(): 1 created, 0 leaked, 0 discarded, 1 leased\n' +
          'zlease:leak: gzip, lease 1, asked for by peekAndForget()\n' +
          'ZleaseLeakWarning ZLEASE_LEAK: peekAndForget()\n' +
          'after a collection: 1 created, 1 leaked, 0 discarded, 0 leased\n' +
          'after peekAndClose(): 2 created, 1 leaked, 0 discarded, 0 leased\n',
      );
      // What an operator sees.
      expect(stderr).to.match(
        /\[ZLEASE_LEAK\] ZleaseLeakWarning: A gzip engine was leased \d+ ms ago.*\n(.*\n)+ +at peekAndForget /,
      );
      expect(stderr).not.to.include('peekAndClose');
      expect(code).to.equal(0);
    });

    it('says what it needs', async () => {
      expect(await example('leak/leak.ts')).to.deep.equal({
        code: 1,
        stdout: '',
        stderr: 'leak: start it with --expose-gc\n',
      });
    });
  });

  describe('oracle', () => {
    it('reads the secret of another user from an encoder that is only reset, and nothing on the pool', async () => {
      const { code, stdout, stderr } = await example('oracle/oracle.ts');
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
      expect(stdout).to.match(/^reset only: the secret\nzlease: \?{6}\n1 engine made, \d+ times used again\n$/);
    });
  });

  describe('chat', () => {
    it('decodes the messages of each connection in its own window, with the same result, and one damaged connection fails alone', async () => {
      const [stock, pooled] = await Promise.all(['stock', 'pooled'].map((half) => example(`chat/${half}.ts`)));
      const { packages } = JSON.parse(await readFile(new URL('../../package-lock.json', import.meta.url), 'utf8'));
      expect(stock).to.include({ code: 0, stderr: '' });
      const count = 5 * Object.keys(packages).length;
      expect(stock?.stdout).to.match(
        new RegExp(`^connection 3: Z_DATA_ERROR\n${count} messages of whole connections, `),
      );
      expect(pooled).to.include({ code: 0, stderr: '' });
      expect(pooled?.stdout).to.equal(`${stock?.stdout}1 engines made, 5 used again, 1 failed, 0 leased\n`);
    });
  });

  describe('batches', () => {
    const zstd = formats.includes('zstd');
    // Of ten records each, one codec after the other.
    const codecs = ['none', 'gzip', ...(zstd ? ['zstd'] : [])];
    const batches = Math.ceil(packages.length / 10);
    const counts = codecs.map((_, i) => Math.ceil((batches - i) / codecs.length));
    const good = codecs.map((codec, i) => `${counts[i]} ${codec}`).join(', ');
    // An engine for each codec that compresses: those that failed are used again.
    const made = codecs.length - 1;
    const used = batches - (counts[0] as number) + 2 - made;
    const pool = `${made} engines made, ${used} used again, 2 failed, 0 leased\n`;
    const records = packages.map(([key, entry]) => ({ key, value: JSON.stringify(entry) }));

    it('come to the same, stock and pooled, and skip the same bad ones', async () => {
      const [stock, pooled] = await Promise.all(['stock', 'pooled'].map((half) => example(`batches/${half}.ts`)));
      expect(stock?.stdout).to.match(
        new RegExp(`^log: ${good}; ${records.length} records, sha256 [0-9a-f]{16}; 3 skipped\n$`),
      );
      expect(pooled?.stdout).to.equal(`${stock?.stdout}${pool}`);
      const skipped = [
        /^log: offset \d+, 10 records, gzip: skipped, Z_DATA_ERROR: incorrect data check$/,
        /^log: offset \d+, 10 records, lz4: skipped, ERR_CODEC: nothing reads lz4 here$/,
        /^log: offset \d+, 10 records, gzip: skipped, ERR_BUFFER_TOO_LARGE: Cannot create a Buffer larger than 16000000 bytes$/,
      ];
      for (const half of [stock, pooled]) {
        const told = half?.stderr.trimEnd().split('\n') as string[];
        expect(told).to.have.lengthOf(skipped.length);
        for (const [i, pattern] of skipped.entries()) expect(told[i]).to.match(pattern);
        expect(half?.code).to.equal(0);
      }
    });

    it('reads segments from files, and says which of them are bad', async () => {
      const part = records.slice(0, 5);
      const batch = { offset: 0, codec: 'gzip', count: part.length, payload: gzipSync(encodeRecords(part)) } as const;
      const bytes = encodeBatch(batch);
      const fewer = encodeBatch({ ...batch, count: 4 });
      const more = encodeBatch({ ...batch, count: 6 });
      const whole = await file('whole', bytes, bytes, bytes.subarray(0, 100));
      const args = [
        whole,
        await file('counts', fewer, bytes, more),
        await file('junk', bytes, Buffer.alloc(100)),
        'README.md',
        'missing',
      ];
      const { code, stdout, stderr } = await example('batches/pooled.ts', { args });
      const counts = stdout.split('\n').map((line) => line.replace(/, sha256 [0-9a-f]{16}/, ''));
      expect(counts).to.deep.equal([
        `${args[0]}: 2 gzip; 10 records; 0 skipped`,
        `${args[1]}: 1 gzip; 5 records; 2 skipped`,
        `${args[2]}: 1 gzip; 5 records; 0 skipped`,
        'README.md: no batches; 0 records; 0 skipped',
        'missing: no batches; 0 records; 0 skipped',
        '1 engines made, 5 used again, 0 failed, 0 leased',
        '',
      ]);
      expect(stderr.trimEnd().split('\n')).to.deep.equal([
        `${args[1]}: offset 0, 4 records, gzip: skipped, ERR_BATCH: more follows its 4 records`,
        `${args[1]}: offset 0, 6 records, gzip: skipped, ERR_BATCH: it ends within a record`,
        `${args[2]}: ERR_BATCH: no batch at byte ${bytes.length}`,
        'README.md: ERR_BATCH: no batch at byte 0',
        "missing: ENOENT: ENOENT: no such file or directory, open 'missing'",
      ]);
      expect(code).to.equal(1);
      expect((await example('batches/pooled.ts', { args: [whole] })).code).to.equal(0);
    });
  });

  describe('through2', () => {
    const header = '{"export":"packages","version":1}\n';
    const records = '{"path":"a","license":"MIT"}\n\n{"path":"b"}\r\n{"path":"c","license":"MIT"}';

    it('takes an export apart, whose chunks are cut anywhere', async () => {
      const lines = packages.map(([path, entry]) => JSON.stringify({ path, ...entry })).join('\n');
      const mit = packages.filter(([, { license }]) => license === 'MIT').length;
      const { code, stdout, stderr } = await example('through2/main.ts');
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
      expect(stdout).to.equal(
        `package-lock.json: ${mit} packages under MIT, ${Buffer.byteLength(lines)} bytes out of ${gzipSync(lines).length}\n` +
          '1 engines made, 0 used again, 0 failed, 0 leased\n',
      );
    });

    it('goes through files one by one, and fails for the bad ones alone', async () => {
      const data = gzipSync(records);
      const good = await file('good', header, data);
      const again = await file('again', header, data);
      const bad = {
        'ERR_HEADER: it does not begin as an export does': await file('header', 'something else\n', data),
        'ERR_HEADER: it does not begin as an export does ': await file('short', header.slice(0, 5)),
        'Z_DATA_ERROR: incorrect header check': await file('plain', header, records),
        'Z_BUF_ERROR: unexpected end of file': await file('cut', header, data.subarray(0, -9)),
        'ERR_RECORD: line 2 is no JSON': await file('json', header, gzipSync('{}\n{oops}\n{}')),
        'ENOENT: ': join(folder, 'missing'),
      };
      const { code, stdout, stderr } = await example('through2/main.ts', {
        args: [good, ...Object.values(bad), again],
      });
      const line = `2 packages under MIT, ${records.length} bytes out of ${data.length}`;
      // Two never came as far as the engine. Of the three that did, bad records used one up; after bad gzip it is used again.
      expect(stdout).to.equal(
        `${good}: ${line}\n${again}: ${line}\n2 engines made, 3 used again, 3 failed, 0 leased\n`,
      );
      const told = stderr.trim().split('\n');
      expect(told).to.have.lengthOf(6);
      for (const [i, [message, path]] of Object.entries(bad).entries()) {
        expect(told[i]).to.satisfy((text: string) => text.startsWith(`${path}: ${message.trimEnd()}`), told[i]);
      }
      expect(code).to.equal(1);
    });
  });

  describe('files', () => {
    it('writes what was in the file, and replaces what was there', async () => {
      const input = await file('in.gz', gzipSync(lockfile));
      const output = await file('out', 'from before');
      const { code, stdout, stderr } = await example('files/gunzip.ts', { args: [input, output] });
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
      expect(stdout).to.equal(`${output}: ${lockfile.length} bytes out of ${gzipSync(lockfile).length}, 0 leased\n`);
      expect((await readFile(output)).equals(lockfile)).to.equal(true);
    });

    const data = gzipSync(lockfile);
    const wrong: Array<[what: string, content: Buffer, message: RegExp, args?: string[]]> = [
      ['is no gzip', lockfile, /Z_DATA_ERROR: incorrect header check/],
      ['is cut short', data.subarray(0, -100), /Z_BUF_ERROR: unexpected end of file/],
      [
        'is damaged',
        Buffer.from(data.map((byte, i) => (i === data.length - 8 ? byte ^ 1 : byte))),
        /Z_DATA_ERROR: incorrect data check/,
      ],
      ['has garbage behind it', Buffer.concat([data, lockfile]), /Z_DATA_ERROR: incorrect header check/],
      ['is too long', data, /ERR_BUFFER_TOO_LARGE: .* 1000 bytes/, ['--max-output-length', '1000']],
    ];
    for (const [what, content, message, args = []] of wrong) {
      it(`leaves nothing of a file that ${what}, and what was there as it was`, async () => {
        const input = await file('wrong.gz', content);
        const output = await file('kept', 'from before');
        const { code, stdout, stderr } = await example('files/gunzip.ts', { args: [input, output, ...args] });
        expect({ code, stdout }).to.deep.equal({ code: 1, stdout: '' });
        expect(stderr.startsWith(`gunzip: ${input}: `), stderr).to.equal(true);
        expect(stderr).to.match(message);
        expect(String(await readFile(output))).to.equal('from before');
        expect(await readdir(folder))
          .to.include('kept')
          .and.not.include('kept.part');
      });
    }

    it('leaves nothing behind when it is interrupted', async () => {
      // A pipe that does not end before the interruption: open for reading, too, so that no open() waits for the other side.
      const input = join(folder, 'long.gz');
      await promisify(execFile)('mkfifo', [input]);
      const pipe = openSync(input, constants.O_RDWR | constants.O_NONBLOCK);
      const stored = gzipSync(Buffer.alloc(1_000_000), { level: 0 });
      writeSync(pipe, stored, 0, 20_000);
      let isOver = false;
      let at = 20_000;
      const output = join(folder, 'long');
      const { code, stderr } = await example('files/gunzip.ts', {
        args: [input, output],
        started: async (kill) => {
          await until(() => existsSync(join(folder, 'long.part')));
          kill('SIGINT');
          // A read of a pipe is not over before there is something to read.
          await until(
            () => isOver,
            () => {
              if (at < 50_000) at += writeSync(pipe, stored, at, 1);
            },
          );
        },
      });
      isOver = true;
      closeSync(pipe);
      expect({ code, stderr }).to.deep.equal({
        code: 1,
        stderr: `gunzip: ${input}: ABORT_ERR: The operation was aborted\n`,
      });
      expect(await readdir(folder))
        .to.include('long.gz')
        .and.not.include.members(['long'])
        .and.not.include.members(['long.part']);
    });

    it('leaves alone what another one writes', async () => {
      const input = await file('in.gz', data);
      await file('busy.part', 'half of it');
      const { code, stderr } = await example('files/gunzip.ts', { args: [input, join(folder, 'busy')] });
      expect(code).to.equal(1);
      expect(stderr).to.match(/EEXIST.*busy\.part/);
      expect(String(await readFile(join(folder, 'busy.part')))).to.equal('half of it');
    });

    it('says what is wrong with a file', async () => {
      expect(await example('files/gunzip.ts', { args: ['no-such.gz', 'out'] })).to.deep.equal({
        code: 1,
        stdout: '',
        stderr: "gunzip: no-such.gz: ENOENT: ENOENT: no such file or directory, open 'no-such.gz'\n",
      });
      expect(await readdir(top)).not.to.include.members(['out.part']);
    });
  });

  describe('iteration', () => {
    const lines = String(lockfile).split('\n');

    it('reads a few lines, and little more; a break brings the engine back', async () => {
      const { code, stdout, stderr } = await example('iteration/head.ts', { args: ['-n', '4'] });
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
      const printed = stdout.split('\n');
      expect(printed.slice(0, 4)).to.deep.equal(lines.slice(0, 4));
      const [, read] = /^(\d+) bytes read, 0 leased$/.exec(printed[4] as string) ?? [];
      expect(Number(read)).to.be.within(1, gzipSync(lockfile).length - 1);
    });

    it('reads all lines of a file that has fewer, and uses the engine up in good order', async () => {
      const input = await file('lines.gz', gzipSync('one\r\ntwo\nthree'));
      expect(await example('iteration/head.ts', { args: [input] })).to.deep.equal({
        code: 0,
        stdout: `one\ntwo\nthree\n${gzipSync('one\r\ntwo\nthree').length} bytes read, 0 leased\n`,
        stderr: '',
      });
    });

    it('gives the lines before an error, and the error', async () => {
      const data = gzipSync(lockfile);
      const input = await file('cut.gz', data.subarray(0, -5_000));
      const { code, stdout, stderr } = await example('iteration/head.ts', { args: ['-n', '9999', input] });
      expect({ code, stderr }).to.deep.equal({ code: 1, stderr: 'head: Z_BUF_ERROR: unexpected end of file\n' });
      const printed = stdout.trimEnd().split('\n');
      expect(printed.pop()).to.equal(`${data.length - 5_000} bytes read, 0 leased`);
      expect(printed.length).to.be.above(lines.length / 2);
      expect(lines.slice(0, printed.length - 1)).to.deep.equal(printed.slice(0, -1));
    });

    it('says what is wrong with files', async () => {
      const wrong = [
        [['missing.gz'], "head: ENOENT: ENOENT: no such file or directory, open 'missing.gz'\n"],
        [['README.md'], 'head: Z_DATA_ERROR: incorrect header check\n'],
      ] as const;
      const ended = await Promise.all(wrong.map(([args]) => example('iteration/head.ts', { args: [...args] })));
      const stdout = '0 bytes read, 0 leased\n';
      expect(ended).to.deep.equal(wrong.map(([, stderr]) => ({ code: 1, stdout, stderr })));
    });

    it('finds a text wherever chunks are cut, and stops at it', async () => {
      // Not compressed, so that what is read at a time, 64 KB, ends in the middle of the text.
      const stored = (at: number): Buffer => {
        const plain = Buffer.alloc(1_000_000, 'x');
        plain.write('needle', at);
        return gzipSync(plain, { level: 0 });
      };
      let at = 65_536 - 3;
      while (stored(at).indexOf('needle') !== 65_536 - 3) at -= 1;
      const found = await file('found.gz', stored(at));
      const not = await file('not.gz', gzipSync(lockfile));
      const { code, stdout, stderr } = await example('iteration/find.ts', {
        args: ['needle', not, found, 'README.md', 'missing.gz', not],
      });
      expect(stdout).to.equal(`${not}: no\n${found}: yes\n${not}: no\n4 streams, 0 leased\n`);
      expect(stderr).to.match(/^README\.md: Z_DATA_ERROR: incorrect header check\nmissing\.gz: ENOENT: ENOENT: .*\n$/);
      expect(code).to.equal(1);
    });
  });
});

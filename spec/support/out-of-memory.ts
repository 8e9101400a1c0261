/**
 * One message whose output does not fit into the memory that the process may have, on one way and one engine: run as
 * `out-of-memory.ts WAY ENGINE`. The last line is JSON: the code that it failed with, and whether another message is
 * still decompressed after that.
 */
import { execFileSync } from 'node:child_process';
import { readFileSync } from 'node:fs';
import { gzipSync } from 'node:zlib';
import { ZlibPool, type ZlibPoolOptions } from '../../lib/index.ts';

const [way, engine] = process.argv.slice(2) as [string, ZlibPoolOptions['engine']];
const MB = 2 ** 20;

/** The last member's length is all that the message tells of its own. */
const zeros = gzipSync(Buffer.alloc(8 * MB));
const message = Buffer.concat([...Array.from({ length: 48 }, () => zeros), gzipSync('the last')]);
const pool = new ZlibPool({ engine });

async function decompress(data: Buffer): Promise<Buffer> {
  return way === 'decompressSync' ? pool.decompressSync(data, 'gzip') : pool.decompress(data, 'gzip');
}

// All that the process has now, and less than twice the output.
const now = 1_024 * Number(/VmSize:\s*(\d+)/.exec(readFileSync('/proc/self/status', 'utf8'))?.[1]);
execFileSync('prlimit', ['--pid', String(process.pid), `--as=${now + 740 * MB}`]);
const code = await decompress(message).then(
  ({ length }) => `${length} bytes`,
  (error) => error.code,
);
const after = await decompress(gzipSync('hello'));
console.log(JSON.stringify({ code, after: String(after), leased: pool.stats.leased }));

/**
 * `npx tsx examples/files/gunzip.ts IN.gz OUT [--max-output-length BYTES]`: a file to a file. OUT appears when it is whole: what is
 * bad, too long, or interrupted leaves nothing behind, and an OUT from before as it was.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { parseArgs } from 'node:util';
import { ZlibPool } from 'zlease';

function options() {
  const { values, positionals } = parseArgs({
    allowPositionals: true,
    options: { 'max-output-length': { type: 'string', default: 'Infinity' } },
  });
  const [input, output, ...more] = positionals;
  if (input === undefined || output === undefined || more.length > 0) throw new Error('takes IN.gz and OUT');
  return { input, output, maxOutputLength: Number(values['max-output-length']) };
}

async function gunzip(): Promise<void> {
  const { input, output, maxOutputLength } = options();
  const pool = new ZlibPool({ maxOutputLength });
  const interrupted = new AbortController();
  process.once('SIGINT', () => interrupted.abort());
  const part = `${output}.part`;
  try {
    await pipeline(
      createReadStream(input),
      pool.createGunzip(),
      // 'wx': a second one at work on the same file is told so.
      createWriteStream(part, { flags: 'wx' }),
      { signal: interrupted.signal },
    );
    await rename(part, output);
  } catch (error) {
    const { code, syscall, path } = error as NodeJS.ErrnoException;
    if (!(code === 'EEXIST' && syscall === 'open' && path === part)) await rm(part, { force: true });
    throw Object.assign(error as Error, { message: `${input}: ${code}: ${(error as Error).message}` });
  } finally {
    await pool.close();
  }
  const { bytesIn, bytesOut, leased } = pool.stats;
  console.log(`${output}: ${bytesOut} bytes out of ${bytesIn}, ${leased} leased`);
}

await gunzip().catch(({ message }: Error) => {
  console.error(`gunzip: ${message}`);
  process.exitCode = 1;
});

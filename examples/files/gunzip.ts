/**
 * `npx tsx examples/files/gunzip.ts IN.gz OUT`: a file to a file. OUT appears when it is whole: what is bad, too long, or
 * interrupted leaves nothing behind, and an OUT from before as it was. `--help` prints the usage.
 */
import { createReadStream, createWriteStream } from 'node:fs';
import { rename, rm } from 'node:fs/promises';
import { pipeline } from 'node:stream/promises';
import { Option } from '@commander-js/extra-typings';
import { ZlibPool } from 'zlease';
import { command, text, wholeNumber } from '../command.ts';

const program = command('npx tsx examples/files/gunzip.ts', 'Gunzips a file on a pool.')
  .argument('<in.gz>', 'the file to read', text)
  .argument('<out>', 'the file to write, which appears when it is whole', text)
  .addOption(
    new Option('--max-output-length <number>', 'the longest output, in bytes')
      .default(Infinity, 'unlimited')
      .argParser(wholeNumber(0)),
  )
  .parse();

async function gunzip(): Promise<void> {
  const [input, output] = program.processedArgs;
  const { maxOutputLength } = program.opts();
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

/**
 * `npm start`: uploads files to a gRPC server in a process of its own, whose streams
 * lease their engines from a pool (--stock: are node:zlib's), and checks every byte. Without files: the Node executable and package-lock.json.
 * `npm start -- --help` prints the usage.
 */
import { type ChildProcess, fork } from 'node:child_process';
import { once } from 'node:events';
import { fileURLToPath } from 'node:url';
import { SingleBar } from 'cli-progress';
import type { PoolStats } from 'zlease';
import { command, wholeNumber } from '../command.ts';
import { partsOf, upload } from './client.ts';

const here = (name: string): string => fileURLToPath(new URL(name, import.meta.url));

const program = command('npm start --', 'Uploads gzipped files over gRPC, and compares the digest of each part.')
  .argument('[file...]', 'files to upload (default: the Node executable and package-lock.json)')
  .option('--json', 'print the result as one line of JSON')
  .option('--stock', "use node:zlib's streams, without a pool")
  .option('--at-a-time <number>', 'calls in flight', wholeNumber(1, 10_000), 16)
  .option('--part-length <number>', 'the longest part of a file that a call uploads, in bytes', wholeNumber(1), 2 ** 18)
  .parse();

/** The next message of a child process. */
async function messageFrom<T>(child: ChildProcess): Promise<T> {
  const died = once(child, 'exit').then(([code]) => Promise.reject(new Error(`The server ended with code ${code}`)));
  const [message] = (await Promise.race([once(child, 'message'), died])) as [T];
  return message;
}

async function main(): Promise<void> {
  const { json, stock, atATime, partLength } = program.opts();
  const files = program.args.length > 0 ? program.args : [process.execPath, here('../../package-lock.json')];
  const parts = await partsOf(files, partLength);

  const server = fork(here(stock ? 'server-stock.ts' : 'server.ts'), {
    stdio: ['ignore', 'inherit', 'inherit', 'ipc'],
  });
  const { port } = await messageFrom<{ port: number }>(server);

  const bar = new SingleBar({ format: '{bar} {value}/{total} calls, {duration_formatted}', clearOnComplete: true });
  if (process.stderr.isTTY) bar.start(parts.length, 0);
  const start = performance.now();
  const { refusals, mismatches, ...totals } = await upload(port, parts, atATime, () => bar.increment());
  const seconds = (performance.now() - start) / 1000;
  bar.stop();

  server.send('stop');
  const { stats: pool } = await messageFrom<{ stats: PoolStats }>(server);

  // The damaged upload has to fail, alone.
  const digestsMatch = mismatches === 0 && refusals.length === 1;
  process.exitCode = digestsMatch ? 0 : 1;
  if (json) {
    console.log(JSON.stringify({ ...totals, digestsMatch, seconds: Number(seconds.toFixed(3)), pool }));
    return;
  }
  const megabytes = (length: number): string => `${(length / 1e6).toFixed(1)} MB`;
  console.table({
    calls: `${totals.calls}, ${atATime} at a time`,
    messages: totals.messages,
    'bytes in': megabytes(totals.bytesIn),
    'bytes out': megabytes(totals.bytesOut),
    throughput: `${megabytes(totals.bytesOut / seconds)}/s`,
    'digests match': digestsMatch,
    'damaged upload': refusals.map(({ code, details }) => `status ${code}, ${details}`).join() || 'was not refused',
  });
  console.table(pool);
}

main().catch((error: Error) => {
  console.error(`grpc-upload: ${error.message}`);
  process.exit(1);
});

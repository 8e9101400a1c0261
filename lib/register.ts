/**
 * `zlease/register`: for `node --import zlease/register app.js`, or `-r`. Replaces functions of
 * node:zlib in each thread of the process: the factories of streams and the one-shot functions, to
 * compress and to decompress. The new functions run on `defaultPool`. Each worker thread has its
 * own `defaultPool`.
 *
 * With the environment variable ZLEASE=off, it replaces nothing. ZLEASE=decompress leaves the
 * compressing functions as they are. ZLEASE_ONE_SHOT=off leaves the one-shot functions as they are.
 * ZLEASE_REPORT=1 prints a table of the leases of the main thread's `defaultPool` at exit.
 */
import { isMainThread } from 'node:worker_threads';
import { isOneShotOn, isReportWanted, registered } from './node-zlib/environment.ts';
import { install } from './node-zlib/install.ts';
import { defaultPool } from './node-zlib/pool.ts';
import { Report } from './node-zlib/report.ts';

const { decompress, compress } = registered(process.env);
if (decompress) {
  install({ compress, oneShot: isOneShotOn(process.env) });
  if (isReportWanted(process.env) && isMainThread) {
    const report = new Report(defaultPool);
    process.on('exit', () => console.error(String(report)));
  }
}

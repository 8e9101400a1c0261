/**
 * `zlease/register`: for `node --import zlease/register app.js`, or `-r`. It replaces functions of
 * node:zlib in the whole process: the factories of streams, and the one-shot functions, of both
 * directions. They then run on `defaultPool`. Each worker thread has its own `defaultPool`.
 *
 * The environment variable ZLEASE=off turns it off. ZLEASE=decompress leaves the compressing
 * functions as they are. ZLEASE_ONE_SHOT=off leaves the one-shot functions as they are.
 * ZLEASE_REPORT=1 prints a table of the main thread's leases at exit.
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

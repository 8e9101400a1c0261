/**
 * `zlease/register`: for `node --import zlease/register app.js`, or `-r`. It replaces the factories
 * of node:zlib's decompressing streams in the whole process. They then return pooled streams of
 * `defaultPool`. The environment variable ZLEASE=off turns it off.
 */
import { isMainThread } from 'node:worker_threads';
import { isOneShotOn, isReportWanted, isSwitchedOn } from './node-zlib/environment.ts';
import { install } from './node-zlib/install.ts';
import { defaultPool } from './node-zlib/pool.ts';
import { Report } from './node-zlib/report.ts';

if (isSwitchedOn(process.env)) {
  install({ oneShot: isOneShotOn(process.env) });
  if (isReportWanted(process.env) && isMainThread) {
    const report = new Report(defaultPool);
    process.on('exit', () => console.error(String(report)));
  }
}

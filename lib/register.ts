/**
 * `zlease/register`: for `node --import zlease/register app.js`, or `-r`. It replaces the factories
 * of node:zlib's decompressing streams in the whole process. They then return pooled streams of
 * `defaultPool`. The environment variable ZLEASE=off turns it off.
 */
import { isSwitchedOn } from './node-zlib/environment.ts';
import { install } from './node-zlib/install.ts';

if (isSwitchedOn(process.env)) install();

/**
 * `zlease/register`: for `node --import zlease/register app.js`, or `-r`. Everything in the process that makes a decompressing stream
 * by node:zlib's factories gets a pooled one, from `defaultPool`. The environment variable ZLEASE=off turns it off.
 */
import { isSwitchedOn } from './node-zlib/environment.ts';
import { install } from './node-zlib/install.ts';

if (isSwitchedOn(process.env)) install();

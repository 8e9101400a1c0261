// Does what zlease/register may not do: puts pooled streams in the place of node:zlib's classes.
import { syncBuiltinESMExports } from 'node:module';
import zlib from 'node:zlib';
import '../../dist/register.js';

for (const name of ['Gunzip', 'Inflate', 'InflateRaw', 'Unzip', 'BrotliDecompress', 'ZstdDecompress']) {
  const create = zlib[`create${name}`];
  if (create === undefined) continue;
  // No arrow function: it is called with new.
  function Pooled(...args) {
    return create(...args);
  }
  Pooled.prototype = zlib[name].prototype;
  Object.defineProperty(zlib, name, { value: Pooled, configurable: true, enumerable: true, writable: true });
}
syncBuiltinESMExports();

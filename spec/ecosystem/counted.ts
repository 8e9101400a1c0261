/** Counts calls of the compressing functions of node:zlib. Import it before a package that keeps such a function. */
import { syncBuiltinESMExports } from 'node:module';
import zlib from 'node:zlib';

/** Name of a function to its calls. A function that was not called is not there. */
export const compressed: Record<string, number> = {};

const compressing = /^(create)?(gzip|deflate|deflateRaw|brotliCompress|zstdCompress)(Sync)?$/i;
const functions = zlib as unknown as Record<string, (...args: unknown[]) => unknown>;

for (const name of Object.keys(functions).filter((key) => compressing.test(key) && !/^[A-Z]/.test(key))) {
  const real = functions[name] as (...args: unknown[]) => unknown;
  const value = (...args: unknown[]) => {
    compressed[name] = (compressed[name] ?? 0) + 1;
    return real(...args);
  };
  Object.defineProperty(zlib, name, { configurable: true, enumerable: true, writable: true, value });
}
syncBuiltinESMExports();

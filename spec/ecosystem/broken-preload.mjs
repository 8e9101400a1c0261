// Breaks node:zlib as a bad pool might, to see that the comparison notices: `?bytes` flips a bit of each chunk that
// a stream gives, `?errors` gives errors another code.
import { syncBuiltinESMExports } from 'node:module';
import zlib from 'node:zlib';

const how = new URL(import.meta.url).search;

for (const name of Object.keys(zlib).filter((key) => /^create(Gunzip|Inflate|Unzip|.*Decompress)/.test(key))) {
  const create = zlib[name];
  const broken = (...args) => {
    const stream = create(...args);
    const { push, destroy } = stream;
    if (how === '?bytes') {
      stream.push = function (chunk, ...rest) {
        if (chunk?.length > 0) chunk[0] ^= 1;
        return push.call(this, chunk, ...rest);
      };
    } else {
      stream.destroy = function (error, ...rest) {
        if (String(error?.code).startsWith('Z_')) error.code = 'Z_BROKEN';
        return destroy.call(this, error, ...rest);
      };
    }
    return stream;
  };
  Object.defineProperty(zlib, name, { value: broken, configurable: true, enumerable: true });
}
syncBuiltinESMExports();

// Breaks node:zlib as a bad pool might, to see that the comparison notices. `?bytes` flips a bit of each chunk that a
// decompressing stream gives and one of each message that a one-shot function gives. `?compressed` does the same to
// the compressing functions. `?errors` gives errors of decompression another code.
import { syncBuiltinESMExports } from 'node:module';
import zlib from 'node:zlib';

const how = new URL(import.meta.url).search;

const decompress = 'gunzip|inflate|inflateRaw|unzip|brotliDecompress|zstdDecompress';
const compress = 'gzip|deflate|deflateRaw|brotliCompress|zstdCompress';
const names = how === '?compressed' ? compress : decompress;
const streams = new RegExp(`^create(${names})$`, 'i');

for (const name of Object.keys(zlib).filter((key) => streams.test(key))) {
  const create = zlib[name];
  const broken = (...args) => {
    const stream = create(...args);
    const { push, destroy } = stream;
    if (how === '?bytes') {
      stream.push = function (chunk, ...rest) {
        if (chunk?.length > 0) chunk[0] ^= 1;
        return push.call(this, chunk, ...rest);
      };
    } else if (how === '?compressed') {
      stream.push = function (chunk, ...rest) {
        return push.call(this, flipped(chunk), ...rest);
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

// The middle of a message: its end is in some protocols of no account, and its start a length.
function flipped(data) {
  if (how !== '?errors' && data?.length > 0) data[data.length >> 1] ^= 1;
  return data;
}

function recoded(error) {
  if (how === '?errors' && error != null) error.code = 'Z_BROKEN';
  return error;
}

const oneShots = new RegExp(`^(${names})(Sync)?$`);
for (const [name, oneShot] of Object.entries(zlib).filter(([key]) => oneShots.test(key))) {
  const broken = name.endsWith('Sync')
    ? (...args) => {
        try {
          return flipped(oneShot(...args));
        } catch (error) {
          throw recoded(error);
        }
      }
    : (...args) => oneShot(...args.slice(0, -1), (error, data) => args.at(-1)(recoded(error), flipped(data)));
  Object.defineProperty(zlib, name, { value: broken, configurable: true, enumerable: true });
}
syncBuiltinESMExports();

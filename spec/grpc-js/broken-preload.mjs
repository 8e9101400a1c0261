// Breaks node:zlib as a bad pool might, to see that the comparison notices: `?bytes` flips a bit of each chunk that a stream
// gives, `?lenient` takes what is cut short for whole, `?silent` never tells an error.
import { syncBuiltinESMExports } from 'node:module';
import zlib from 'node:zlib';

const how = new URL(import.meta.url).search;

for (const name of ['createGunzip', 'createInflate']) {
  const create = zlib[name];
  const broken = (options) => {
    if (how === '?lenient') return create({ ...options, finishFlush: zlib.constants.Z_SYNC_FLUSH });
    const stream = create(options);
    const { push, emit } = stream;
    if (how === '?bytes') {
      stream.push = function (chunk, ...rest) {
        if (chunk?.length > 0) chunk[0] ^= 1;
        return push.call(this, chunk, ...rest);
      };
    } else {
      stream.emit = function (event, ...rest) {
        return event === 'error' || emit.call(this, event, ...rest);
      };
    }
    return stream;
  };
  Object.defineProperty(zlib, name, { value: broken, configurable: true, enumerable: true });
}
syncBuiltinESMExports();

/** Records that are each compressed, with node:zlib: a new engine for every record. */
import { type Duplex, pipeline, Transform } from 'node:stream';
import { gunzip } from 'node:zlib';
import { type Rec, run } from './records.ts';

await run((call: Duplex) => {
  const decompress = new Transform({
    objectMode: true,
    transform(record: Rec, _encoding, callback) {
      gunzip(record.payload, (error, payload) => callback(error, { ...record, payload }));
    },
  });
  pipeline(call, decompress, call, () => {});
});

/**
 * Record batches as Kafka has them since 0.11 (message format 2), as far as these examples need it: a header of 61 bytes, whose second field is
 * the length of what follows and whose attributes name the codec, then the records, compressed together. As in many clients, the CRC is not
 * looked at: what is damaged shows where it is decompressed.
 */

/** The codecs by the number that stands for them in a batch. Nothing here reads snappy (2) and lz4 (3). */
export const codecs = ['none', 'gzip', 'snappy', 'lz4', 'zstd'] as const;
export type Codec = (typeof codecs)[number];

/** A batch as it lies in a log, its records still compressed. */
export interface Batch {
  /** Of its first record. */
  offset: number;
  codec: Codec;
  /** How many records the header promises. */
  count: number;
  payload: Buffer;
}

export interface Rec {
  key: string;
  value: string;
}

const LENGTH_AT = 8;
const AFTER_LENGTH = 12;
const MAGIC_AT = 16;
const ATTRIBUTES_AT = 21;
const COUNT_AT = 57;
const HEADER_LENGTH = 61;
const MAGIC = 2;
const CODEC_MASK = 7;

function problem(message: string): Error {
  return Object.assign(new Error(message), { code: 'ERR_BATCH' });
}

/**
 * The batches in `log`, one after another. The last one may be cut short, as brokers send it: it is not given, and comes again with the next fetch.
 * @throws `ERR_BATCH` for what is no batch: where the next one begins can't be told then
 */
export function* batchesIn(log: Buffer): Generator<Batch, void, void> {
  for (let at = 0; at + HEADER_LENGTH <= log.length; ) {
    const end = at + AFTER_LENGTH + log.readInt32BE(at + LENGTH_AT);
    const magic = log[at + MAGIC_AT];
    if (magic !== MAGIC || end < at + HEADER_LENGTH) throw problem(`no batch at byte ${at}`);
    if (end > log.length) return;
    const number = log.readInt16BE(at + ATTRIBUTES_AT) & CODEC_MASK;
    const codec = codecs[number];
    if (codec === undefined) throw problem(`the batch at byte ${at} has the codec ${number}`);
    yield {
      offset: Number(log.readBigInt64BE(at)),
      codec,
      count: log.readInt32BE(at + COUNT_AT),
      payload: log.subarray(at + HEADER_LENGTH, end),
    };
    at = end;
  }
}

/** The bytes of a batch. */
export function encodeBatch({ offset, codec, count, payload }: Batch): Buffer {
  const header = Buffer.alloc(HEADER_LENGTH);
  header.writeBigInt64BE(BigInt(offset), 0);
  header.writeInt32BE(HEADER_LENGTH - AFTER_LENGTH + payload.length, LENGTH_AT);
  header[MAGIC_AT] = MAGIC;
  header.writeInt16BE(codecs.indexOf(codec), ATTRIBUTES_AT);
  header.writeInt32BE(count, COUNT_AT);
  return Buffer.concat([header, payload]);
}

/**
 * The `count` records in what a batch was decompressed to.
 * @throws `ERR_BATCH` where there are fewer, or more
 */
export function recordsIn(bytes: Buffer, count: number): Rec[] {
  let at = 0;
  const integer = (): number => {
    let zigzag = 0n;
    for (let shift = 0n; ; shift += 7n) {
      const byte = bytes[at];
      if (byte === undefined || shift > 63n) throw problem('it ends within a record');
      at += 1;
      zigzag |= BigInt(byte & 127) << shift;
      if (byte < 128) return Number((zigzag >> 1n) ^ -(zigzag & 1n));
    }
  };
  const text = (): string => {
    const length = Math.max(0, integer());
    if (at + length > bytes.length) throw problem('it ends within a record');
    at += length;
    return bytes.toString('utf8', at - length, at);
  };
  const records: Rec[] = [];
  while (records.length < count) {
    const end = integer() + at;
    at += 1; // Attributes, of which there are none yet.
    integer(); // Since the time of the batch.
    integer(); // Since its offset.
    records.push({ key: text(), value: text() });
    for (let headers = integer(); headers > 0; headers--) {
      text();
      text();
    }
    if (at !== end) throw problem('a record is not as long as it says');
  }
  if (at !== bytes.length) throw problem(`more follows its ${count} records`);
  return records;
}

/** The bytes of records, to be compressed together. */
export function encodeRecords(records: readonly Rec[]): Buffer {
  return Buffer.concat(
    records.flatMap(({ key, value }, i) => {
      const body = Buffer.concat([
        Buffer.of(0),
        integer(0),
        integer(i),
        integer(Buffer.byteLength(key)),
        Buffer.from(key),
        integer(Buffer.byteLength(value)),
        Buffer.from(value),
        integer(0),
      ]);
      return [integer(body.length), body];
    }),
  );
}

/** A whole number from 0 on, zigzag and variable in length. */
function integer(value: number): Buffer {
  const bytes: number[] = [];
  let rest = 2 * value;
  for (; rest > 127; rest = Math.floor(rest / 128)) bytes.push((rest % 128) | 128);
  return Buffer.of(...bytes, rest);
}

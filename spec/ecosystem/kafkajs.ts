/**
 * kafkajs: record batches that its own encoder compresses with its gzip codec, as in the answer of a broker to a
 * fetch, through its own decoder.
 */
import './counted.ts';
import { createRequire } from 'node:module';
import { json } from '../../bench/payloads.ts';
import { compressed } from './counted.ts';
import { digest, finish, scenario } from './scenario.ts';
import * as stock from './stock.ts';

interface Encoder {
  buffer: Buffer;
}

interface EncoderClass {
  new (): Record<'writeBytes' | 'writeBuffer' | 'writeEncoder', (value: unknown) => Encoder> & Encoder;
}

interface Message {
  offset: string;
  key: Buffer;
  value: Buffer;
  headers?: Record<string, Buffer>;
}

/** The package has no types for its protocol, nor exports in its package.json. */
const require = createRequire(import.meta.url);
const from = <T>(path: string): T => require(`kafkajs/src/protocol/${path}`);

const Encoder = from<EncoderClass>('encoder');
const Decoder = from<new (buffer: Buffer) => object>('decoder');
const encodeRecord = from<(record: object) => Encoder>('recordBatch/record/v0');
const { RecordBatch } = from<{ RecordBatch(batch: object): Promise<Encoder> }>('recordBatch/v0');
const encodeMessage = from<(message: object) => Encoder>('message/v1');
const encodeMessageSet = from<(set: object) => Encoder>('messageSet');
const decodeMessages = from<(decoder: object) => Promise<Message[]>>('requests/fetch/v4/decodeMessages');
const { Types } = from<{ Types: { None: number; GZIP: number } }>('message/compression');

/** Bytes of a batch before its records: the count of records is the last of them. */
const HEAD_LENGTH = 61;
const TIME = 1_700_000_000_000;

/** Messages that were given to the codec. */
let unzip = 0;

function records(count: number, length: number, seed: number): Encoder[] {
  const text = json(count * length + length, seed);
  return Array.from({ length: count }, (_, i) =>
    encodeRecord({
      offsetDelta: i,
      timestampDelta: i,
      key: Buffer.from(`key ${i}`),
      value: text.subarray(i * length, (i + 1) * length),
      headers: { trace: `${seed}-${i}` },
    }),
  );
}

async function batch(count: number, length = 200, seed = 1, compression = Types.GZIP): Promise<Buffer> {
  const { buffer } = await RecordBatch({
    compression,
    firstTimestamp: TIME,
    maxTimestamp: TIME + count,
    lastOffsetDelta: count - 1,
    records: records(count, length, seed),
  });
  return buffer;
}

/** The batch with other bytes in place of its compressed records. Its checksum is not looked at by the decoder. */
function withBody(good: Buffer, body: Buffer): Buffer {
  const bytes = Buffer.concat([good.subarray(0, HEAD_LENGTH), body]);
  bytes.writeInt32BE(bytes.length - 12, 8);
  return bytes;
}

/** Decodes batches as the set of messages of a fetch. */
async function fetched(batches: Buffer[], compressed = batches.length): Promise<unknown> {
  unzip += compressed;
  const set = new Encoder().writeBytes(Buffer.concat(batches)).buffer;
  const messages = await decodeMessages(new Decoder(set));
  const [first, last] = [messages[0], messages.at(-1)];
  return {
    count: messages.length,
    offsets: [first?.offset, last?.offset],
    headers: [first?.headers?.trace, last?.headers?.trace].map(String),
    ...digest(Buffer.concat(messages.flatMap(({ key, value }) => [key, value]))),
  };
}

for (const count of [1, 2, 10, 100, 1_000, 4_000]) {
  await scenario(`kafkajs: a batch of ${count} records`, async () => fetched([await batch(count)]));
}

for (const length of [0, 1, 1_000, 300_000]) {
  await scenario(`kafkajs: records of ${length} bytes`, async () => fetched([await batch(5, length)]));
}

await scenario('kafkajs: 50 batches in one fetch, some not compressed', async () => {
  const batches: Buffer[] = [];
  for (let i = 0; i < 50; i += 1) batches.push(await batch(1 + i * 4, 150, i, i % 5 === 4 ? Types.None : Types.GZIP));
  return fetched(batches, 40);
});

await scenario('kafkajs: 64 fetches of 5 batches at a time', async () => {
  const batches = await Promise.all([1, 3, 10, 30, 100].map((count) => batch(count, 100, count)));
  return Promise.all(Array.from({ length: 64 }, () => fetched(batches)));
});

await scenario('kafkajs: the last batch of a fetch is partial', async () => {
  const good = await batch(100);
  return fetched([good, good.subarray(0, good.length - 10)], 1);
});

await scenario('kafkajs: a message set of the version before record batches', async () => {
  const entries = Array.from({ length: 100 }, (_, i) => ({ key: `key ${i}`, value: `value ${i}`, timestamp: TIME }));
  const { buffer: inner } = encodeMessageSet({ messageVersion: 1, entries });
  const value = stock.gzip(inner);
  const { buffer: message } = encodeMessage({ compression: Types.GZIP, timestamp: TIME, value });
  const entry = Buffer.alloc(12);
  entry.writeBigInt64BE(99n);
  entry.writeInt32BE(message.length, 8);
  return fetched([Buffer.concat([entry, message])]);
});

const good = await batch(1_000);
const body = good.subarray(HEAD_LENGTH);
const half = body.length >> 1;
const damaged = (at: number) => Buffer.from(body.map((byte, i) => (i >= at && i < at + 8 ? byte ^ 0xff : byte)));
const bodies: Record<string, Buffer> = {
  'cut by a byte': body.subarray(0, -1),
  'cut in the middle': body.subarray(0, half),
  'cut in the header': body.subarray(0, 5),
  'corrupt at the start': damaged(0),
  'corrupt in the middle': damaged(half),
  'corrupt at the end': damaged(body.length - 8),
  'not compressed': json(1_000, 3),
  'in a zlib wrapper': stock.deflate(Buffer.concat(records(1_000, 200, 1).map(({ buffer }) => buffer))),
  'with zeros behind': Buffer.concat([body, Buffer.alloc(20)]),
  'with junk behind': Buffer.concat([body, Buffer.from('junk')]),
  'of two members': Buffer.concat([body, stock.gzip('')]),
};
for (const [name, bytes] of Object.entries(bodies)) {
  await scenario(`kafkajs: records ${name}`, () => fetched([withBody(good, bytes)]));
}

await scenario('kafkajs: no records at all', () => fetched([withBody(good, Buffer.alloc(0))]));

await finish({ unzip, ...compressed });

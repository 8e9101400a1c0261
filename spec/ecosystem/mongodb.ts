/** mongodb: its client with compressed protocol messages, zlib's and, where Node has it, zstd's. */
import './counted.ts';
import { type Document, MongoClient, type MongoClientOptions } from 'mongodb';
import { json } from '../../bench/payloads.ts';
import { compressed } from './counted.ts';
import { compressors, type Damage, MongoPeer } from './mongodb-peer.ts';
import { digest, finish, outcome, scenario } from './scenario.ts';

/** A package of its own decompresses a table when it is loaded. */
const calls: Record<string, number> = { gunzipSync: 1 };

function documents(count: number, length: number): Document[] {
  const text = json(count * length + 1, 4).toString();
  return Array.from({ length: count }, (_, i) => ({
    _id: i as never,
    tags: ['one', 'two'],
    text: text.slice(i * length, (i + 1) * length),
  }));
}

function told(found: Document[]): unknown {
  return { count: found.length, ...digest(JSON.stringify(found)) };
}

/** Runs with a client, and a peer that has `count` documents. */
async function connected(
  compressor: string,
  count: number,
  run: (collection: ReturnType<ReturnType<MongoClient['db']>['collection']>, peer: MongoPeer) => Promise<unknown>,
  length = 300,
): Promise<unknown> {
  const peer = new MongoPeer();
  const client = new MongoClient(await peer.listen(), {
    compressors: [compressor] as NonNullable<MongoClientOptions['compressors']>,
    // The driver greets the peer by OP_MSG, and not by the opcode of old servers.
    serverApi: '1',
    retryReads: false,
    retryWrites: false,
    maxPoolSize: 8,
  });
  try {
    const collection = client.db('spec').collection('documents');
    const { insertedCount } =
      count === 0 ? { insertedCount: 0 } : await collection.insertMany(documents(count, length));
    const result = await run(collection, peer);
    return { insertedCount, result, received: { ...peer.received } };
  } finally {
    await client.close();
    await peer.close();
    for (const [name, sent] of Object.entries(peer.sent)) calls[name] = (calls[name] ?? 0) + sent;
  }
}

const damages: Record<string, Damage> = {
  'cut by a byte': (bytes) => bytes.subarray(0, -1),
  'cut in the middle': (bytes) => bytes.subarray(0, bytes.length >> 1),
  'cut in the header': (bytes) => bytes.subarray(0, 1),
  'corrupt at the start': (bytes) => Buffer.from(bytes.map((byte, i) => (i < 4 ? byte ^ 0xff : byte))),
  'corrupt at the end': (bytes) => Buffer.from(bytes.map((byte, i) => (i >= bytes.length - 4 ? byte ^ 0xff : byte))),
  'of no bytes': () => Buffer.alloc(0),
  'not compressed': () => Buffer.from('this is not compressed'),
};

for (const compressor of Object.keys(compressors)) {
  for (const [count, length] of [
    [1, 10],
    [10, 300],
    [1_000, 300],
    [20, 50_000],
  ] as const) {
    await scenario(`mongodb: ${compressor}, ${count} documents of ${length}`, () =>
      connected(compressor, count, async (collection) => told(await collection.find().toArray()), length),
    );
  }

  await scenario(`mongodb: ${compressor}, a cursor in batches of 7`, () =>
    connected(compressor, 200, async (collection) => {
      const found: Document[] = [];
      for await (const document of collection.find().batchSize(7)) found.push(document);
      return told(found);
    }),
  );

  await scenario(`mongodb: ${compressor}, 64 at a time`, () =>
    connected(compressor, 100, async (collection) => {
      const all = await Promise.all(Array.from({ length: 64 }, () => collection.find().batchSize(30).toArray()));
      return all.map(told);
    }),
  );

  await scenario(`mongodb: ${compressor}, an error of the server`, () =>
    connected(compressor, 1, (collection) => outcome(() => collection.drop())),
  );

  for (const [name, damage] of Object.entries(damages)) {
    await scenario(`mongodb: ${compressor}, a reply ${name}, and one after it`, () =>
      connected(compressor, 10, async (collection, peer) => {
        peer.damage = damage;
        const bad = await outcome(() => collection.find().toArray());
        return { bad, next: told(await collection.find().toArray()) };
      }),
    );
  }
}

await finish({ ...calls, ...compressed });

/** mysql2 with `compress: true`: PORT is that of a MariaDB that has the messages of messages.ts. */
import '../ecosystem/counted.ts';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import zlib from 'node:zlib';
import mysql, { type Connection, type ConnectionOptions } from 'mysql2/promise';
import { compressed } from '../ecosystem/counted.ts';
import { digest, finish, outcome, scenario } from '../ecosystem/scenario.ts';
import { database } from './messages.ts';

const calls: Record<string, number> = {};
// The server decides into how many packets it cuts what it sends. The driver looks its functions up for each.
for (const name of ['inflate', 'inflateSync'] as const) {
  const real = zlib[name] as (...args: unknown[]) => unknown;
  const counting = (...args: unknown[]) => {
    calls[name] = (calls[name] ?? 0) + 1;
    return real(...args);
  };
  Object.assign(zlib, { [name]: counting });
}

const settings: ConnectionOptions = { host: '127.0.0.1', port: Number(process.env.PORT), user: 'root', compress: true };

async function connected(run: (connection: Connection) => Promise<unknown>, port = settings.port): Promise<unknown> {
  const connection = await mysql.createConnection({ ...settings, database, port });
  connection.on('error', () => {});
  try {
    return await run(connection);
  } finally {
    connection.destroy();
  }
}

function bytesOf(rows: unknown): Buffer[] {
  return (rows as (Buffer | string | number)[][])
    .flat()
    .map((cell) => Buffer.from(Buffer.isBuffer(cell) ? cell : `${cell}`));
}

async function select(connection: Pick<Connection, 'query'>, sql: string): Promise<unknown> {
  const [rows] = await connection.query({ sql, rowsAsArray: true });
  return { rows: (rows as unknown[]).length, ...digest(Buffer.concat(bytesOf(rows))) };
}

const counts = [1, 10, 1_000];

await scenario('mysql2: the connection is compressed', () =>
  connected(async (connection) => (await connection.query("SHOW STATUS LIKE 'Compression'"))[0]),
);

for (const count of counts) {
  const sql = `SELECT * FROM messages ORDER BY id LIMIT ${count}`;
  await scenario(`mysql2: ${count} rows`, () => connected((connection) => select(connection, sql)));
  await scenario(`mysql2: ${count} rows, by a prepared statement`, () =>
    connected(async (connection) => {
      const [rows] = await connection.execute({ sql, rowsAsArray: true });
      return digest(Buffer.concat(bytesOf(rows)));
    }),
  );
}

for (const [id, column] of [
  [10_000, 'text'],
  [10_001, 'text'],
  [10_002, 'text'],
  [10_000, 'data'],
] as const) {
  await scenario(`mysql2: ${column} of ${id}`, () =>
    connected((connection) => select(connection, `SELECT ${column} FROM messages WHERE id = ${id}`)),
  );
}

// The driver compresses by deflateSync() what is up to 16 KB, and by deflate() what is longer.
for (const length of [100, 10_000, 100_000]) {
  await scenario(`mysql2: a query of ${length} bytes`, () =>
    connected((connection) => select(connection, `SELECT '${'text '.repeat(length / 5)}' AS echo`)),
  );
}

await scenario('mysql2: 50 queries one after another', () =>
  connected(async (connection) => {
    const results: unknown[] = [];
    for (let i = 0; i < 50; i += 1) {
      results.push(await select(connection, `SELECT * FROM messages ORDER BY id LIMIT ${i}, ${(i * 7) % 60}`));
    }
    return results;
  }),
);

await scenario('mysql2: a pool, 64 queries at a time', async () => {
  const pool = mysql.createPool({ ...settings, database, connectionLimit: 8 });
  try {
    return await Promise.all(
      Array.from({ length: 64 }, (_, i) => select(pool, `SELECT * FROM messages ORDER BY id LIMIT ${i * 13}, ${i}`)),
    );
  } finally {
    await pool.end();
  }
});

await scenario('mysql2: an error of the server', () =>
  connected((connection) => outcome(() => connection.query('SELECT * FROM nowhere.nothing'))),
);

/** Changes the bytes of a packet that are compressed. The second one is the length that they have otherwise. */
type Damage = (compressed: Buffer, length: number) => [compressed: Buffer, length: number];

const flip = (bytes: Buffer, at: number) =>
  Buffer.from(bytes.map((byte, i) => (i >= at && i < at + 4 ? byte ^ 0xff : byte)));
const damages: Record<string, Damage> = {
  'corrupt at the start': (bytes, length) => [flip(bytes, 0), length],
  // Other damage may make it longer than it says, too. Both faults are found, but not in the same order.
  'with a block of no known type': (bytes, length) => [Buffer.from(bytes).fill((bytes[2] as number) | 6, 2, 3), length],
  'corrupt at the end': (bytes, length) => [flip(bytes, bytes.length - 4), length],
  'cut by a byte': (bytes, length) => [bytes.subarray(0, -1), length],
  'cut in the middle': (bytes, length) => [bytes.subarray(0, bytes.length >> 1), length],
  'longer than it says': (bytes, length) => [bytes, length - 1],
};

/**
 * Connects to the server by a proxy. After its `damage` has been called, it damages the first packet that was more than
 * `longerThan` bytes before it was compressed.
 */
async function damaged(
  longerThan: number,
  run: (connection: Connection, damage: (how: Damage) => void) => Promise<unknown>,
) {
  let how: Damage | undefined;
  const proxy = createServer((client) => {
    const server = connect(settings.port as number, '127.0.0.1');
    let pending = Buffer.alloc(0);
    server.on('data', (data) => {
      pending = Buffer.concat([pending, data]);
      // Packets have a header of 7 bytes: length, number, length of what was compressed, which is 0 if nothing was.
      while (how !== undefined && pending.length >= 7 && pending.length >= 7 + pending.readUIntLE(0, 3)) {
        const end = 7 + pending.readUIntLE(0, 3);
        const packet = pending.subarray(0, end);
        pending = pending.subarray(end);
        const length = packet.readUIntLE(4, 3);
        if (length > longerThan) {
          const [bytes, said] = how(packet.subarray(7), length);
          how = undefined;
          const header = Buffer.from(packet.subarray(0, 7));
          header.writeUIntLE(bytes.length, 0, 3);
          header.writeUIntLE(said, 4, 3);
          client.write(Buffer.concat([header, bytes]));
        } else {
          client.write(packet);
        }
      }
      if (how !== undefined) return;
      client.write(pending);
      pending = Buffer.alloc(0);
    });
    client.on('data', (data) => server.write(data));
    for (const [one, other] of [
      [client, server],
      [server, client],
    ] as const) {
      one.on('error', () => {}).on('close', () => other.destroy());
    }
  }).listen(0, '127.0.0.1');
  await once(proxy, 'listening');
  try {
    const { port } = proxy.address() as AddressInfo;
    return await connected(
      (connection) =>
        run(connection, (damage) => {
          how = damage;
        }),
      port,
    );
  } finally {
    proxy.close();
    await once(proxy, 'close');
  }
}

for (const [name, damage] of Object.entries(damages)) {
  // The driver inflates by inflateSync() what was up to 16 KB, and by inflate() what was longer.
  for (const [id, longerThan] of [
    [10_000, 0],
    [10_002, 16_384],
  ] as const) {
    await scenario(`mysql2: a packet ${name}, of row ${id}`, () =>
      damaged(longerThan, async (connection, begin) => {
        const sql = `SELECT text FROM messages WHERE id = ${id}`;
        const good = await select(connection, sql);
        begin(damage);
        return { good, bad: await outcome(() => select(connection, sql)) };
      }),
    );
  }
}

await finish({ ...calls, ...compressed });

/** The table that mysql2 reads in its specs: rows of about 700 bytes, and a few that are longer. */
import mysql from 'mysql2/promise';
import { json } from '../../bench/payloads.ts';

export const database = 'spec';

/** Makes the table, on a server without it. */
export async function fill(port: number): Promise<void> {
  const connection = await mysql.createConnection({ host: '127.0.0.1', port, user: 'root' });
  await connection.query(`CREATE DATABASE ${database}`);
  await connection.query(`USE ${database}`);
  await connection.query('CREATE TABLE messages (id INT PRIMARY KEY, text MEDIUMTEXT, data LONGBLOB)');
  const text = json(1_000_000, 1);
  const rows = Array.from({ length: 1_000 }, (_, id) => [
    id,
    text.toString('utf8', id * 500, (id + 1) * 500),
    text.subarray(id * 200, (id + 1) * 200),
  ]);
  for (const [i, length] of [10_000, 100_000, 400_000].entries()) {
    rows.push([10_000 + i, text.toString('utf8', 0, length), text]);
  }
  await connection.query('INSERT INTO messages VALUES ?', [rows]);
  await connection.end();
}

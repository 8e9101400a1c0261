/** Files that nginx sends compressed, and those that a client gets from it. */
import { mkdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { json } from '../../bench/payloads.ts';
import { digest, outcome, scenario } from '../ecosystem/scenario.ts';
import { gzip } from '../ecosystem/stock.ts';

/** Bodies that nginx compresses as it sends them. It leaves shorter ones as they are: `gzip_min_length`. */
const lengths = [0, 10, 20, 300, 10_000, 1_000_000];
const COMPRESSED_FROM = 20;

const good = gzip(json(50_000, 5));
const damaged = (at: number) => Buffer.from(good.map((byte, i) => (i >= at && i < at + 4 ? byte ^ 0xff : byte)));
/** Files that are compressed already, as `gzip_static` sends them. */
const compressed: Record<string, Buffer> = {
  good,
  'cut-by-a-byte': good.subarray(0, -1),
  'cut-in-the-middle': good.subarray(0, good.length >> 1),
  'corrupt-at-the-start': damaged(0),
  'corrupt-in-the-middle': damaged(good.length >> 1),
  'corrupt-at-the-end': damaged(good.length - 8),
  'not-compressed': json(1_000, 6),
  'with-zeros-behind': Buffer.concat([good, Buffer.alloc(9)]),
  'with-junk-behind': Buffer.concat([good, Buffer.from('junk')]),
  'of-two-members': Buffer.concat([good, gzip('second')]),
};

/** Writes a configuration and files into a folder, and returns the command that runs nginx there, in the foreground. */
export async function nginx(folder: string, port: number): Promise<string[]> {
  await mkdir(join(folder, 'files'), { recursive: true });
  for (const length of lengths) await writeFile(join(folder, 'files', `${length}.json`), json(length, length));
  for (const [name, bytes] of Object.entries(compressed))
    await writeFile(join(folder, 'files', `${name}.json.gz`), bytes);
  const temporary = ['client_body', 'proxy', 'fastcgi', 'uwsgi', 'scgi'];
  const configuration = `
    daemon off;
    master_process off;
    pid ${join(folder, 'nginx.pid')};
    error_log stderr;
    events {}
    http {
      types { application/json json; }
      access_log off;
      ${temporary.map((name) => `${name}_temp_path ${join(folder, name)};`).join('\n      ')}
      gzip on;
      gzip_min_length ${COMPRESSED_FROM};
      gzip_types application/json;
      server {
        listen 127.0.0.1:${port};
        root ${join(folder, 'files')};
        location / { gzip_static on; }
      }
    }`;
  await writeFile(join(folder, 'nginx.conf'), configuration);
  return ['/usr/sbin/nginx', '-e', 'stderr', '-p', folder, '-c', join(folder, 'nginx.conf')];
}

/** Gets all of them by a client. Returns the number of the compressed ones. */
export async function getAll(
  client: string,
  get: (url: string) => Promise<{ status: number; body: Uint8Array }>,
): Promise<number> {
  let count = 0;
  const got = async (name: string, isCompressed: boolean) => {
    if (isCompressed) count += 1;
    const { status, body } = await get(`http://127.0.0.1:${process.env.PORT}/${name}.json`);
    return { status, ...digest(body) };
  };
  for (const length of lengths) {
    await scenario(`${client}, nginx: ${length} bytes`, () => got(`${length}`, length >= COMPRESSED_FROM));
  }
  for (const name of Object.keys(compressed)) await scenario(`${client}, nginx: ${name}`, () => got(name, true));
  await scenario(`${client}, nginx: 64 at a time`, () => {
    const names = [300, 10_000, ...Object.keys(compressed)].map(String);
    const all = Array.from({ length: 192 }, (_, i) => names[i % names.length] as string);
    const results: unknown[] = [];
    const lane = async (first: number) => {
      for (let i = first; i < all.length; i += 64) results[i] = await outcome(() => got(all[i] as string, true));
    };
    return Promise.all(Array.from({ length: 64 }, (_, first) => lane(first))).then(() => results);
  });
  return count;
}

/** What both of the pair share: a server of files in every encoding, and what request() and fetch() of undici make of them. */
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import zlib from 'node:zlib';
import { Agent, type Dispatcher, fetch, request } from 'undici';

/** More than a body of this example may have. */
export const MAX_BODY_LENGTH = 1_000_000;

// Node 20 has no zstd, nor have its types.
const { zstdCompressSync } = zlib as { zstdCompressSync?: (data: Buffer) => Buffer };
const encoders = new Map([
  ['gzip', zlib.gzipSync],
  ['deflate', zlib.deflateSync],
  ['br', zlib.brotliCompressSync],
  ...(zstdCompressSync === undefined ? [] : ([['zstd', zstdCompressSync]] as const)),
]);
const files = ['README.md', 'package-lock.json', 'LICENSE'];
const at = (name: string): URL => new URL(`../../${name}`, import.meta.url);

const server = createServer(async ({ url = '/', headers }, response) => {
  const name = url.slice(1);
  const encoding = String(headers['accept-encoding']);
  const encode = encoders.get(encoding) as (data: Buffer) => Buffer;
  const body = encode(name === 'bomb' ? Buffer.alloc(10 * MAX_BODY_LENGTH) : await readFile(at(name)));
  response.setHeader('content-encoding', encoding).end(headers.cookie === 'cut' ? body.subarray(0, -20) : body);
});

/** Gets all files at the same time, in each encoding, through `interceptor`, and tells what came. */
export async function get(interceptor: Dispatcher.DispatcherComposeInterceptor): Promise<void> {
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const origin = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const agent = new Agent();
  const dispatcher = agent.compose(interceptor);

  const byRequest = async (name: string, headers: Record<string, string>): Promise<Uint8Array> =>
    (await request(`${origin}/${name}`, { dispatcher, headers })).body.bytes();
  const byFetch = async (name: string, headers: Record<string, string>): Promise<Uint8Array> =>
    (await fetch(`${origin}/${name}`, { dispatcher, headers })).bytes();

  for (const [how, bytesOf] of Object.entries({ 'request()': byRequest, 'fetch()': byFetch })) {
    const failure = (...[name, headers]: Parameters<typeof bytesOf>): Promise<string> =>
      bytesOf(name, headers).then(
        () => 'no error',
        (error) => error.cause?.code ?? error.code,
      );
    for (const encoding of encoders.keys()) {
      const headers = { 'accept-encoding': encoding };
      const bodies = await Promise.all(files.map((name) => bytesOf(name, headers)));
      const same = await Promise.all(
        bodies.map(async (body, i) => (await readFile(at(files[i] as string))).equals(body)),
      );
      const cut = await failure('README.md', { ...headers, cookie: 'cut' });
      const bomb = await failure('bomb', headers);
      console.log(
        `${how} ${encoding}: ${same.filter(Boolean).length} of ${files.length} as on disk; cut short: ${cut}; bomb: ${bomb}`,
      );
    }
  }
  await agent.close();
  server.close();
}

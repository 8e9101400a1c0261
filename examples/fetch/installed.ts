/**
 * `npx tsx examples/fetch/installed.ts`: the reach of `install()`. Code that looks up a function of node:zlib when it needs one runs on
 * the pool from then on. Code that has taken the function before does not. undici's interceptor takes it while it is imported.
 * `--import zlease/register` comes before all of them.
 */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { gzipSync } from 'node:zlib';
import * as undici from 'undici';
import { defaultPool, install } from 'zlease';

// The server of the example compresses on engines of node:zlib.
const undo = install({ compress: false });

const server = createServer((_, response) => {
  response.setHeader('content-encoding', 'gzip').end(gzipSync('as it was'));
}).listen(0, '127.0.0.1');
await once(server, 'listening');
const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}`;
const agent = new undici.Agent();
const dispatcher = agent.compose(undici.interceptors.decompress());

const ways = {
  "Node's fetch()": async () => (await fetch(url)).text(),
  "undici's fetch()": async () => (await undici.fetch(url, { dispatcher: agent })).text(),
  'request() with interceptors.decompress()': async () => (await undici.request(url, { dispatcher })).body.text(),
};
for (const [name, text] of Object.entries(ways)) {
  const { created, reused } = defaultPool.stats;
  if ((await text()) !== 'as it was') throw new Error(`${name} got something else`);
  const leases = defaultPool.stats.created + defaultPool.stats.reused - created - reused;
  console.log(`${name}: ${leases} of 1 on the pool`);
}

undo();
await agent.close();
server.close();
// Of Node's own fetch: it keeps its connection open for a while.
server.closeIdleConnections();
await defaultPool.close();
console.log(`${defaultPool.stats.leased} leased`);

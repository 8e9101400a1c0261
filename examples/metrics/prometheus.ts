/**
 * `npx tsx examples/metrics/prometheus.ts`: serves http://127.0.0.1:9464/metrics for Prometheus, with a pool under load. PORT is another port,
 * SECONDS how long it runs; by default, until it is interrupted.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { register } from 'prom-client';
import { ZlibPool } from 'zlease';
import { collectPool } from 'zlease/prometheus';
import { load } from './load.ts';

const { PORT = '9464', SECONDS } = process.env;

await using pool = new ZlibPool({ maxLeased: 8, maxIdle: 4 });
const stop = collectPool(pool, { register, name: 'uploads' });

const server = createServer(async (request, response) => {
  if (request.url !== '/metrics') {
    response.writeHead(404).end();
    return;
  }
  response.setHeader('content-type', register.contentType);
  response.end(await register.metrics());
});
server.listen(Number(PORT), '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`);
});

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
if (SECONDS !== undefined) setTimeout(() => interrupted.abort(), Number(SECONDS) * 1_000);
await load(pool, interrupted.signal);

stop();
server.close();
server.closeAllConnections();
console.table(pool.stats);

/**
 * `npx tsx examples/metrics/prometheus.ts`: serves http://127.0.0.1:9464/metrics for Prometheus, with a pool under load, until it is
 * interrupted. `--help` prints the usage.
 */
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { Option } from '@commander-js/extra-typings';
import { register } from 'prom-client';
import { ZlibPool } from 'zlease';
import { collectPool } from 'zlease/prometheus';
import { command, positiveNumber, wholeNumber } from '../command.ts';
import { load } from './load.ts';

const { port, seconds } = command('npx tsx examples/metrics/prometheus.ts', 'Serves /metrics of a pool under load.')
  .addOption(
    new Option('--port <number>', 'the port on 127.0.0.1, 0 for any')
      .env('PORT')
      .default(9464)
      .argParser(wholeNumber(0, 65_535)),
  )
  .addOption(
    new Option('--seconds <number>', 'how long, in seconds (default: until Ctrl+C)')
      .env('SECONDS')
      .argParser(positiveNumber(1e6)),
  )
  .parse()
  .opts();

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
server.listen(port, '127.0.0.1', () => {
  console.log(`http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`);
  console.log('Ctrl+C stops the server');
});

const interrupted = new AbortController();
process.once('SIGINT', () => interrupted.abort());
if (seconds !== undefined) setTimeout(() => interrupted.abort(), seconds * 1_000);
await load(pool, interrupted.signal);

stop();
server.close();
server.closeAllConnections();
console.table(pool.stats);

/** A server with /metrics, as a service has one, and a scraper. */
import { once } from 'node:events';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import type { Registry } from 'prom-client';
import type { Format } from '../../lib/index.ts';
import { type Family, parse } from './exposition.ts';
import type { ZlibPool } from './library.ts';
import { closed } from './outcome.ts';
import { sample } from './samples.ts';
import { dice } from './seed.ts';

type Pool = InstanceType<typeof ZlibPool>;

export interface MetricsServer extends AsyncDisposable {
  /** One scrape, by http. */
  scrape(): Promise<Map<string, Family>>;
}

export async function metricsServer(register: Registry): Promise<MetricsServer> {
  const server = createServer(async (_, response) => {
    response.setHeader('content-type', register.contentType);
    response.end(await register.metrics());
  });
  server.listen(0, '127.0.0.1');
  await once(server, 'listening');
  const url = `http://127.0.0.1:${(server.address() as AddressInfo).port}/metrics`;
  return {
    async scrape() {
      const response = await fetch(url);
      expect(response.status).to.equal(200);
      expect(response.headers.get('content-type')).to.match(/^text\/plain; version=0\.0\.4/);
      return parse(await response.text());
    },
    async [Symbol.asyncDispose]() {
      server.close();
      server.closeAllConnections();
      await once(server, 'close');
    },
  };
}

const messages: ReadonlyArray<[format: Format, data: Buffer]> = [
  ['gzip', sample(1_000).data],
  ['gzip', sample(60_000).data],
  ['deflate', sample(300_000, 2, 'deflate').data],
  ['br', sample(5_000, 3, 'br').data],
];

type Way = (pool: Pool, format: Format, data: Buffer, below: (end: number) => number) => Promise<unknown>;

const good: Way = (pool, format, data) => pool.decompress(data, format);

/** Ways to go wrong. */
const ways: readonly Way[] = [
  (pool, format, data) => pool.decompress(data.subarray(0, 20), format).catch(() => {}),
  (pool) => pool.decompress(Buffer.from('in plain text'), 'gzip').catch(() => {}),
  (pool, format, data) => pool.decompress(data, format, { maxOutputLength: 99 }).catch(() => {}),
  (pool, format, data, below) =>
    pool.decompress(data, format, { signal: AbortSignal.timeout(below(3)) }).catch(() => {}),
  async (pool, format, data, below) => {
    const stream = pool.createDecompress(format).on('error', () => {});
    stream.write(data.subarray(0, data.length >> 1));
    await delay(below(3));
    stream.destroy(below(2) === 0 ? undefined : Object.assign(new Error('mine'), { code: `MINE_${below(1_000)}` }));
    await closed(stream);
  },
];

/**
 * Good messages and bad ones, streams that are destroyed half way, waiters that give up: many more at a time than the pool has
 * engines. So many `calls`, and on until `isOver`.
 */
export async function load(pool: Pool, seed: number, calls: number, isOver = () => true): Promise<void> {
  const { below, one, onceIn } = dice(seed);
  const call = async (): Promise<void> => {
    const [format, data] = one(messages);
    await (ways[below(10)] ?? good)(pool, format, data, below);
    if (onceIn(3)) await delay(1);
  };
  let left = calls;
  const caller = async (): Promise<void> => {
    while (left-- > 0 || !isOver()) await call();
  };
  await Promise.all(Array.from({ length: 20 }, caller));
}

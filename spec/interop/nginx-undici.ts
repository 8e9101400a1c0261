/** undici, request() with its decompress interceptor, and fetch(): PORT is that of an nginx. */
import { Agent, fetch, interceptors, request } from 'undici';
import { finish } from '../ecosystem/scenario.ts';
import { getAll } from './nginx.ts';

const agent = new Agent();
const dispatcher = agent.compose(interceptors.decompress());
const headers = { 'accept-encoding': 'gzip' };

const requested = await getAll('undici.request', async (url) => {
  const { statusCode, body } = await request(url, { dispatcher, headers });
  return { status: statusCode, body: new Uint8Array(await body.arrayBuffer()) };
});
const fetched = await getAll('undici.fetch', async (url) => {
  const response = await fetch(url, { dispatcher: agent, headers });
  return { status: response.status, body: new Uint8Array(await response.arrayBuffer()) };
});
await agent.destroy();
await finish({ createGunzip: requested + fetched });

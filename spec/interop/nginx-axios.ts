/** axios, whole bodies and streams: PORT is that of an nginx. */
import type { Readable } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import axios from 'axios';
import { finish } from '../ecosystem/scenario.ts';
import { getAll } from './nginx.ts';

const client = axios.create({ adapter: 'http', proxy: false, validateStatus: null });

const whole = await getAll('axios', async (url) => {
  const { status, data } = await client.get<Buffer>(url, { responseType: 'arraybuffer' });
  return { status, body: data };
});
const streamed = await getAll('axios stream', async (url) => {
  const { status, data } = await client.get<Readable>(url, { responseType: 'stream' });
  return { status, body: await buffer(data) };
});
await finish({ createUnzip: whole + streamed });

/** axios, on its http adapter. */
import { once } from 'node:events';
import type { Readable } from 'node:stream';
import { text } from 'node:stream/consumers';
import axios, { type AxiosResponse } from 'axios';
import { pathOf, serveBodies } from './bodies.ts';
import { encodingNames, getAll } from './clients.ts';
import { digest, failure, finish, outcome, scenario } from './scenario.ts';

const running = await serveBodies();
const { origin } = running;
const client = axios.create({ adapter: 'http', proxy: false, validateStatus: null });

await getAll(running, 'axios', async (url, method) => {
  const response = await client.request({ url, method, responseType: 'arraybuffer' });
  return { status: response.status, encoding: response.headers['content-encoding'] as string, body: response.data };
});

await getAll(running, 'axios stream', async (url, method) => {
  const response: AxiosResponse<Readable> = await client.request({ url, method, responseType: 'stream' });
  return {
    status: response.status,
    encoding: response.headers['content-encoding'] as string,
    body: await text(response.data),
  };
});

for (const encoding of encodingNames) {
  await scenario(`axios: ${encoding}, over maxContentLength`, async () =>
    client.get(origin + pathOf(encoding, '10 MB of zeros'), { maxContentLength: 1_000_000 }),
  );

  await scenario(`axios stream: ${encoding}, over maxContentLength`, async () => {
    const { data } = await client.get<Readable>(origin + pathOf(encoding, '10 MB of zeros'), {
      maxContentLength: 1_000_000,
      responseType: 'stream',
    });
    return digest(await text(data));
  });

  await scenario(`axios: ${encoding}, not decompressed`, async () => {
    const { data } = await client.get(origin + pathOf(encoding, 'small'), {
      decompress: false,
      responseType: 'arraybuffer',
    });
    return digest(data);
  });

  await scenario(`axios stream: ${encoding}, aborted half-way by its signal`, async () => {
    const controller = new AbortController();
    const { data } = await client.get<Readable>(origin + pathOf(encoding, 'stalled'), {
      responseType: 'stream',
      signal: controller.signal,
    });
    const ended = new Promise((resolve) => data.once('error', (error) => resolve(failure(error))));
    await once(data, 'data');
    controller.abort();
    return ended;
  });

  await scenario(`axios stream: ${encoding}, destroyed half-way`, async () => {
    const { data } = await client.get<Readable>(origin + pathOf(encoding, 'stalled'), { responseType: 'stream' });
    await once(data, 'data');
    data.destroy();
    return outcome(async () => (await once(data, 'close')).length);
  });

  await scenario(`axios: ${encoding}, timed out half-way`, async () =>
    client.get(origin + pathOf(encoding, 'stalled'), { timeout: 1_500 }),
  );
}

await scenario('axios: text and JSON', async () => {
  const { data } = await client.get(origin + pathOf('gzip', 'small'));
  const { data: json } = await client.get(origin + pathOf('gzip', 'small'), { responseType: 'json' });
  return [data, json];
});

await running.close();
await finish();

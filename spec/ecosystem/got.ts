/** got, its promise and its stream; it decompresses with decompress-response. */
import { once } from 'node:events';
import { text } from 'node:stream/consumers';
import got from 'got';
import { pathOf, serveBodies } from './bodies.ts';
import { type Get, getAll, withWrapper } from './clients.ts';
import { digest, failure, finish, scenario } from './scenario.ts';

const running = await serveBodies();
const { origin } = running;
const client = got.extend({ retry: { limit: 0 } });

/** An error before the end of a body cuts off the request as well, and it is chance which of the two got sees first. */
function blurred(get: Get): Get {
  return (url, method) =>
    get(url, method).catch((error) => {
      const parts = /1_MB|piece|apart|at_a_time|zeros/.test(url);
      throw parts && error.name === 'ReadError' ? new Error('a ReadError') : error;
    });
}

const promised: Get = async (url, method) => {
  const response = await client(url, { method, responseType: 'buffer' });
  return { status: response.statusCode, encoding: response.headers['content-encoding'], body: response.body };
};
await getAll(running, 'got', blurred(promised), { understood: withWrapper });

const streamed: Get = async (url, method) => {
  const stream = client.stream(url, { method });
  let status = 0;
  let encoding: string | undefined;
  stream.on('response', (response) => {
    status = response.statusCode;
    encoding = response.headers['content-encoding'];
  });
  return { body: await text(stream), status, encoding };
};
await getAll(running, 'got.stream', blurred(streamed), { understood: withWrapper });

// It tells deflate with a wrapper from deflate without by a bit that is not always right.
for (const encoding of withWrapper) {
  await scenario(`got: ${encoding}, not decompressed`, async () =>
    digest(await client(origin + pathOf(encoding, 'small'), { decompress: false }).buffer()),
  );

  await scenario(`got: ${encoding}, aborted half-way by its signal`, async () => {
    const controller = new AbortController();
    const promise = client(origin + pathOf(encoding, 'stalled'), { signal: controller.signal });
    promise.on('downloadProgress', ({ transferred }) => {
      if (transferred > 0) controller.abort();
    });
    return promise.then(() => 'done');
  });

  await scenario(`got.stream: ${encoding}, destroyed half-way`, async () => {
    const stream = client.stream(origin + pathOf(encoding, 'stalled'));
    const error = new Promise((resolve) => stream.once('error', (reason) => resolve(failure(reason))));
    await once(stream, 'data');
    stream.destroy(new Error('enough'));
    return error;
  });

  await scenario(`got: ${encoding}, timed out half-way`, async () =>
    client(origin + pathOf(encoding, 'stalled'), { timeout: { response: 1_500, request: 1_500 } }),
  );
}

await running.close();
await finish();

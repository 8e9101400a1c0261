/** Node's own fetch. */

import { setTimeout as delay } from 'node:timers/promises';
import { pathOf, serveBodies } from './bodies.ts';
import { encodingNames, getAll } from './clients.ts';
import { digest, failure, finish, outcome, scenario } from './scenario.ts';

const running = await serveBodies();
const { origin } = running;

/** The fetch of Node 20 and 22 never ends where an error comes after the first data, whatever its signal says. */
const hangs = Number.parseInt(process.versions.undici as string, 10) < 7;

await getAll(
  running,
  'fetch',
  async (url, method) => {
    const answer = async () => {
      const response = await fetch(url, { method });
      return {
        status: response.status,
        encoding: response.headers.get('content-encoding'),
        body: new Uint8Array(await response.arrayBuffer()),
      };
    };
    return /corrupt|junk|not_encoded/.test(url) ? Promise.race([answer(), never()]) : answer();
  },
  { concurrent: hangs ? /^small|^1 MB|byte at a time|^truncated/ : undefined },
);

async function never(): Promise<never> {
  await delay(hangs ? 2_000 : 30_000, undefined, { ref: false });
  throw new Error('no end');
}

for (const encoding of encodingNames) {
  await scenario(`fetch: ${encoding}, aborted half-way by its signal`, async () => {
    const controller = new AbortController();
    const response = await fetch(origin + pathOf(encoding, 'stalled'), { signal: controller.signal });
    const reader = response.body?.getReader();
    const { done } = (await reader?.read()) ?? {};
    controller.abort();
    return { done, after: await outcome(async () => reader?.read()), body: response.bodyUsed };
  });

  await scenario(`fetch: ${encoding}, body cancelled half-way`, async () => {
    const response = await fetch(origin + pathOf(encoding, 'stalled'));
    const reader = response.body?.getReader();
    await reader?.read();
    await reader?.cancel(new Error('enough'));
    return (await reader?.closed) ?? 'closed';
  });

  await scenario(`fetch: ${encoding}, left after the first chunk`, async () => {
    const response = await fetch(origin + pathOf(encoding, '1 MB'));
    for await (const chunk of response.body as unknown as AsyncIterable<Uint8Array>) return chunk.length > 0;
    return 'no chunk';
  });

  await scenario(`fetch: ${encoding}, cloned`, async () => {
    const response = await fetch(origin + pathOf(encoding, '1 MB'));
    const copy = response.clone();
    return (await Promise.all([response.text(), copy.text()])).map(digest);
  });
}

await scenario('fetch: text(), json() and blob()', async () => {
  const [text, json, blob] = await Promise.all(
    ['small', 'small', '1 MB'].map((kind) => fetch(origin + pathOf('gzip', kind))),
  );
  return [
    digest((await text?.text()) ?? ''),
    await json?.json().catch(failure),
    digest(new Uint8Array((await (await blob?.blob())?.arrayBuffer()) as ArrayBuffer)),
  ];
});

await running.close();
await finish();

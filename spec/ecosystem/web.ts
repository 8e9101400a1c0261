/** DecompressionStream, which Node makes from the streams of node:zlib, behind a response that is not decoded by fetch. */
import { bodies, pathOf, serveBodies } from './bodies.ts';
import { digest, finish, outcome, scenario } from './scenario.ts';

const running = await serveBodies();

/** Encodings, and what the stream calls them; Brotli since Node 24.7, which the types don't know. */
const formats = [
  ['gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['raw deflate', 'deflate-raw'],
  ['br', 'brotli'],
].filter(([, format]) => {
  try {
    return new DecompressionStream(format as 'gzip') !== undefined;
  } catch {
    return false;
  }
}) as [string, 'gzip'][];

async function opaque(encoding: string, kind: string): Promise<ReadableStream<Uint8Array>> {
  const response = await fetch(running.origin + pathOf(encoding, `opaque:${kind}`));
  return response.body as ReadableStream<Uint8Array>;
}

for (const [encoding, format] of formats) {
  const decompressed = async (kind: string) =>
    (await opaque(encoding, kind)).pipeThrough(new DecompressionStream(format));

  for (const kind of Object.keys(bodies[encoding] ?? {})) {
    await scenario(`DecompressionStream: ${format}, ${kind}`, async () =>
      digest(new Uint8Array(await new Response(await decompressed(kind)).arrayBuffer())),
    );
  }

  await scenario(`DecompressionStream: ${format}, connection cut half-way`, async () =>
    digest(new Uint8Array(await new Response(await decompressed('cut')).arrayBuffer())),
  );

  await scenario(`DecompressionStream: ${format}, cancelled half-way`, async () => {
    const reader = (await decompressed('stalled')).getReader();
    const { done } = await reader.read();
    await reader.cancel(new Error('enough'));
    return { done, after: await outcome(async () => reader.read()) };
  });

  await scenario(`DecompressionStream: ${format}, aborted by the signal of pipeTo`, async () => {
    const controller = new AbortController();
    let chunks = 0;
    const sink = new WritableStream({
      write() {
        chunks += 1;
        controller.abort(new Error('enough'));
      },
    });
    const end = await outcome(async () => (await decompressed('stalled')).pipeTo(sink, { signal: controller.signal }));
    return { end, chunks };
  });

  await scenario(`DecompressionStream: ${format}, a slow reader`, async () => {
    const chunks: Uint8Array[] = [];
    for await (const chunk of (await decompressed('1 MB')) as unknown as AsyncIterable<Uint8Array>) {
      chunks.push(chunk);
      await new Promise((resolve) => setTimeout(resolve, 2));
    }
    return digest(Buffer.concat(chunks));
  });

  await scenario(`DecompressionStream: ${format}, 64 at a time`, async () => {
    const kinds = ['small', '1 MB', 'corrupt 1 MB', 'truncated 1 MB'];
    return Promise.all(
      Array.from({ length: 64 }, (_, i) =>
        outcome(async () =>
          digest(new Uint8Array(await new Response(await decompressed(kinds[i % 4] as string)).arrayBuffer())),
        ),
      ),
    );
  });
}

await scenario('DecompressionStream: chunks that are transferred away are lost to nobody', async () => {
  const chunks: Uint8Array[] = [];
  const stream = (await opaque('gzip', '1 MB')).pipeThrough(new DecompressionStream('gzip'));
  for await (const chunk of stream as unknown as AsyncIterable<Uint8Array>) {
    chunks.push(Uint8Array.from(chunk));
    if (chunk.byteLength === chunk.buffer.byteLength)
      structuredClone(chunk.buffer, { transfer: [chunk.buffer as ArrayBuffer] });
    else chunk.fill(0);
  }
  return digest(Buffer.concat(chunks));
});

await scenario('DecompressionStream: an unknown format', () => new DecompressionStream('zip' as 'gzip'));

await running.close();
await finish();

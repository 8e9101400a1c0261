/** Gets compressed answers of a server, decoded on an engine of node:zlib's own. */
import { once } from 'node:events';
import { get, type IncomingMessage, type OutgoingHttpHeaders } from 'node:http';
import type { Duplex } from 'node:stream';
import { buffer } from 'node:stream/consumers';
import { pipeline } from 'node:stream/promises';
import { digest } from './scenario.ts';
import { decoder } from './stock.ts';

export async function open(url: string, headers: OutgoingHttpHeaders): Promise<IncomingMessage> {
  const [response] = (await once(get(url, { agent: false, headers }), 'response')) as [IncomingMessage];
  return response;
}

/** Returns what came in: the content coding, and the bytes before and after it was decoded. */
export async function answer(url: string, accepted: string): Promise<unknown> {
  const response = await open(url, { 'accept-encoding': accepted });
  const { 'content-encoding': encoding, vary } = response.headers;
  const encoded = await buffer(response);
  const stream = decoder(encoding);
  const [body] = await Promise.all([
    buffer(stream),
    pipeline(
      (async function* () {
        yield encoded;
      })(),
      stream,
    ),
  ]);
  return { status: response.statusCode, encoding, vary, encoded: digest(encoded), body: digest(body) };
}

/** Reads the lines of an answer. `onLine` is called for each as soon as its end is there. */
export async function eachLine(url: string, accepted: string, onLine: (index: number) => void): Promise<unknown> {
  const response = await open(url, { 'accept-encoding': accepted });
  const { 'content-encoding': encoding } = response.headers;
  const stream = decoder(encoding) as Duplex;
  response.on('error', (error) => stream.destroy(error)).pipe(stream);
  const lines: string[] = [];
  let rest = '';
  try {
    for await (const chunk of stream) {
      const all = (rest + chunk).split('\n');
      rest = all.pop() as string;
      for (const line of all) {
        lines.push(line);
        onLine(lines.length - 1);
      }
    }
  } finally {
    response.destroy();
  }
  return { encoding, lines, rest };
}

/** nock: compressed requests and replies, played back and recorded. */
import './counted.ts';
import http, { type IncomingMessage } from 'node:http';
import { buffer, text } from 'node:stream/consumers';
import nock from 'nock';
import { json } from '../../bench/payloads.ts';
import { listen } from './bodies.ts';
import { compressed } from './counted.ts';
import { digest, finish, outcome, scenario } from './scenario.ts';
import * as stock from './stock.ts';

const ORIGIN = 'http://nock.example';
const encodings: Record<string, (data: string | Uint8Array) => Buffer> = {
  gzip: stock.gzip,
  deflate: stock.deflate,
};
/** Functions by which nock decompresses a request, and Node a response that nock plays to `fetch`. */
const functions: Record<string, { request: string; fetch: string }> = {
  gzip: { request: 'gunzipSync', fetch: 'createGunzip' },
  deflate: { request: 'inflateSync', fetch: 'createInflate' },
};

const calls: Record<string, number> = {};
function call(name: string | undefined, count = 1): void {
  if (name !== undefined) calls[name] = (calls[name] ?? 0) + count;
}

const document = (length: number) => JSON.stringify({ text: json(length, length).toString() });

/** nock decompresses a request in an immediate of its own: an error there is of the process. */
let uncaught: (error: Error) => void = () => {};
process.on('uncaughtException', (error) => uncaught(error));

/** Sends a request to the origin that nock answers for. */
function post(encoding: string, body: Buffer): Promise<IncomingMessage> {
  return new Promise((resolve, reject) => {
    const headers = { 'content-type': 'application/json', 'content-encoding': encoding };
    const request = http.request(`${ORIGIN}/echo`, { method: 'POST', headers });
    uncaught = (error) => {
      reject(error);
      request.destroy();
    };
    request.on('response', resolve).on('error', reject).end(body);
  });
}

nock.disableNetConnect();

for (const [encoding, encode] of Object.entries(encodings)) {
  const good = encode(document(3_000));
  const damaged = (at: number) => Buffer.from(good.map((byte, i) => (i >= at && i < at + 8 ? byte ^ 0xff : byte)));
  const bodies: Record<string, Buffer> = {
    short: encode(document(10)),
    long: good,
    'of 300 KB': encode(document(300_000)),
    'cut by a byte': good.subarray(0, -1),
    'cut in the middle': good.subarray(0, good.length >> 1),
    'corrupt at the start': damaged(0),
    'corrupt in the middle': damaged(good.length >> 1),
    'corrupt at the end': damaged(good.length - 8),
    'with zeros behind': Buffer.concat([good, Buffer.alloc(9)]),
    'with junk behind': Buffer.concat([good, Buffer.from('junk')]),
  };

  // The function that replies is given the JSON of the request: nock decompresses it by a function that is synchronous.
  for (const [kind, body] of Object.entries(bodies)) {
    await scenario(`nock: a request, ${encoding}, ${kind}`, async () => {
      let seen: unknown;
      nock(ORIGIN)
        .post('/echo')
        .reply(200, (_, request) => {
          seen = request;
          return 'seen';
        });
      call(functions[encoding]?.request);
      const answer = await outcome(async () => text(await post(encoding, body)));
      nock.cleanAll();
      return { answer, seen: digest(JSON.stringify(seen ?? null)) };
    });
  }

  // The fixture of a compressed reply has its bytes in hex, by the content-encoding.
  for (const length of [0, 300, 50_000]) {
    const fixture = encode(document(length));
    const play = () =>
      nock(ORIGIN).get('/').reply(200, fixture.toString('hex'), { 'content-encoding': encoding, 'x-fixture': 'yes' });

    await scenario(`nock: a reply of ${length}, ${encoding}, to http.get`, async () => {
      play();
      const response = await new Promise<IncomingMessage>((resolve, reject) => {
        http.get(`${ORIGIN}/`, resolve).on('error', reject);
      });
      return digest(await buffer(response));
    });

    await scenario(`nock: a reply of ${length}, ${encoding}, to fetch`, async () => {
      play();
      call(functions[encoding]?.fetch);
      return digest(await (await fetch(`${ORIGIN}/`)).text());
    });
  }
}

// Recorded from a server, and played back.
nock.enableNetConnect('127.0.0.1');
const server = await listen((request, response) => {
  const encoding = (request.url as string).slice(1);
  response.setHeader('content-encoding', encoding).setHeader('date', 'Thu, 01 Jan 1970 00:00:00 GMT');
  response.end(encodings[encoding]?.(document(5_000)));
});
for (const encoding of Object.keys(encodings)) {
  for (const client of ['http.get', 'fetch']) {
    await scenario(`nock: recorded, ${encoding}, by ${client}, and played back`, async () => {
      const url = `${server.origin}/${encoding}`;
      const load = async (): Promise<Uint8Array> => {
        if (client === 'fetch') {
          call(functions[encoding]?.fetch);
          return Buffer.from(await (await fetch(url)).arrayBuffer());
        }
        const response = await new Promise<IncomingMessage>((resolve, reject) => {
          http.get(url, { agent: false }, resolve).on('error', reject);
        });
        return buffer(response);
      };
      nock.recorder.rec({ output_objects: true, dont_print: true });
      const first = digest(await load());
      const recorded = nock.recorder.play() as nock.Definition[];
      nock.recorder.clear();
      nock.restore();
      nock.activate();
      nock.define(recorded);
      const again = digest(await load());
      nock.cleanAll();
      return { first, again, recorded: recorded.map(({ status, response }) => [status, response]) };
    });
  }
}

nock.restore();
await server.close();
await finish({ ...calls, ...compressed });

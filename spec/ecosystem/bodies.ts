/** Bodies that are good and bad in every way, in every encoding, and a server that sends them. */
import { once } from 'node:events';
import { createServer, type RequestListener, type Server, type ServerResponse } from 'node:http';
import type { AddressInfo } from 'node:net';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import zlib from 'node:zlib';
import { json } from '../../bench/payloads.ts';
import * as stock from './stock.ts';

/** What a 'content-encoding' means, and how to make it. Servers send deflate with and without the zlib wrapper. */
export const encodings: Record<string, { header: string; encode: (data: Uint8Array) => Buffer }> = {
  gzip: { header: 'gzip', encode: stock.gzip },
  deflate: { header: 'deflate', encode: stock.deflate },
  'raw deflate': { header: 'deflate', encode: stock.deflateRaw },
  br: {
    header: 'br',
    encode: (data) => stock.brotli(data, { params: { [zlib.constants.BROTLI_PARAM_QUALITY]: 5 } }),
  },
  ...(stock.zstd === undefined ? {} : { zstd: { header: 'zstd', encode: stock.zstd } }),
};

export const small: Buffer = json(300, 1);
export const large: Buffer = json(1_000_000, 2);
export const zeros: Buffer = Buffer.alloc(10_000_000);

/** A body as pieces that are sent each in a turn of its own. */
export type Body = Buffer[];

/** One body of each kind, as `encode` makes it. Bytes of `large` are damaged where all of these formats hold data. */
export function bodiesOf(encode: (data: Uint8Array) => Buffer): Record<string, Body> {
  const encoded = encode(small);
  const half = encode(large).subarray(0, encode(large).length >> 1);
  return {
    small: [encoded],
    '1 MB': [encode(large)],
    '1 MB in pieces': pieces(encode(large), 5_000),
    'a byte at a time': pieces(encoded, 1),
    'no byte at all': [],
    'encoded nothing': [encode(Buffer.alloc(0))],
    'truncated by a byte': [encoded.subarray(0, -1)],
    'truncated in the data': [encoded.subarray(0, encoded.length >> 1)],
    'truncated 1 MB': [half],
    'truncated in the first bytes': [encoded.subarray(0, 2)],
    'corrupt from the start': [damaged(encoded, 0, 8)],
    'corrupt 1 MB': [damaged(encode(large), half.length, 100)],
    'corrupt at the end': [damaged(encoded, encoded.length - 6, 6)],
    'corrupt in the second piece': pieces(damaged(encode(large), half.length, 100), half.length - 1_000),
    'not encoded': [small],
    'two members': [Buffer.concat([encoded, encode(Buffer.from('second'))])],
    'two members, sent apart': [encoded, encode(Buffer.from('second'))],
    'a thousand members': [Buffer.concat(Array.from({ length: 1_000 }, (_, i) => encode(Buffer.from(`${i}\n`))))],
    'second member truncated': [Buffer.concat([encoded, encoded.subarray(0, -3)])],
    'junk after it': [Buffer.concat([encoded, Buffer.from('junk')])],
    'junk after it, sent apart': [encoded, Buffer.from('junk')],
    'zeros after it': [Buffer.concat([encoded, Buffer.alloc(100)])],
    '10 MB of zeros': [encode(zeros)],
  };
}

function damaged(bytes: Buffer, from: number, length: number): Buffer {
  return Buffer.from(bytes.map((byte, i) => (i >= from && i < from + length ? byte ^ 0xff : byte)));
}

export function pieces(bytes: Buffer, length: number): Body {
  return Array.from({ length: Math.ceil(bytes.length / length) }, (_, i) =>
    bytes.subarray(i * length, (i + 1) * length),
  );
}

/** Encoding, then kind, to the body. */
export const bodies: Record<string, Record<string, Body>> = Object.fromEntries(
  Object.entries(encodings).map(([name, { encode }]) => [name, bodiesOf(encode)]),
);

export interface Running {
  origin: string;
  server: Server;
  /** Ends all of its connections, too. */
  close: () => Promise<void>;
}

/** A server on the loopback. */
export async function listen(listener: RequestListener): Promise<Running> {
  const server = createServer(listener).listen(0, '127.0.0.1');
  await once(server, 'listening');
  return {
    origin: `http://127.0.0.1:${(server.address() as AddressInfo).port}`,
    server,
    close: async () => {
      server.close();
      server.closeAllConnections();
      if (server.listening) await once(server, 'close');
    },
  };
}

/** `/gzip/small` and so on for all bodies, spaces as `_`. */
export function pathOf(encoding: string, kind: string): string {
  return `/${encoding}/${kind}`.replaceAll(' ', '_');
}

/**
 * Sends the bodies. Also, in each encoding: `/gzip/none` is a 204, `/gzip/cut` ends its connection half-way,
 * `/gzip/stalled` waits half-way until the client goes, and `/gzip/opaque:small` sends no content-encoding.
 */
export function serveBodies(): Promise<Running> {
  return listen((request, response) => {
    const [, encoding = '', kind = ''] = decodeURI(request.url as string)
      .replaceAll('_', ' ')
      .split('/');
    const [opaque, body = opaque] = kind.split(':') as [string, string?];
    if (opaque !== 'opaque') response.setHeader('content-encoding', encodings[encoding]?.header as string);
    void respond(response, encoding, body);
  });
}

async function respond(response: ServerResponse, encoding: string, kind: string): Promise<void> {
  const body = bodies[encoding]?.[kind];
  if (body !== undefined) {
    for (const piece of body.slice(0, -1)) {
      response.write(piece);
      await nextTurn();
    }
    response.end(body.at(-1));
  } else if (kind === 'none') {
    response.writeHead(204).end();
  } else {
    const whole = bodies[encoding]?.['1 MB']?.[0] as Buffer;
    response.setHeader('content-length', whole.length);
    response.write(whole.subarray(0, whole.length >> 1));
    if (kind === 'stalled') return;
    await delay(50);
    response.destroy();
  }
}

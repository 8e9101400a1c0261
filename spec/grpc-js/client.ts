/**
 * A grpc-js client, unchanged but for what was preloaded: `client.ts <library>`. It makes the calls that it is asked for.
 */
import { setTimeout as delay } from 'node:timers/promises';
import { credentials, Metadata } from '@grpc/grpc-js';
import { digest, type Encoding, message } from './messages.ts';
import { run } from './program.ts';
import { type Bytes, BytesClient, type Call, callWith, type Kind, kinds } from './service.ts';

const algorithms = { identity: 0, deflate: 1, gzip: 2 };

function connect(port: number, encoding: keyof typeof algorithms, options: object = {}): Bytes {
  return new BytesClient(`127.0.0.1:${port}`, credentials.createInsecure(), {
    'grpc.default_compression_algorithm': algorithms[encoding],
    'grpc.max_receive_message_length': -1,
    'grpc.use_local_subchannel_pool': 1,
    ...options,
  }) as unknown as Bytes;
}

export interface Calls {
  port: number;
  kind: Kind;
  encoding: Encoding;
  /** Of a message. */
  length: number;
  /** Of a call, where it may have more than one. */
  messages: number;
  calls: number;
  /** So many are in flight before the first is answered. */
  together: number;
  /** Which of the two are compressed. */
  compressed: 'requests' | 'replies' | 'both';
}

/** What a raw server sends `count` messages for, one seed after another. */
function ask(length: number, seed: number, count = 1): Buffer {
  const bytes = Buffer.alloc(12);
  bytes.writeUInt32BE(length, 0);
  bytes.writeUInt32BE(seed, 4);
  bytes.writeUInt32BE(count, 8);
  return bytes;
}

/** Of requests a server of these specs answers the digests, of a stream as one reply where there is but one. */
function expectedOf(kind: Kind, requested: boolean, digests: string[]): string[] {
  if (kind === 'clientStream') return requested ? [digests.join('\n')] : digests.slice(-1);
  return kind === 'bidi' || (kind === 'serverStream' && !requested) ? digests : digests.slice(0, 1);
}

/** What was not as it should be. */
async function calls({ port, kind, encoding, compressed, ...plan }: Calls): Promise<string[]> {
  const requested = compressed === 'requests';
  const client = connect(port, compressed === 'replies' ? 'identity' : encoding);
  const metadata = new Metadata();
  metadata.set('together', `${plan.together}`);
  metadata.set('reply-encoding', encoding);
  const problems: string[] = [];

  const one = async (index: number) => {
    const seeds = Array.from({ length: plan.messages }, (_, i) => index * 8 + i);
    const messages = seeds.map((seed) => message(plan.length, seed));
    const digests = messages.map(digest);
    const requests = requested ? messages : seeds.map((seed) => ask(plan.length, seed));
    if (!requested && kind === 'serverStream') requests.splice(0, Infinity, ask(plan.length, index * 8, plan.messages));
    const { code, details, replies } = await callWith(client, kind, requests, metadata);
    const seen = requested ? replies.map(String) : replies.map(digest);
    const expected = expectedOf(kind, requested, digests);
    if (code !== 0 || seen.join() !== expected.join()) {
      problems.push(`call ${index}: ${code} ${details}, ${seen.join()} in place of ${expected.join()}`);
    }
  };

  for (let first = 0; first < plan.calls; first += plan.together) {
    await Promise.all(Array.from({ length: plan.together }, (_, i) => one(first + i)));
  }
  client.close();
  return problems.slice(0, 5);
}

export interface Trial {
  port: number;
  kind: Kind;
  /** For the metadata: they tell a hostile server what to do. */
  headers: Record<string, string>;
  limit: number;
}

/** An answer that has not come by the time that so many other calls were answered, one after another, does not come. */
const OTHERS = 150;
/** Most answers come within it, without other calls. */
const SOON_MS = 500;

function metadataOf(headers: Record<string, string>): Metadata {
  const metadata = new Metadata();
  for (const [name, value] of Object.entries(headers)) metadata.set(name, value);
  return metadata;
}

/** What a call comes to, on a connection of its own; null where it comes to nothing although others do. */
async function play({ port, kind, headers, limit }: Trial): Promise<object | null> {
  const clients = [0, 1].map(() => connect(port, 'identity', { 'grpc.max_receive_message_length': limit }));
  const [client, another] = clients as [Bytes, Bytes];
  const requests = [Buffer.from('request')];
  try {
    let made: Call | undefined;
    const outcome = callWith(client, kind, requests, metadataOf(headers), {}, (call) => {
      made = call;
    });
    let seen = await Promise.race([outcome, delay(SOON_MS)]);
    for (let i = 0; i < OTHERS && seen === undefined; i++) {
      const { code } = await callWith(another, 'unary', requests, metadataOf({ attack: 'a good message' }));
      if (code !== 0) throw new Error(`A good call ended with ${code}`);
      seen = await Promise.race([outcome, delay(0)]);
    }
    made?.cancel();
    return seen === undefined ? null : { ...seen, replies: seen.replies.map(digest) };
  } finally {
    for (const each of clients) each.close();
  }
}

export interface Cuts {
  port: number;
  headers: Record<string, string>;
  count: number;
  /** In place of cancelling it, each call has its deadline then. */
  deadlines?: boolean;
}

/** Calls that end before they are answered, after 0 to 39 ms; how many of them with which status. */
async function cutShort({ port, headers, count, deadlines = false }: Cuts): Promise<Record<string, number>> {
  const clients = Array.from({ length: 4 }, () => connect(port, 'identity'));
  await Promise.all(
    clients.map((client) =>
      callWith(client, 'unary', [Buffer.from('request')], metadataOf({ attack: 'a good message' })),
    ),
  );
  const codes: Record<string, number> = {};
  await Promise.all(
    Array.from({ length: count }, async (_, i) => {
      const client = clients[i % clients.length] as Bytes;
      const kind = kinds[(i >> 2) % kinds.length] as Kind;
      const options = deadlines ? { deadline: Date.now() + 1 + (i % 40) } : {};
      const { code } = await callWith(client, kind, [Buffer.from('request')], metadataOf(headers), options, (call) => {
        if (!deadlines) setTimeout(() => call.cancel(), i % 40);
      });
      codes[code] = (codes[code] ?? 0) + 1;
    }),
  );
  for (const client of clients) client.close();
  return codes;
}

await run({ calls, play, cutShort }, () => undefined);

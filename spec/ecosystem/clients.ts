/** The scenarios that every HTTP client goes through. */
import { bodies, pathOf, type Running } from './bodies.ts';
import { digest, outcome, scenario } from './scenario.ts';

export interface Answer {
  status: number;
  /** The content-encoding that is left when the client is done, if any. */
  encoding: string | null | undefined;
  body: Uint8Array | string;
}

export type Get = (url: string, method: 'GET' | 'HEAD') => Promise<Answer>;

function seen({ status, encoding, body }: Answer): unknown {
  return { status, encoding: encoding ?? null, ...digest(body) };
}

export interface GetAllOptions {
  /** The bodies to get 64 at a time. */
  concurrent?: RegExp;
  /** The encodings that the client understands: of others it is chance which error comes first when a connection is cut. */
  understood?: string[];
}

/** The encodings of this Node. */
export const encodingNames: string[] = Object.keys(bodies);

/** Those of clients that take deflate for the zlib wrapper, as it says. */
export const withWrapper: string[] = encodingNames.filter((name) => name !== 'raw deflate');

/** Gets all bodies in all encodings, one after another and 64 at a time. */
export async function getAll(
  { origin }: Running,
  client: string,
  get: Get,
  { concurrent = /^small|^1 MB|byte at a time|^truncated|^corrupt/, understood = encodingNames }: GetAllOptions = {},
): Promise<void> {
  for (const [encoding, kinds] of Object.entries(bodies)) {
    const named = (kind: string) => `${client}: ${encoding}, ${kind}`;
    for (const kind of Object.keys(kinds)) {
      await scenario(named(kind), async () => seen(await get(origin + pathOf(encoding, kind), 'GET')));
    }
    await scenario(named('HEAD'), async () => seen(await get(origin + pathOf(encoding, 'small'), 'HEAD')));
    await scenario(named('204'), async () => seen(await get(origin + pathOf(encoding, 'none'), 'GET')));
    if (!understood.includes(encoding)) continue;
    await scenario(named('connection cut half-way'), async () =>
      seen(await get(origin + pathOf(encoding, 'cut'), 'GET')),
    );
  }

  await scenario(`${client}: 64 at a time`, async () => {
    const all = Object.entries(bodies).flatMap(([encoding, kinds]) =>
      Object.keys(kinds)
        .filter((kind) => concurrent.test(kind))
        .map((kind) => pathOf(encoding, kind)),
    );
    const paths = Array.from({ length: 192 }, (_, i) => all[(i * 7) % all.length] as string);
    const results: unknown[] = [];
    const lane = async (first: number) => {
      for (let i = first; i < paths.length; i += 64) {
        results[i] = await outcome(async () => seen(await get(origin + paths[i], 'GET')));
      }
    };
    await Promise.all(Array.from({ length: 64 }, (_, first) => lane(first)));
    return results.map((result, i) => [paths[i], result]);
  });
}

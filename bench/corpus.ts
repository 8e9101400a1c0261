/** What is decompressed: bytes as they come in practice, the same in every run on the same lockfile and Node. */
import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { gzipSync } from 'node:zlib';
import type { Message } from './contest.ts';
import { json, random } from './payloads.ts';

function installed(...paths: string[]): Buffer {
  return Buffer.concat(
    paths.map((path) => readFileSync(fileURLToPath(new URL(`../node_modules/${path}`, import.meta.url)))),
  );
}

/** `length` bytes of `source`, from a place that `seed` decides on; from its start again where it ends. */
function cut(source: Buffer, length: number, seed: number): Buffer {
  const from = Math.floor(random(seed)() * source.length);
  const parts: Buffer[] = [source.subarray(from, from + length)];
  for (let missing = length - (parts[0] as Buffer).length; missing > 0; missing -= source.length) {
    parts.push(source.subarray(0, missing));
  }
  return Buffer.concat(parts);
}

/** Read when it is asked for. */
function once(read: () => Buffer): () => Buffer {
  let bytes: Buffer | undefined;
  return () => {
    bytes ??= read();
    return bytes;
  };
}

const text = once(() => installed('axios/README.md', 'axios/CHANGELOG.md'));
const code = once(() => installed('echarts/dist/echarts.esm.js'));
const binary = once(() => readFileSync(process.execPath));

export const kinds = {
  json,
  text: (length: number, seed: number) => cut(text(), length, seed),
  code: (length: number, seed: number) => cut(code(), length, seed),
  binary: (length: number, seed: number) => cut(binary(), length, seed),
  incompressible: (length: number, seed: number) => {
    const next = random(seed);
    return Buffer.from(Uint32Array.from({ length: Math.ceil(length / 4) }, () => next() * 2 ** 32).buffer, 0, length);
  },
  repetitive: (length: number, seed: number) => Buffer.alloc(length, `${seed} is all it says. `),
} satisfies Record<string, (length: number, seed: number) => Buffer>;

export type Kind = keyof typeof kinds;

/** Messages of one length, each unlike the others: as many as do not take too much memory. */
export function messagesOf(
  length: number,
  {
    kind = 'json',
    seed = 1,
    compress = gzipSync,
  }: { kind?: Kind; seed?: number; compress?: (plain: Buffer) => Buffer } = {},
): Message[] {
  const count = Math.max(1, Math.min(16, Math.floor(2 ** 25 / length)));
  return Array.from({ length: count }, (_, i) => {
    const plain = kinds[kind](length, seed + i);
    return { plain, data: compress(plain) };
  });
}

/**
 * The messages of these specs and how they go over the wire: seeded bytes, so that both ends know them; digests, to
 * compare them by; gRPC's frames, to be sent without grpc-js.
 */
import { createHash } from 'node:crypto';
import { deflateSync, gzipSync } from 'node:zlib';
import { json, random } from '../../bench/payloads.ts';

export type Encoding = 'gzip' | 'deflate';

export const compress: Record<Encoding, (message: Uint8Array) => Buffer> = { gzip: gzipSync, deflate: deflateSync };

const STRETCH = 64 * 1024;
const NOISE = 8 * 1024;

const next = random(1);
const noise = Buffer.from(Uint8Array.from({ length: 64 * NOISE }, () => next() * 256));
const texts = Array.from({ length: 16 }, (_, i) => json(8 * 1024, i));

/** Its own for each seed. Long ones are part text, part noise, and quick to make and to compress. */
export function message(length: number, seed: number): Buffer {
  const bytes = Buffer.alloc(length, texts[seed % texts.length]);
  for (let at = 0; at < length - NOISE; at += STRETCH)
    noise.copy(bytes, at, ((seed + at / STRETCH) % 63) * 1021, NOISE);
  if (length >= 4) bytes.writeUInt32BE(seed);
  return bytes;
}

/** Short, and what a server answers with. */
export function digest(bytes: Uint8Array): string {
  return `${bytes.length} ${createHash('sha1').update(bytes).digest('hex').slice(0, 16)}`;
}

/** A message as gRPC frames it. `length` may lie. */
export function frame(content: Uint8Array, flag = 1, length = content.length): Buffer {
  const head = Buffer.alloc(5);
  head.writeUInt8(flag, 0);
  head.writeUInt32BE(length, 1);
  return Buffer.concat([head, content]);
}

/** The contents of all whole frames. */
export function unframe(bytes: Buffer): Buffer[] {
  const contents: Buffer[] = [];
  for (let at = 0; at + 5 <= bytes.length; ) {
    const end = at + 5 + bytes.readUInt32BE(at + 1);
    if (end <= bytes.length) contents.push(bytes.subarray(at + 5, end));
    at = end;
  }
  return contents;
}

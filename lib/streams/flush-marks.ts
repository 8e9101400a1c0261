/**
 * Empty chunks that carry a flush through a stream's queue of writes, one for each kind of flush.
 * The module also has zlib's order of flushes. A stream flushes its last chunk by the stronger of
 * two.
 */
import { constants } from '../engine/builtin-zlib.ts';
import { type Codec, stockStream } from '../engine/codec.ts';

const { Z_NO_FLUSH, Z_PARTIAL_FLUSH, Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_FINISH, Z_BLOCK } = constants;
const byStrength = [Z_NO_FLUSH, Z_BLOCK, Z_PARTIAL_FLUSH, Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_FINISH];

const kFlush = Symbol('zlease.flush');
type Marked = Buffer & { [kFlush]?: number };

const marks = new Map<unknown, Marked>(
  byStrength.map((flush) => [flush, Object.assign(Buffer.alloc(0), { [kFlush]: flush })]),
);

/**
 * Returns the chunk to write for a flush.
 * @param ended - whether the stream has been ended. Node 20 ignores `kind` then
 * @throws the error of node:zlib for a kind of flush that the format does not have. node:zlib
 * replaces some such kinds by the default
 */
export function flushMark(codec: Codec, kind: unknown, ended: boolean): Buffer {
  const { fullFlush, lastFlush } = codec;
  const mark = marks.get(kind);
  if (mark !== undefined && (kind as number) <= lastFlush) return mark;
  const stock = stockStream(codec);
  if (ended) stock.end();
  // Closed before it flushes: Node 20 and 22 take kinds of other formats, and an encoder of Brotli
  // never ends then.
  stock.close();
  stock.flush(kind as number, () => {});
  return marks.get(fullFlush) as Buffer;
}

/** Returns the flush that a chunk carries, if it is a mark. */
export function markedFlush(chunk: Marked): number | undefined {
  return chunk.byteLength === 0 ? chunk[kFlush] : undefined;
}

export function strongerFlush(a: number, b: number): number {
  return byStrength.indexOf(a) > byStrength.indexOf(b) ? a : b;
}

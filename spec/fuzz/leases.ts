/** Plays the writes of a script on a lease, and on node:zlib's `_processChunk()`. */
import { stockStream } from '../../lib/engine/codec.ts';
import type { Lease, ZlibPool } from '../../lib/index.ts';
import { failureOf } from './play.ts';
import { codecOf, dictionaries, inputOf, type Script } from './script.ts';

interface OldStream {
  _handle: { close(): void; reset(): void } | null;
  readonly errored: Error | null;
  _processChunk(chunk: Buffer, flush: number): Buffer;
  on(name: 'error', listener: () => void): void;
}

type Answer = Buffer | ReturnType<typeof failureOf>;

/** Options that concern an engine. */
const OF_ENGINES = new Set(['level', 'memLevel', 'strategy', 'windowBits', 'params', 'pledgedSrcSize']);

/** Most writes of a lease. All that is left goes in the last. */
const MOST_WRITES = 6;

/** Returns the first write whose answer differs from node:zlib's. */
export function leaseDifference(
  script: Script,
  pool: ZlibPool,
): { what: string; ours: unknown; theirs: unknown } | undefined {
  const options = optionsOf(script);
  let stock: OldStream;
  let lease: Lease | undefined;
  try {
    stock = stockStream(codecOf(script), options) as unknown as OldStream;
  } catch (reason) {
    const theirs = failureOf(reason);
    const ours = answer(() => {
      lease = pool.tryLease(script.format, { ...options, compress: true });
      return Buffer.alloc(0);
    });
    lease?.discard();
    return JSON.stringify(ours) === JSON.stringify(theirs) ? undefined : { what: 'tryLease()', ours, theirs };
  }
  stock.on('error', () => {});
  const handle = stock._handle as NonNullable<OldStream['_handle']>;
  const close = handle.close.bind(handle);
  // `_processChunk()` closes the handle, which has the window.
  handle.close = () => {};
  try {
    lease = pool.tryLease(script.format, { ...options, compress: true }) as Lease;
    for (const { chunk, flush, isReset } of writesOf(script)) {
      const theirs = answer(() => {
        if (isReset) handle.reset();
        // From Node 26.12 on a handle may refuse.
        if (stock.errored) throw stock.errored;
        const output = Buffer.from(stock._processChunk(chunk, flush));
        stock._handle = handle;
        return output;
      });
      const ours = answer(() => {
        if (isReset) (lease as Lease).reset();
        return (lease as Lease).writeSync(chunk, flush);
      });
      const isSame =
        Buffer.isBuffer(ours) && Buffer.isBuffer(theirs)
          ? ours.equals(theirs)
          : JSON.stringify(ours) === JSON.stringify(theirs);
      if (!isSame)
        return { what: `writeSync() of ${chunk.length} bytes, flush ${flush}, reset ${isReset}`, ours, theirs };
      if (!Buffer.isBuffer(theirs)) break;
    }
    return undefined;
  } finally {
    close();
    if (lease?.released === false) lease.release();
  }
}

function* writesOf(script: Script): Iterable<{ chunk: Buffer; flush: number; isReset: boolean }> {
  const { lastFlush, finishFlush } = codecOf(script);
  const input = inputOf(script);
  let offset = 0;
  for (let index = 0; index <= MOST_WRITES; index++) {
    const planned = script.plan.filter(({ moment }) => 'index' in moment && moment.index === index);
    const isReset = planned.some(({ action }) => action.do === 'reset');
    // The owner leaves in the middle of its data.
    if (planned.some(({ action }) => action.do === 'destroy')) return;
    const length = index < MOST_WRITES ? (script.chunks[index % script.chunks.length] as number) : input.length;
    const chunk = input.subarray(offset, offset + length);
    offset += chunk.length;
    const flushed = planned.find(({ action }) => action.do === 'flush')?.action as { kind?: number } | undefined;
    const isLast = offset >= input.length;
    const flush = isLast ? finishFlush : Math.min(flushed?.kind ?? 0, lastFlush);
    yield { chunk, flush, isReset };
    if (isLast) return;
  }
}

function optionsOf({ options, dictionary }: Script): Record<string, unknown> {
  const given = Object.entries(options ?? {}).filter(([name, value]) => value !== undefined && OF_ENGINES.has(name));
  if (dictionary !== 'none') given.push(['dictionary', dictionaries[dictionary]]);
  return Object.fromEntries(given);
}

function answer(act: () => Buffer): Answer {
  try {
    return act();
  } catch (reason) {
    return failureOf(reason);
  }
}

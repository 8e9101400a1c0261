/** The ways in which a soak uses a pool. Each job says what came out, or with which code it failed. */
import { pipeline } from 'node:stream/promises';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import type { DecompressStream, ZlibPool } from '../../lib/index.ts';
import { pieces } from '../support/samples.ts';
import type { Dice } from '../support/seed.ts';
import type { Input } from './corpus.ts';

export interface Result {
  bytes?: Buffer;
  code?: string | undefined;
  /** Somebody gave up: anything may have come out until then. */
  aborted?: boolean;
}

type Job = (pool: ZlibPool, input: Input, dice: Dice) => Promise<Result>;

async function write(stream: DecompressStream, input: Input, dice: Dice): Promise<void> {
  const length = dice.onceIn(2) ? input.data.length + 1 : 1 + dice.below(20_000);
  for (const piece of pieces(input.data, length)) {
    if (stream.destroyed) return;
    stream.write(piece, () => {});
    if (dice.onceIn(4)) await nextTurn();
  }
  stream.end();
}

/** Until 'close', which comes whatever happens. */
function outcomeOf(stream: DecompressStream, read: (chunk: Buffer) => void): Promise<Result> {
  const chunks: Buffer[] = [];
  const result: Result = {};
  stream.on('data', (chunk: Buffer) => {
    chunks.push(chunk);
    read(chunk);
  });
  stream.on('error', ({ code }: NodeJS.ErrnoException) => {
    result.code = code ?? 'none';
  });
  return new Promise((resolve) => {
    stream.on('close', () => {
      if (result.code === undefined) result.bytes = Buffer.concat(chunks);
      resolve(result);
    });
  });
}

/**
 * What pipeline() may say, with node:zlib too, of corrupt data that ends before its input does: it depends on whether the source
 * or the stream is done first.
 */
const EARLY_END = /^(ERR_STREAM_PREMATURE_CLOSE|ABORT_ERR)$/;

export const jobs: Record<string, Job> = {
  async stream(pool, input, dice) {
    const stream = pool.createDecompress(input.format);
    const result = outcomeOf(stream, () => {});
    void write(stream, input, dice);
    return result;
  },

  async 'slow stream'(pool, input, dice) {
    const stream = pool.createDecompress(input.format);
    const result = outcomeOf(stream, () => {
      if (!dice.onceIn(3)) return;
      stream.pause();
      setTimeout(() => stream.resume(), dice.below(3));
    });
    void write(stream, input, dice);
    return result;
  },

  async pipeline(pool, input, dice) {
    const chunks: Buffer[] = [];
    try {
      await pipeline(
        pieces(input.data, 1 + dice.below(30_000)),
        pool.createDecompress(input.format),
        async (source) => {
          for await (const chunk of source) chunks.push(chunk as Buffer);
        },
      );
    } catch (error) {
      const { code = 'none' } = error as NodeJS.ErrnoException;
      if (input.name !== 'corrupt' || !EARLY_END.test(code)) return { code };
    }
    return { bytes: Buffer.concat(chunks) };
  },

  async message(pool, input) {
    try {
      return { bytes: await pool.decompress(input.data, input.format) };
    } catch (error) {
      return { code: (error as NodeJS.ErrnoException).code };
    }
  },

  async 'message at once'(pool, input) {
    try {
      return { bytes: pool.decompressSync(input.data, input.format) };
    } catch (error) {
      return { code: (error as NodeJS.ErrnoException).code };
    }
  },

  async 'destroyed stream'(pool, input, dice) {
    const stream = pool.createDecompress(input.format);
    const result = outcomeOf(stream, () => {
      if (dice.onceIn(4)) stream.destroy();
    });
    void write(stream, input, dice);
    for (let i = dice.below(4); i > 0; i--) await nextTurn();
    if (dice.onceIn(2)) await delay(dice.below(10));
    stream.destroy(dice.onceIn(2) ? undefined : new Error('enough'));
    return { ...(await result), aborted: true };
  },

  async 'aborted message'(pool, input, dice) {
    const gone = new AbortController();
    const { signal } = gone;
    const result = pool.decompress(input.data, input.format, { signal }).catch(() => undefined);
    for (let i = dice.below(4); i > 0; i--) await nextTurn();
    gone.abort();
    await result;
    return { aborted: true };
  },

  async 'aborted lease'(pool, input, dice) {
    const gone = new AbortController();
    const waiting = pool.lease(input.format, { signal: gone.signal });
    if (dice.onceIn(2)) gone.abort();
    try {
      const lease = await waiting;
      await delay(dice.below(3));
      if (dice.onceIn(4)) lease.discard();
      else lease.release();
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'ABORT_ERR') throw error;
    }
    return { aborted: true };
  },
};

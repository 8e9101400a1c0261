/** What a stream did, in a form that two streams can be compared by. */
import { once } from 'node:events';
import type { Duplex } from 'node:stream';
import { setImmediate as nextTurn } from 'node:timers/promises';

export interface Outcome {
  /** Names of events in their order; runs of 'data' and of 'readable' count as one. */
  events: string[];
  bytes: Buffer;
  error: { code?: string | undefined; errno?: number | undefined; message: string } | undefined;
  bytesWritten: number;
}

const watched = ['data', 'readable', 'prefinish', 'finish', 'end', 'error', 'close'] as const;

/** How the output of a stream is taken. */
export type Reading = 'data' | 'readable' | 'slow' | 'iterate';

/** Drives `stream` by `write`, takes what it gives by `reading`, and tells what happened up to its 'close'. */
export async function outcome(
  stream: Duplex & { bytesWritten: number },
  write: (stream: Duplex) => void | Promise<void>,
  reading: Reading = 'data',
): Promise<Outcome> {
  const events: string[] = [];
  const chunks: Buffer[] = [];
  let error: Outcome['error'];
  const emit = stream.emit.bind(stream);
  stream.emit = (name: string, ...args: unknown[]) => {
    if ((watched as readonly string[]).includes(name) && !(events.at(-1) === name && /^(data|readable)$/.test(name))) {
      events.push(name);
    }
    return emit(name, ...args);
  };
  stream.on('error', ({ code, errno, message }: NodeJS.ErrnoException) => {
    error = { code, errno, message };
  });
  const over = closed(stream);
  if (reading === 'data') {
    stream.on('data', (chunk) => chunks.push(chunk));
  } else if (reading === 'readable') {
    stream.on('readable', () => {
      for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) chunks.push(chunk);
    });
  } else if (reading === 'slow') {
    stream.on('data', (chunk) => {
      chunks.push(chunk);
      stream.pause();
      setTimeout(() => stream.resume(), 1);
    });
  } else {
    void (async () => {
      for await (const chunk of stream) chunks.push(chunk);
    })().catch(() => undefined);
  }
  await write(stream);
  await over;
  return { events, bytes: Buffer.concat(chunks), error, bytesWritten: stream.bytesWritten };
}

/** All that a stream gives; rejects with its error. */
export async function bytesOf(stream: Duplex, data?: Buffer): Promise<Buffer> {
  const chunks: Buffer[] = [];
  stream.on('data', (chunk) => chunks.push(chunk));
  const ended = once(stream, 'end');
  if (data !== undefined) stream.end(data);
  await ended;
  return Buffer.concat(chunks);
}

/** Until what 'close' sets off is over. */
export async function closed(stream: Duplex): Promise<void> {
  if (!stream.closed) await new Promise((resolve) => stream.once('close', resolve));
  await nextTurn();
}

/** What a call throws, in a form that two can be compared by. */
export function thrownBy(act: () => unknown): { name: string; code: string | undefined; message: string } | undefined {
  try {
    act();
    return undefined;
  } catch (error) {
    const { name, code, message } = error as NodeJS.ErrnoException;
    return { name, code, message };
  }
}

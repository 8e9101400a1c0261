/** Plays a script on a stream and writes down all that can be seen from outside. */
import { access } from 'node:fs';
import { finished, type Transform, Writable } from 'node:stream';
import { setTimeout as delay, setImmediate as nextTurn } from 'node:timers/promises';
import type { ZlibOptions } from 'node:zlib';
import { type Action, dictionaries, inputOf, type Moment, type Script } from './script.ts';

type Stream = Transform & {
  bytesWritten: number;
  flush(kind?: number | (() => void), callback?: () => void): void;
  reset(): void;
  close(callback?: () => void): void;
  params?(level: number, strategy: number, callback: () => void): void;
};

export type Make = (options: (ZlibOptions & { signal?: AbortSignal }) | undefined) => Stream;

interface Failure {
  name: string;
  code: unknown;
  errno: unknown;
  message: string;
  /** Whether a one-shot function threw the error, and did not call back. */
  isThrown?: true;
}

export interface Transcript {
  /** Events, callbacks and what calls returned, in order. A run of 'data' counts as one. */
  seen: string[];
  bytes: Buffer;
  error: Failure | undefined;
  bytesWritten: number;
  state: Record<string, unknown>;
}

export const eventNames = ['data', 'drain', 'prefinish', 'finish', 'end', 'error', 'close'] as const;

/** What is left after so many goes in one. */
const MOST_CHUNKS = 24;

/** How often a stream may go to the threadpool between two signs: node:zlib does for every 16 KB. */
const MOST_STEPS = 32;

let hopping: Promise<void> | undefined;

/**
 * Goes through the queue of the threadpool once, for all streams that wait for it. The first hop of
 * a stream may have begun before.
 */
function hop(): Promise<void> {
  hopping ??= new Promise((resolve) => {
    access('.', () => {
      hopping = undefined;
      resolve();
    });
  });
  return hopping;
}

/** Milliseconds that a stream may take that says nothing any more. */
const SILENCE_MS = 150;

/** The same, where a write is in the threadpool: on a busy machine its thread may be held up while others go on. */
const STARVED_MS = 2_000;

export async function play(script: Script, make: Make): Promise<Transcript> {
  const seen: string[] = [];
  const chunks: Buffer[] = [];
  let outputLength = 0;
  let error: Failure | undefined;
  let lastSign = performance.now();
  let pendingCallbacks = 0;
  let becameStill = (): void => {};
  const note = (what: string): void => {
    lastSign = performance.now();
    if (what !== 'data' || seen.at(-1) !== 'data') seen.push(what);
  };
  const abort = new AbortController();
  const aborts = script.plan.some(({ action }) => action.do === 'abort');
  let stream: Stream;
  try {
    stream = make(optionsOf(script, aborts ? abort.signal : undefined));
  } catch (reason) {
    return { seen: ['threw'], bytes: Buffer.alloc(0), error: failureOf(reason), bytesWritten: 0, state: {} };
  }

  // Of node:zlib's own, which keeps its input here during a write; closed, a stream has lost it.
  const handle = Object.hasOwn(stream, '_handle') ? (stream as { _handle?: { buffer?: unknown } })._handle : undefined;

  const called = (what: string): ((reason?: Error | null) => void) => {
    pendingCallbacks += 1;
    return (reason) => {
      pendingCallbacks -= 1;
      if (pendingCallbacks === 0) becameStill();
      note(reason ? `${what} called back with ${(reason as NodeJS.ErrnoException).code ?? reason.message}` : what);
    };
  };
  const attempt = (what: string, act: () => void): void => {
    const before = pendingCallbacks;
    try {
      act();
    } catch (reason) {
      // A call that throws does not call back.
      pendingCallbacks = before;
      const { code, message } = failureOf(reason);
      note(`${what} threw ${code ?? message}`);
    }
  };
  const actions: Record<Action['do'], (action: Action) => void> = {
    flush: (action) => stream.flush('kind' in action ? action.kind : undefined, called('flush')),
    reset: () => stream.reset(),
    params: (action) => {
      const { level = 3, strategy = 1 } = action as Action & { do: 'params' };
      stream.params?.(level, strategy, called('params'));
    },
    destroy: () => stream.destroy(),
    'destroy with an error': () => stream.destroy(new Error('of the script')),
    close: () => stream.close(called('close()')),
    end: () => stream.end(called('end()')),
    abort: () => abort.abort(),
    write: () => stream.write(Buffer.from('more'), called('one more write')),
    read: () => {
      // Where somebody else takes the output, to read is to take it away from them.
      if (stream.readableLength === 0) note(`read ${stream.read()}`);
    },
  };
  const plan = new Set(script.plan);
  const reach = (is: (moment: Moment) => boolean): void => {
    for (const step of plan) {
      if (!is(step.moment)) continue;
      plan.delete(step);
      attempt(step.action.do, () => actions[step.action.do](step.action));
    }
  };

  for (const name of eventNames) {
    if (name === 'data') continue;
    stream.on(name, (reason?: unknown) => {
      note(name);
      if (name === 'error') error = failureOf(reason);
      if (name !== 'drain') reach(({ on }) => on === name);
    });
  }
  const take = (chunk: Buffer): void => {
    note('data');
    chunks.push(Buffer.from(chunk));
    outputLength += chunk.length;
    reach((moment) => moment.on === 'output' && outputLength >= moment.length);
  };
  const isHolding = readers[script.reader](stream, take) ?? (() => false);

  const input = inputOf(script);
  let index = 0;
  let offset = 0;
  const more = (): string | Buffer | Uint8Array => {
    const length = index < MOST_CHUNKS ? (script.chunks[index % script.chunks.length] as number) : input.length;
    const piece = input.subarray(offset, offset + length);
    offset += piece.length;
    // Memory of its own, as what comes from a socket.
    if (script.as === 'latin1') return piece.toString('latin1');
    return script.as === 'Uint8Array' ? new Uint8Array(piece) : Buffer.from(piece);
  };
  const write = (): Promise<unknown> => {
    const i = index;
    const chunk = more();
    const back = called(`write ${i}`);
    index += 1;
    const done = new Promise<unknown>((resolve) => {
      const callback = (reason?: Error | null): void => {
        back(reason);
        reach((moment) => moment.on === 'callback' && moment.index === i);
        resolve(reason);
      };
      const encoding = script.as === 'latin1' ? 'latin1' : undefined;
      attempt(`write ${i}`, () => {
        if (script.endWithChunk && offset >= input.length) stream.end(chunk, encoding as never, callback);
        else stream.write(chunk, encoding as never, callback);
      });
    });
    reach((moment) => moment.on === 'write' && moment.index === i);
    return done;
  };
  const gone = new Promise((resolve) => finished(stream, { writable: true, readable: false }, resolve));
  // Where 'close' is not emitted, nothing tells that a write will never call back.
  const isSilent = async (isOver = () => false): Promise<boolean> => {
    const sign = lastSign;
    // An encoder may work for long.
    const isAtWork = script.direction === 'compress' && pendingCallbacks > 0 && !stream.destroyed;
    const isWriting = error === undefined && (handle?.buffer != null || isAtWork);
    if (performance.now() - sign < (isWriting ? STARVED_MS : SILENCE_MS)) return false;
    // The threadpool is first come, first served: with each of these it has gone on by a step at least, if it has any left.
    for (let i = 0; i <= MOST_STEPS && sign === lastSign && !isOver(); i++) await hop();
    return sign === lastSign && !isOver();
  };
  const silence = async (isOver: () => boolean): Promise<void> => {
    while (!isOver() && !(await isSilent(isOver))) await delay(SILENCE_MS / 4);
  };
  const stillness = async (): Promise<void> => {
    while (pendingCallbacks > 0) {
      await new Promise<void>((resolve) => {
        becameStill = resolve;
      });
    }
  };
  while (offset < input.length && !stream.destroyed && !stream.writableEnded) {
    const done = write();
    if (script.pace === 'one by one' || script.pace === 'when still') {
      let isOver = false;
      // By then an action of the plan may wait for more.
      const still = script.pace === 'one by one' ? undefined : done.then(() => stillness());
      await Promise.race([still ?? done, gone, silence(() => isOver)]);
      isOver = true;
    } else if (script.pace === 'a turn each') await nextTurn();
  }
  if (!stream.writableEnded && !stream.destroyed) attempt('end', () => stream.end());

  while (isHolding() || !(await isSilent())) {
    if (isHolding()) lastSign = performance.now();
    else if ((stream.closed || script.options?.emitClose === false) && stream.destroyed && pendingCallbacks === 0)
      break;
    await delay(1);
  }
  for (let i = 0; i < 3; i++) await nextTurn();
  const { destroyed, closed, errored, readableEnded, writableEnded, writableFinished, readableAborted } = stream;
  // Not before its params() have come into effect, which ends the process.
  const sets = script.plan.some(({ action }) => action.do === 'params');
  if (!destroyed && (!sets || pendingCallbacks === 0)) stream.destroy();
  return {
    seen: [...seen],
    bytes: Buffer.concat(chunks),
    error,
    bytesWritten: stream.bytesWritten,
    state: {
      destroyed,
      closed,
      errored: errored === null ? null : errored.message,
      readableEnded,
      writableEnded,
      writableFinished,
      readableAborted,
      left: pendingCallbacks,
    },
  };
}

/** How output is taken. What is returned tells whether a reader still has some that it did not look at. */
const readers: Record<
  Script['reader'],
  (stream: Stream, take: (chunk: Buffer) => void) => undefined | (() => boolean)
> = {
  data: (stream, take) => void stream.on('data', take),
  readable: (stream, take) => {
    stream.on('readable', () => {
      for (let chunk = stream.read(); chunk !== null; chunk = stream.read()) take(chunk);
    });
  },
  iterate: (stream, take) => {
    void (async () => {
      for await (const chunk of stream) take(chunk);
    })().catch(() => {});
  },
  slow: (stream, take) => {
    stream.on('data', (chunk) => {
      take(chunk);
      stream.pause();
      setImmediate(() => stream.resume());
    });
  },
  late: (stream, take) => {
    setTimeout(() => stream.on('data', take), 3);
  },
  pipe: (stream, take) => {
    const destination = new Writable({
      highWaterMark: 5_000,
      write(chunk, _encoding, callback) {
        take(chunk);
        setImmediate(callback);
      },
    });
    stream.pipe(destination);
    return () => destination.writableLength > 0;
  },
};

function optionsOf(script: Script, signal: AbortSignal | undefined): ZlibOptions | undefined {
  const given = Object.entries(script.options ?? {}).filter(([, value]) => value !== undefined);
  if (script.dictionary !== 'none') given.push(['dictionary', dictionaries[script.dictionary]]);
  if (signal !== undefined) given.push(['signal', signal]);
  return given.length === 0 && script.options === undefined ? undefined : Object.fromEntries(given);
}

export function failureOf(reason: unknown): Failure {
  const { name, code, errno, message } = reason as NodeJS.ErrnoException;
  return { name, code, errno, message };
}

/** Converts the input of a script as a whole message, by node:zlib's one-shot functions and by zlease's. */
import zlib from 'node:zlib';
import type { ZlibPool } from '../../lib/index.ts';
import { codecOf, dictionaries, inputOf, type Script } from './script.ts';

type Once = (data: unknown, options: object, callback: (error: Error | null, output: Buffer) => void) => void;
type Sync = (data: unknown, options: object) => Buffer;
type Functions = Record<string, Once & Sync>;
type Whole = Record<string, (data: Buffer, format: string, options: object) => Buffer | Promise<Buffer>>;

/** The output, or the error that came instead. */
export interface Answer {
  output: Buffer | undefined;
  error: { name: string; code: unknown; errno: unknown; message: string } | undefined;
}

/** Pairs of answers that are to be equal, by the name of the function of zlease. */
export type Answers = Record<string, { ours: Answer; theirs: Answer }>;

/** Options that only streams have, or that change the kind of the answer. */
const NOT_OF_MESSAGES = new Set([
  'info',
  'emitClose',
  'autoDestroy',
  'allowHalfOpen',
  'highWaterMark',
  'readableHighWaterMark',
  'readableObjectMode',
  'objectMode',
  'encoding',
]);

export async function answersOf(script: Script, pool: ZlibPool): Promise<Answers> {
  const { once: name, sync: nameSync } = codecOf(script).names;
  const input = inputOf(script);
  const limit = script.maxOutputLength === undefined ? {} : { maxOutputLength: script.maxOutputLength };
  const options: Record<string, unknown> = { ...optionsOf(script), ...limit };
  const stock = zlib as unknown as Functions;
  const pooled = pool as unknown as Functions;
  // Of any type, in memory of its own.
  const bytes = new Uint8Array(input);
  const data = { Buffer: input, Uint8Array: bytes, latin1: new DataView(bytes.buffer) }[script.as];
  const of = (functions: Functions, given: object): Promise<Answer> =>
    answer(
      () =>
        new Promise((resolve, reject) => {
          functions[name]?.(data, given, (error, output) => (error ? reject(error) : resolve(output)));
        }),
    );
  const now = (functions: Functions, given: object): Promise<Answer> =>
    answer(() => functions[nameSync]?.(data, given) as Buffer);
  // A method for whole messages takes an encoder's own options, and no others.
  const { flush: _flush, finishFlush: _finishFlush, ...encoding } = options;
  const given = (script.direction === 'compress' ? encoding : limit) as object;
  const [once, plain, sync, plainSync] = await Promise.all([
    of(stock, options),
    of(stock, given),
    now(stock, forSync(options)),
    now(stock, given),
  ]);
  const whole = (method: string) => () =>
    (pool as unknown as Whole)[method]?.(input, script.format, given) as Buffer | Promise<Buffer>;
  return {
    [name]: { theirs: once, ours: await of(pooled, options) },
    [nameSync]: { theirs: sync, ours: await now(pooled, forSync(options)) },
    [script.direction]: { theirs: plain, ours: await answer(whole(script.direction)) },
    [`${script.direction}Sync`]: { theirs: plainSync, ours: await answer(whole(`${script.direction}Sync`)) },
  };
}

/** The synchronous functions of Node 22 ignore one of the options. */
export function forSync({ rejectGarbageAfterEnd, ...options }: Record<string, unknown>): object {
  return rejectGarbageAfterEnd === undefined || process.versions.node.startsWith('22.')
    ? options
    : { ...options, rejectGarbageAfterEnd };
}

function optionsOf({ options, dictionary }: Script): object {
  const given = Object.entries(options ?? {}).filter(
    ([name, value]) => value !== undefined && !NOT_OF_MESSAGES.has(name),
  );
  if (dictionary !== 'none') given.push(['dictionary', dictionaries[dictionary]]);
  return Object.fromEntries(given);
}

async function answer(convert: () => Buffer | Promise<Buffer>): Promise<Answer> {
  try {
    return { output: await convert(), error: undefined };
  } catch (reason) {
    const { name, code, errno, message } = reason as NodeJS.ErrnoException;
    return { output: undefined, error: { name, code, errno, message } };
  }
}

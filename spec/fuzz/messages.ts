/** Decompresses the input of a script as a whole message, by node:zlib's one-shot functions and by zlease's. */
import zlib from 'node:zlib';
import type { ZlibPool } from '../../lib/index.ts';
import { dictionaries, inputOf, names, type Script } from './script.ts';

type Once = (data: unknown, options: object, callback: (error: Error | null, output: Buffer) => void) => void;
type Sync = (data: unknown, options: object) => Buffer;
type Functions = Record<string, Once & Sync>;

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
  const name = names[script.format];
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
    answer(() => functions[`${name}Sync`]?.(data, given) as Buffer);
  const [once, plain, sync, plainSync] = await Promise.all([
    of(stock, options),
    of(stock, limit),
    now(stock, forSync(options)),
    now(stock, limit),
  ]);
  return {
    [name]: { theirs: once, ours: await of(pooled, options) },
    [`${name}Sync`]: { theirs: sync, ours: await now(pooled, forSync(options)) },
    decompress: { theirs: plain, ours: await answer(() => pool.decompress(input, script.format, limit)) },
    decompressSync: { theirs: plainSync, ours: await answer(() => pool.decompressSync(input, script.format, limit)) },
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

async function answer(decompress: () => Buffer | Promise<Buffer>): Promise<Answer> {
  try {
    return { output: await decompress(), error: undefined };
  } catch (reason) {
    const { name, code, errno, message } = reason as NodeJS.ErrnoException;
    return { output: undefined, error: { name, code, errno, message } };
  }
}

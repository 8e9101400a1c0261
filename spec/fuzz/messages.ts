/** Decompresses the input of a script as a whole message, by node:zlib's one-shot functions and by zlease's. */
import zlib, { type InputType, type ZlibOptions } from 'node:zlib';
import type { Format, ZlibPool } from '../../lib/index.ts';
import { inputOf, type Script } from './script.ts';

const names: Readonly<Record<Format, string>> = {
  gzip: 'gunzip',
  deflate: 'inflate',
  'deflate-raw': 'inflateRaw',
  unzip: 'unzip',
  br: 'brotliDecompress',
  zstd: 'zstdDecompress',
};

type Decompress = (
  data: InputType,
  options: ZlibOptions,
  callback: (error: Error | null, output: Buffer) => void,
) => void;
const stock = zlib as unknown as Record<string, Decompress & ((data: InputType, options: ZlibOptions) => Buffer)>;

/** The output, or the error that came instead. */
export interface Answer {
  output: Buffer | undefined;
  error: { name: string; code: unknown; errno: unknown; message: string } | undefined;
}

/** The answers of an asynchronous and of a synchronous function. */
export type Answers = Record<'async' | 'sync', Answer>;

export async function stockAnswers(script: Script): Promise<Answers> {
  const name = names[script.format];
  const [input, options] = [inputOf(script), limitOf(script)];
  return {
    async: await answer(
      () =>
        new Promise((resolve, reject) => {
          stock[name]?.(input, options, (error, output) => (error ? reject(error) : resolve(output)));
        }),
    ),
    sync: await answer(() => stock[`${name}Sync`]?.(input, options) as Buffer),
  };
}

export async function pooledAnswers(script: Script, pool: ZlibPool): Promise<Answers> {
  const [input, options] = [inputOf(script), limitOf(script)];
  return {
    async: await answer(() => pool.decompress(input, script.format, options)),
    sync: await answer(() => pool.decompressSync(input, script.format, options)),
  };
}

function limitOf({ maxOutputLength }: Script): { maxOutputLength?: number } {
  return maxOutputLength === undefined ? {} : { maxOutputLength };
}

async function answer(decompress: () => Buffer | Promise<Buffer>): Promise<Answer> {
  try {
    return { output: await decompress(), error: undefined };
  } catch (reason) {
    const { name, code, errno, message } = reason as NodeJS.ErrnoException;
    return { output: undefined, error: { name, code, errno, message } };
  }
}

/** Runs an example as its users do: in a process of its own, from the top of the repository. */
import { spawn } from 'node:child_process';
import { once } from 'node:events';
import { writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { fileURLToPath } from 'node:url';
import { CHILD_TIMEOUT_MS } from './script.ts';

export const top: string = fileURLToPath(new URL('../..', import.meta.url));

export interface Ended {
  /** Exit code, or the signal that ended it. */
  code: number | string;
  stdout: string;
  stderr: string;
}

export interface ExampleOptions {
  /** Of Node. */
  flags?: string[];
  args?: string[];
  /** Called with a function that sends the process a signal. */
  started?: (kill: (signal: NodeJS.Signals) => void) => void;
}

/** @param path of the example, from `examples/` on */
export async function example(path: string, { flags = [], args = [], started }: ExampleOptions = {}): Promise<Ended> {
  const child = spawn(process.execPath, ['--import=tsx', ...flags, join(top, 'examples', path), ...args], {
    cwd: top,
    env: { ...process.env, NODE_OPTIONS: '--disable-warning=ExperimentalWarning', ...(await librarySettings()) },
    stdio: ['ignore', 'pipe', 'pipe'],
    // An example that hangs is ended by force, and its `code` is SIGKILL.
    timeout: CHILD_TIMEOUT_MS,
    killSignal: 'SIGKILL',
  });
  started?.((signal) => child.kill(signal));
  const [stdout, stderr, [code, signal]] = await Promise.all([
    text(child.stdout),
    text(child.stderr),
    once(child, 'close'),
  ]);
  return { code: signal ?? code, stdout, stderr };
}

/** Where the specs run over a copy of the library, see library.ts, that is what the name zlease is to mean in examples, and in the code of the docs, too. */
export async function librarySettings(): Promise<NodeJS.ProcessEnv> {
  const { SPEC_LIB } = process.env;
  if (SPEC_LIB === undefined) return {};
  const config = join(SPEC_LIB, 'tsconfig.json');
  const paths = { zlease: [join(SPEC_LIB, 'index.ts')], 'zlease/*': [join(SPEC_LIB, '*.ts')] };
  await writeFile(config, JSON.stringify({ compilerOptions: { module: 'nodenext', target: 'es2022', paths } }));
  return { TSX_TSCONFIG_PATH: config };
}

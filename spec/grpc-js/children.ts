/** The library as it is now, built for these specs, and the programs of this folder as processes that end with the specs. */
import { type ChildProcessByStdio, execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import type { Readable, Writable } from 'node:stream';
import { text } from 'node:stream/consumers';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { promisify } from 'node:util';
import { loader } from '../support/script.ts';
import type { State } from './program.ts';

/** Of the whole life of a process. */
const CHILD_TIMEOUT_MS = 300_000;

const here = (path: string) => fileURLToPath(new URL(path, import.meta.url));

/** A build of its own: `dist` may be built anew meanwhile. */
export class Build {
  readonly #directory: string;
  readonly register: string;
  readonly library: string;

  private constructor(directory: string) {
    this.#directory = directory;
    this.register = pathToFileURL(join(directory, 'dist/register.js')).href;
    this.library = pathToFileURL(join(directory, 'dist/index.js')).href;
  }

  static async make(): Promise<Build> {
    const directory = await mkdtemp(join(tmpdir(), 'zlease-grpc-js-'));
    const flags = ['-p', here('../../tsconfig.build.json'), '--outDir', join(directory, 'dist')];
    await promisify(execFile)(process.execPath, [here('../../node_modules/typescript/bin/tsc'), ...flags]);
    await writeFile(join(directory, 'package.json'), '{ "type": "module" }');
    return new Build(directory);
  }

  remove(): Promise<void> {
    return rm(this.#directory, { recursive: true, force: true });
  }
}

const environment = Object.fromEntries(
  Object.entries(process.env).filter(([name]) => !/^ZLEASE|^GRPC_|^NODE_OPTIONS$|_proxy$/i.test(name)),
);

/** One of the programs, running. */
export class Child {
  static readonly #running = new Set<Child>();
  readonly #process: ChildProcessByStdio<Writable, Readable, Readable>;
  readonly #waiting = new Map<number, { resolve: (answer: never) => void; reject: (error: Error) => void }>();
  readonly #end: Promise<string>;
  readonly #name: string;
  #asked = 0;

  /** @param preload imported before the program */
  constructor(program: string, { library }: Build, preload?: string, args: string[] = []) {
    const imports = preload === undefined ? [] : [`--import=${preload}`];
    const flags = ['--expose-gc', '--disable-warning=ExperimentalWarning', ...imports, ...loader];
    this.#process = spawn(process.execPath, [...flags, here(program), ...args, library], {
      env: environment,
      stdio: 'pipe',
      timeout: CHILD_TIMEOUT_MS,
      killSignal: 'SIGKILL',
    });
    this.#name = program;
    this.#end = Promise.all([text(this.#process.stderr), once(this.#process, 'close')]).then(
      ([stderr, [code, signal]]) => `${code ?? signal} ${stderr}`,
    );
    this.#process.stdin.on('error', () => undefined);
    createInterface({ input: this.#process.stdout }).on('line', (line) => {
      const { id, answer, error } = JSON.parse(line);
      const waiting = this.#waiting.get(id);
      this.#waiting.delete(id);
      if (error === undefined) waiting?.resolve(answer as never);
      else waiting?.reject(new Error(`${this.#name}: ${error}`));
    });
    void this.#end.then((end) => {
      for (const { reject } of this.#waiting.values()) reject(new Error(`${this.#name} has ended: ${end}`));
    });
    Child.#running.add(this);
  }

  /** The answer of the program. */
  ask<T>(name: string, question: object = {}): Promise<T> {
    return new Promise<T>((resolve, reject) => {
      const id = this.#asked++;
      this.#waiting.set(id, { resolve, reject });
      this.#process.stdin.write(`${JSON.stringify({ id, name, ...question })}\n`);
    });
  }

  state(question: { collect?: boolean } = {}): Promise<State> {
    return this.ask<State>('state', question);
  }

  /** Exit code or signal, and what went to stderr, once it has ended by itself: '0 '. */
  end(): Promise<string> {
    this.#process.stdin.end();
    Child.#running.delete(this);
    return this.#end;
  }

  /** Whatever specs have left behind. */
  static async killAll(): Promise<void> {
    const left = [...Child.#running];
    Child.#running.clear();
    for (const child of left) child.#process.kill('SIGKILL');
    await Promise.all(left.map((child) => child.#end));
  }
}

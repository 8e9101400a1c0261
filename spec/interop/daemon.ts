/** A server from one of Debian's packages, run by a spec on a port of its own, apart from the services of the system. */
import { type ChildProcess, spawn } from 'node:child_process';
import { once } from 'node:events';
import { type AddressInfo, connect, createServer } from 'node:net';
import { setTimeout as delay } from 'node:timers/promises';

/** Ports are picked before the server takes them, so another process may be first. */
const ATTEMPTS = 5;

export class Daemon {
  readonly port: number;
  readonly #process: ChildProcess;
  readonly #end: Promise<string>;

  private constructor(port: number, child: ChildProcess, end: Promise<string>) {
    this.port = port;
    this.#process = child;
    this.#end = end;
  }

  /**
   * Starts a server, and resolves once it accepts connections.
   * @param command - returns the command for a port on the loopback
   * @throws an error with the output of the server if it does not start, or is not installed
   */
  static async start(command: (port: number) => string[] | Promise<string[]>): Promise<Daemon> {
    for (let attempt = 1; ; attempt += 1) {
      const port = await freePort();
      const [file, ...args] = (await command(port)) as [string, ...string[]];
      const child = spawn(file, args, { stdio: ['ignore', 'pipe', 'pipe'] });
      let output = '';
      for (const stream of [child.stdout, child.stderr]) stream.on('data', (data) => (output += data));
      let over = false;
      const end = new Promise<string>((resolve) => {
        child.on('close', (code, signal) => resolve(`${code ?? signal}`));
        child.on('error', ({ message }) => resolve(`${message}: spec/interop/install.sh installs it`));
      }).finally(() => {
        over = true;
      });
      while (!over && !(await accepts(port))) await delay(20);
      if (!over) return new Daemon(port, child, end);
      if (attempt === ATTEMPTS || !/address (is )?already in use/i.test(output)) {
        throw new Error(`${file} has not started: ${await end}\n${output}`);
      }
    }
  }

  /** Ends the process that `start` has started, and returns its exit code or signal. */
  async stop(): Promise<string> {
    this.#process.kill('SIGTERM');
    return this.#end;
  }
}

async function freePort(): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1');
  await once(server, 'listening');
  const { port } = server.address() as AddressInfo;
  server.close();
  await once(server, 'close');
  return port;
}

function accepts(port: number): Promise<boolean> {
  return new Promise((resolve) => {
    const socket = connect(port, '127.0.0.1');
    socket.on('connect', () => resolve(true)).on('error', () => resolve(false));
    socket.on('connect', () => socket.destroy());
  });
}

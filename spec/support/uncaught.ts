import { until } from './until.ts';

/**
 * Waits for the file system. Node 24 and 26 lose the exception of a tick that runs right after the callback of
 * `fs.readlink()`, `fs.mkdtemp()` or `fs.realpath.native()`. tsx calls one of them once it has transpiled a module.
 */
export async function fileSystemIdle(): Promise<void> {
  await until(() => !process.getActiveResourcesInfo().some((type) => type.startsWith('FSReq')));
}

/** What is thrown and caught by nobody while `act` runs, in place of mocha's own handler. */
export async function uncaughtDuring(act: (caught: unknown[]) => Promise<void>): Promise<string[]> {
  await fileSystemIdle();
  const caught: unknown[] = [];
  const listeners = process.listeners('uncaughtException');
  process.removeAllListeners('uncaughtException');
  process.on('uncaughtException', (error) => caught.push(error));
  try {
    await act(caught);
  } finally {
    process.removeAllListeners('uncaughtException');
    for (const listener of listeners) process.on('uncaughtException', listener);
  }
  return caught.map(String);
}

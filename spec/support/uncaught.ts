/** What is thrown and caught by nobody while `act` runs, in place of mocha's own handler. */
export async function uncaughtDuring(act: (caught: unknown[]) => Promise<void>): Promise<string[]> {
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

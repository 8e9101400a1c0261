/** A run: random commands on a random pool, beside its model. */
import { setTimeout } from 'node:timers/promises';
import fc from 'fast-check';
import { commands, poolTerms } from './commands.ts';
import { type PoolTerms, World } from './world.ts';

/**
 * Waits until tsx has written its cache. Meanwhile Node 24 and later may lose the second of two
 * exceptions that ticks throw. They do so without the library, too.
 */
export async function quiet(): Promise<void> {
  if (Number.parseInt(process.versions.node, 10) >= 24) await setTimeout(QUIET_MS);
}

/** So much of what happened last is shown. */
const LAST = 40;
const QUIET_MS = 2_000;

async function run(terms: PoolTerms, all: Parameters<typeof fc.asyncModelRun>[1], inOrder: boolean): Promise<void> {
  const world = new World(terms);
  try {
    await fc.asyncModelRun<World, object, false, World>(() => ({ model: world, real: world.pool }), all as never);
    await world.finish(inOrder);
  } catch (error) {
    (error as Error).message += `\n${world.watch.log.slice(-LAST).join('\n')}`;
    throw error;
  } finally {
    await world.leave();
  }
}

export const runs = fc.asyncProperty(poolTerms, commands, fc.boolean(), run);

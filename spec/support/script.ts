/** Flags for Node to run a script of this project, which is TypeScript. */

const { typescript } = process.features as { typescript?: string | false };

/** None from Node 22.18 on, which runs TypeScript by itself: tsx takes twice as long to start. */
export const loader: readonly string[] = typescript ? [] : ['--import=tsx/esm'];

/**
 * Ends what hangs, and nothing else: a process that takes seconds by itself takes minutes on a busy machine. Milliseconds, as those of
 * a test with such processes, which is to see how they end.
 */
export const CHILD_TIMEOUT_MS = 300_000;
export const TEST_TIMEOUT_MS = 320_000;

/** Flags for Node to run a script of this project, which is TypeScript. */

const { typescript } = process.features as { typescript?: string | false };

/** None from Node 22.18 on, which runs TypeScript by itself: tsx takes twice as long to start. */
export const loader: readonly string[] = typescript ? [] : ['--import=tsx/esm'];

/**
 * Ends what hangs, and nothing else: a process that takes seconds by itself takes minutes on a busy machine. Over a broken copy of the
 * library, see library.ts, a hang is what a spec may be there to see. Milliseconds.
 */
export const CHILD_TIMEOUT_MS = process.env.SPEC_LIB === undefined ? 300_000 : 60_000;
/** Of a test with such processes, which is to see how they end. */
export const TEST_TIMEOUT_MS: number = CHILD_TIMEOUT_MS + 20_000;

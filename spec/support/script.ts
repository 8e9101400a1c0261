/** Flags for Node to run a script of this project, which is TypeScript. */

const { typescript } = process.features as { typescript?: string | false };

/** None from Node 22.18 on, which runs TypeScript by itself: tsx takes twice as long to start. */
export const loader: readonly string[] = typescript ? [] : ['--import=tsx/esm'];

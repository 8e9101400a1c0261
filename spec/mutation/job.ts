/** Messages between the test runner of Stryker and the process that runs the specs of one mutant. */

/** A pattern of the full titles of its tests, for each spec file. */
export interface Titles {
  readonly [file: string]: string;
}

/** Work of the process. */
export interface Job {
  /** Patterns of the tests that may run, by file. */
  readonly titles: Titles;
  /** Spec files, in the order in which they run. Paths below `spec`, without their ending. */
  readonly files: readonly string[];
  /** Identities of the tests to run. Undefined: all. */
  readonly only: readonly string[] | undefined;
  /** Undefined in the run without a mutant. That run goes on after a failure. */
  readonly mutant: string | undefined;
  /** Most times that the code of the mutant may run. It ends endless loops. */
  readonly hitLimit: number | undefined;
}

export interface Test {
  /** Spec file and full title. */
  readonly id: string;
  readonly file: string;
  readonly name: string;
  /** Error of a test that has failed. */
  readonly failure?: string;
}

export type Message =
  | { readonly type: 'start'; readonly id: string }
  | { readonly type: 'end'; readonly test: Test }
  | { readonly type: 'over'; readonly coverage: unknown; readonly isOverLimit: boolean };

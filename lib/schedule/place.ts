/**
 * The one decision of where a step of work runs: a pure function of the step, of the limits of its pool, and of the work that
 * the thread has at this moment.
 */

/** Where a step runs: on the main thread now, on the main thread in a later turn, or in the threadpool. */
export type Place = 'main' | 'turn' | 'threadpool';

/** Limits of the main thread, in bytes. An `inputLength`, `outputLength` or `turnLength` of 0 sends all work to the threadpool. */
export interface InlineLimits {
  /** Input of one chunk or message. */
  readonly inputLength: number;
  /** Output made of one chunk or message. */
  readonly outputLength: number;
  /** Output of one turn, of all streams and messages together. */
  readonly turnLength: number;
}

/** The work of the thread at this moment. */
export interface Load {
  /** Bytes that were made on the main thread in this turn. */
  readonly inflatedLength: number;
  /** Whether nothing waits for a later turn, and nothing is in the threadpool. */
  readonly isIdle: boolean;
}

/** Input of up to this length waits for the next turn where this turn is used up: the threadpool costs more. Bytes. */
const WAITING_LENGTH = 2_048;

/**
 * Returns the place of a step of an engine that can run on the main thread.
 * @param inputLength - bytes of input that are left
 * @param expected - bytes of output that are expected of them. Less than 0: unknown
 * @param madeLength - bytes that the main thread has made of the same chunk or message already
 */
export function place(
  inputLength: number,
  expected: number,
  madeLength: number,
  limits: InlineLimits,
  load: Load,
): Place {
  const left = limits.outputLength - madeLength;
  if (inputLength > limits.inputLength || expected > left || (left <= 0 && expected < 0)) return 'threadpool';
  if (limits.inputLength === 0 || limits.turnLength === 0) return 'threadpool';
  if (load.inflatedLength < limits.turnLength) return 'main';
  // Data that compression did not make shorter was stored, and is only copied.
  const isStored = expected > 0 && expected <= inputLength;
  return inputLength <= WAITING_LENGTH || isStored || load.isIdle ? 'turn' : 'threadpool';
}

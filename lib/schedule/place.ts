/**
 * The one decision about the place of a step of work. It is a pure function of the step, of the limits
 * of its pool, and of the present work of the thread.
 */

/** Place of a step: the main thread now, the main thread in a later turn, or the threadpool. */
export type Place = 'main' | 'turn' | 'threadpool';

/** Limits of the main thread, in bytes. Any limit of 0 sends all work to the threadpool. */
export interface InlineLimits {
  /** Input of one chunk or message. */
  readonly inputLength: number;
  /** Output made of one chunk or message. */
  readonly outputLength: number;
  /** Output of one turn, of all streams and messages together. */
  readonly turnLength: number;
}

/** Present work of the thread. */
export interface Load {
  /** Output of the main thread in this turn, in bytes. */
  readonly inflatedLength: number;
  /** Whether nothing waits for a later turn, and nothing is in the threadpool. */
  readonly isIdle: boolean;
}

/**
 * Most input that waits for the next turn if this turn is used up, in bytes. The threadpool costs
 * more.
 */
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
  // Compression did not make such data shorter. It was stored, and is only copied.
  const isStored = expected > 0 && expected <= inputLength;
  return inputLength <= WAITING_LENGTH || isStored || load.isIdle ? 'turn' : 'threadpool';
}

/**
 * The one decision about the place of a step of work. It is a pure function of the step, of the
 * limits of its pool, and of the present work of the thread. It weighs time: the main thread does a
 * step itself if that takes no longer than to send it to the threadpool and take it back. A step
 * that is alone may take as long as a whole turn.
 */

/** Place of a step: the main thread now, the main thread in a later turn, or the threadpool. */
export type Place = 'main' | 'turn' | 'threadpool';

/** Limits of the main thread, in bytes. Any limit of 0 sends all work to the threadpool. */
export interface InlineLimits {
  /** Input of one chunk or message. */
  readonly inputLength: number;
  /** Output made of one chunk or message. */
  readonly outputLength: number;
  /** Work of one turn, of all streams and messages together. See `Step`. */
  readonly turnLength: number;
}

/** Present work of the thread. */
export interface Load {
  /** Work of the main thread in this turn. */
  readonly workLength: number;
  /** Whether no other work waits for the main thread, and none is in the threadpool. */
  readonly isIdle: boolean;
}

/**
 * Longest work that the main thread does while other work waits, as a part of `outputLength`, if
 * that is more than a round trip to the threadpool.
 */
const SHORT_PART = 3 / 16;

/**
 * Returns the place of a step of an engine that can run on the main thread.
 * @param inputLength - bytes of input that are left
 * @param expected - bytes of output that are expected of them. Less than 0: unknown
 * @param work - time of the step, as the number of bytes of decompressed output that take as long
 * @param tripWork - time of a round trip to the threadpool, in the same unit
 * @param madeLength - bytes that the main thread has made of the same chunk or message already
 */
export function place(
  inputLength: number,
  expected: number,
  work: number,
  tripWork: number,
  madeLength: number,
  limits: InlineLimits,
  load: Load,
): Place {
  const left = limits.outputLength - madeLength;
  if (inputLength > limits.inputLength || expected > left || (left <= 0 && expected < 0)) return 'threadpool';
  if (limits.inputLength === 0 || limits.turnLength === 0) return 'threadpool';
  const most = load.isIdle
    ? Math.max(limits.turnLength, limits.outputLength)
    : Math.max(tripWork, SHORT_PART * limits.outputLength);
  if (work > most) return 'threadpool';
  return load.workLength < limits.turnLength ? 'main' : 'turn';
}

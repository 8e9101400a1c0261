/**
 * Where a lease was asked for, for leak reports: the stack of whoever made the stream. A lease itself is made a tick after
 * the first byte, where the stack tells nothing.
 */

/** 'off': for no lease. 'sampled': for one in 128. 'all': for each. */
export type LeakDetection = 'off' | 'sampled' | 'all';

/** One in so many, where they are sampled. */
const SAMPLE = 128;

/**
 * The stack as it is now, if `detection` wants this one. As text: an Error that still has its frames holds on to every `this`
 * in them, the stream for one.
 * @param below the function whose callers are of interest
 */
export function originOf(detection: LeakDetection, below: (...args: never) => unknown): string | undefined {
  if (detection === 'off' || (detection === 'sampled' && Math.random() * SAMPLE >= 1)) return undefined;
  const trace: { stack?: string } = {};
  Error.captureStackTrace(trace, below);
  // Without its first line, which is for the name of an error.
  const stack = String(trace.stack);
  return stack.slice(stack.indexOf('\n') + 1);
}

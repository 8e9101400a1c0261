/**
 * Origin of a lease, for leak reports: the stack of the call that created the stream or message, or
 * requested the lease. A stream acquires its lease a tick after its first byte. The stack of that
 * tick names no caller.
 */

/** Leases whose origin is recorded. 'off': none. 'sampled': one in 128. 'all': each. */
export type LeakDetection = 'off' | 'sampled' | 'all';

/** Number of leases for one recorded origin, with 'sampled'. */
const SAMPLE = 128;

/**
 * Returns the current stack as text, or undefined if `detection` does not select this lease. An
 * Error with unformatted frames would keep every `this` of its frames alive, such as the stream.
 * @param below - function whose callers the stack begins with
 */
export function originOf(detection: LeakDetection, below: (...args: never) => unknown): string | undefined {
  if (detection === 'off' || (detection === 'sampled' && Math.random() * SAMPLE >= 1)) return undefined;
  const trace: { stack?: string } = {};
  try {
    Error.captureStackTrace(trace, below);
    // The first line is no frame.
    const stack = String(trace.stack);
    return stack.slice(stack.indexOf('\n') + 1);
  } catch {
    return '(Error.prepareStackTrace has thrown)';
  }
}

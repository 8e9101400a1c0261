/**
 * Until somebody asks for its stack, an error holds whatever was on it: the reason of a signal that is aborted in a listener of a stream
 * holds that stream, for as long as somebody has the signal. That is V8's way, and no lease that the library has lost.
 */
export function abort(controller: AbortController | undefined): void {
  const { stackTraceLimit } = Error;
  Error.stackTraceLimit = 0;
  try {
    controller?.abort();
  } finally {
    Error.stackTraceLimit = stackTraceLimit;
  }
}

/** The status of gRPC for an error. */
import { grpcStatus } from '../errors.ts';
import { shown } from '../validate.ts';

/** What gRPC tells the other side of an error: numbers of `status` in `@grpc/grpc-js`. */
export interface GrpcStatus {
  /** Of https://grpc.io/docs/guides/status-codes/, as a number. */
  code: number;
  /** The message of the error. */
  details: string;
}

/**
 * The status for an error of a pipeline: over a limit, or no engine to be had, RESOURCE_EXHAUSTED, bad data INTERNAL, an unknown encoding UNIMPLEMENTED,
 * aborted CANCELLED, a closed pool UNAVAILABLE. An error that has a status already keeps it; any other is UNKNOWN.
 * @param error - what a pipeline failed with; anything that can be thrown
 */
export function toStatus(error: unknown): GrpcStatus {
  const { code, details, message } = partsOf(error);
  const words = typeof message === 'string' ? message : typeof error === 'string' ? error : shown(error);
  // The peer gets one line: what follows may be stacks of ours.
  const [text] = words.split('\n', 1) as [string];
  if (typeof code === 'number') return { code, details: typeof details === 'string' ? details : text };
  return { code: grpcStatus(code), details: code === undefined ? text : `${shown(code)}: ${text}` };
}

/** What was thrown may be anything, a Proxy or an object with getters that throw for one. */
function partsOf(error: unknown): { code?: unknown; details?: unknown; message?: unknown } {
  try {
    const { code, details, message } = (error ?? {}) as { code?: unknown; details?: unknown; message?: unknown };
    return { code, details, message };
  } catch {
    return {};
  }
}

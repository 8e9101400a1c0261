/** The status of gRPC for an error. */
import { grpcStatus } from '../errors.ts';
import { shown } from '../validate.ts';

/** The status that gRPC sends to the peer for an error. */
export interface GrpcStatus {
  /**
   * Number of the status: https://grpc.io/docs/guides/status-codes/, `status` in `@grpc/grpc-js`.
   */
  code: number;
  /**
   * `details` of an error that has a status. Otherwise the code of the error, if any, and the first
   * line of its message.
   */
  details: string;
}

/**
 * Returns the status for an error of a pipeline. A limit that is exceeded, or no free engine, is
 * RESOURCE_EXHAUSTED. Bad data is INTERNAL. An unknown encoding is UNIMPLEMENTED. An abort is
 * CANCELLED. A closed pool is UNAVAILABLE. An error whose `code` is a status keeps it. Any other
 * error is UNKNOWN.
 * @param error - the error of a pipeline, which can be any value
 */
export function toStatus(error: unknown): GrpcStatus {
  const { name, code, details, message } = partsOf(error);
  const words = typeof message === 'string' ? message : typeof error === 'string' ? error : shown(error);
  // The peer gets one line. Later lines may show stacks of this process.
  const [text] = words.split('\n', 1) as [string];
  if (isStatus(code)) return { code, details: typeof details === 'string' ? details : text };
  // The reason of an AbortSignal is a DOMException, whose code is a number of its own.
  if (name === 'AbortError') return { code: grpcStatus('ABORT_ERR'), details: `ABORT_ERR: ${text}` };
  return { code: grpcStatus(code), details: typeof code === 'string' ? `${shown(code)}: ${text}` : text };
}

/** Highest status of gRPC: UNAUTHENTICATED. */
const LAST_STATUS = 16;

/** Returns whether a code is a status. Other errors have numbers too, such as DOMException. */
function isStatus(code: unknown): code is number {
  return Number.isInteger(code) && (code as number) > 0 && (code as number) <= LAST_STATUS;
}

type Parts = Partial<Record<'name' | 'code' | 'details' | 'message', unknown>>;

/** Returns the parts of a thrown value. It may be a Proxy, or have getters that throw. */
function partsOf(error: unknown): Parts {
  try {
    const { name, code, details, message } = (error ?? {}) as Parts;
    return { name, code, details, message };
  } catch {
    return {};
  }
}

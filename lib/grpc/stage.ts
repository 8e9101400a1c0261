/** The options that all stages for gRPC take. */
import type { ZlibPool } from '../node-zlib/pool.ts';

/** The pool of a stage. */
export interface StageOptions {
  /** Pool that leases the engines. Default: `defaultPool`. */
  pool?: ZlibPool;
}

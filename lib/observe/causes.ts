/**
 * Why leases fail and engines are discarded, as the value of a label: one of a bounded set, whatever errors streams are destroyed with. A time series database
 * keeps a series for each value that it ever sees.
 */
import { zlib } from '../engine/builtin-zlib.ts';
import { errorCodes } from '../errors.ts';

/** What makes somebody destroy a stream half way, beside its data. */
const ENDINGS = [
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_DESTROYED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
] as const;

/** The codes of zlib, Brotli and Zstandard that this Node knows. */
const ENGINES = Object.keys(zlib.constants)
  .map((name) => name.replace(/^BROTLI_DECODER_(?=ERROR_)/, 'ERR__'))
  .filter((name) => /^(Z_[A-Z]+_ERROR|Z_NEED_DICT|Z_ERRNO|ERR__ERROR_.*|ZSTD_error_.*)$/.test(name));

const known: ReadonlySet<unknown> = new Set<string>([...ENGINES, ...errorCodes, ...ENDINGS]);

/** The `code` of what went wrong, where it is a known one, else `'other'`; `'none'` where a stream was destroyed without an error. */
export function causeLabel(cause: { readonly code?: unknown } | undefined): string {
  if (cause === undefined) return 'none';
  const { code } = cause;
  return known.has(code) ? (code as string) : 'other';
}

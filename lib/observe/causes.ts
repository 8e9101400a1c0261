/**
 * Causes of failed leases and discarded engines, as values of a label. The set is bounded, because
 * a time series database keeps a series for each value.
 */
import { zlib } from '../engine/builtin-zlib.ts';
import { errorCodes } from '../errors.ts';

/** Codes of errors that destroy a stream before its end, apart from errors of its data. */
const ENDINGS = [
  'ERR_STREAM_PREMATURE_CLOSE',
  'ERR_STREAM_DESTROYED',
  'ECONNRESET',
  'ECONNABORTED',
  'EPIPE',
  'ETIMEDOUT',
] as const;

/** Error codes of zlib, Brotli and Zstandard on this Node. */
const ENGINES = Object.keys(zlib.constants)
  .map((name) => name.replace(/^BROTLI_DECODER_(?=ERROR_)/, 'ERR__'))
  .filter((name) => /^(Z_[A-Z]+_ERROR|Z_NEED_DICT|Z_ERRNO|ERR__ERROR_.*|ZSTD_error_.*)$/.test(name));

const known: ReadonlySet<unknown> = new Set<string>([...ENGINES, ...errorCodes, ...ENDINGS]);

/**
 * Returns the `code` of an error if it is known, otherwise `'other'`. Without an error: `'none'`.
 */
export function causeLabel(cause: { readonly code?: unknown } | undefined): string {
  if (cause === undefined) return 'none';
  const { code } = cause;
  return known.has(code) ? (code as string) : 'other';
}

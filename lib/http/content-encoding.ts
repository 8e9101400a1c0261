/**
 * Content-Encoding, RFC 9110, section 8.4: which formats a body is to be decoded from, and in what order. Knows the header, not the body.
 */
import { types } from 'node:util';
import { type Format, formats } from '../engine/codec.ts';
import { codedError } from '../errors.ts';
import { shown } from '../validate.ts';

/** The value of a header as the clients and servers of Node give it: several lines are joined, or an array. */
export type HeaderValue = string | readonly string[] | null | undefined;

/** As many as curl takes. Each needs an engine, and may expand what the one before it has made. */
const MAX_CODINGS = 5;

/** A name longer than any coding's is cut: it goes into a message, and comes from the peer. */
const MAX_NAME_LENGTH = 32;

/** RFC 9110, section 8.4.1, and of the registry of IANA what Node has; deflate is the zlib wrapper. Those of this Node. A Map: header values are any text. */
const codings = new Map<string, Format>();
const names: ReadonlyArray<readonly [name: string, format: Format]> = [
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'br'],
  ['zstd', 'zstd'],
];
for (const [name, format] of names) if (formats.includes(format)) codings.set(name, format);

/** The codings of this Node, as a value for Accept-Encoding. */
export const acceptEncoding: string = [...new Set(codings.values())].join(', ');

/**
 * The formats to decode, in the order of decoding: the last that was applied comes first. None where there is no coding, or `identity` alone.
 * @throws `ERR_CODING_UNKNOWN`, `ERR_TOO_MANY_CODINGS`, `ERR_INVALID_ARG_TYPE`
 */
export function codingsOf(header: HeaderValue): Format[] {
  const applied: Format[] = [];
  const isList = !types.isProxy(header) && Array.isArray(header);
  const values: readonly string[] = isList ? header : ([header ?? ''] as string[]);
  const at = values.findIndex((value) => typeof value !== 'string');
  if (at !== -1) {
    throw codedError('ERR_INVALID_ARG_TYPE', `Content-Encoding must be a string. Received ${shown(values[at])}`);
  }
  for (const element of values.join().split(',')) {
    const name = element.trim().toLowerCase();
    if (name === '' || name === 'identity') continue;
    const format = codings.get(name);
    if (format === undefined) {
      const shown = JSON.stringify(name.slice(0, MAX_NAME_LENGTH));
      throw codedError('ERR_CODING_UNKNOWN', `The body has the content coding ${shown}. Known are ${acceptEncoding}`);
    }
    applied.push(format);
    if (applied.length > MAX_CODINGS) {
      throw codedError('ERR_TOO_MANY_CODINGS', `The body has more than ${MAX_CODINGS} content codings`);
    }
  }
  return applied.reverse();
}

/**
 * The header Content-Encoding (RFC 9110, section 8.4): the formats of a body, in the order of
 * decoding. This module knows the header, not the body.
 */
import { types } from 'node:util';
import type { Format } from '../engine/codec.ts';
import { formats } from '../engine/codecs.ts';
import { codedError } from '../errors.ts';
import { shown } from '../validate.ts';

/**
 * Value of a header as the clients and servers of Node give it: one string, with several lines
 * joined, or an array.
 */
export type HeaderValue = string | readonly string[] | null | undefined;

/**
 * Limit of codings, the same as curl's. Each needs an engine, and may expand the output of the one
 * before it.
 */
const MAX_CODINGS = 5;

/** Characters of a name that an error shows. A longer name is no coding, and the peer chose it. */
const MAX_NAME_LENGTH = 32;

/**
 * Formats by the names of RFC 9110, section 8.4.1, and of the IANA registry, as far as this Node
 * has them. deflate is the zlib wrapper. A Map, since a header value can be any text.
 */
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
 * Returns the formats in the order of decoding: the coding that was applied last comes first. The
 * list is empty without a coding, and for `identity` alone.
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
      throw codedError('ERR_CODING_UNKNOWN', `The body has the content coding ${shown}. Supported: ${acceptEncoding}`);
    }
    applied.push(format);
    if (applied.length > MAX_CODINGS) {
      throw codedError('ERR_TOO_MANY_CODINGS', `The body has more than ${MAX_CODINGS} content codings`);
    }
  }
  return applied.reverse();
}

/** Decompresses what a script has compressed. */
import { constants, type ZlibOptions } from 'node:zlib';
import { decoder } from '../../lib/engine/codecs.ts';
import { codecOf, dictionaries, type Script } from './script.ts';

/**
 * Returns the decompressed form of all output of a script. Undefined for a script whose output is no
 * whole message: it ends with another flush.
 */
export function restored({ direction, format, options, dictionary, plan }: Script, output: Buffer): Buffer | undefined {
  const { finishFlush, lastFlush, byZlib } = codecOf({ direction, format });
  const ends = (flush: unknown): boolean => flush !== undefined && Number(flush) >= Math.min(finishFlush, lastFlush);
  const isCut = options?.finishFlush !== undefined || ends(options?.flush);
  if (isCut || plan.some(({ action }) => action.do === 'flush' && ends(action.kind))) return undefined;
  const given: ZlibOptions = {
    ...(dictionary === 'right' ? { dictionary: dictionaries.right } : {}),
    ...(format === 'br' ? { params: { [constants.BROTLI_DECODER_PARAM_LARGE_WINDOW]: 1 } } : {}),
  };
  const { sync } = decoder(format);
  return sync(output, byZlib || format === 'br' || dictionary === 'right' ? given : undefined);
}

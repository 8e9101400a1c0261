/**
 * One frame of Zstandard (RFC 8878, section 3.1), read to find its end. node:zlib begins another
 * frame with the next write, and does not report it. Node 22 accepts a frame that is cut short. The
 * engine checks the data itself.
 */
import { Fields, type Framing, type Script, skip } from './framing.ts';

const MAGIC = 0xfd2fb528;
/** Magic number of skippable frames. Its last four bits may have any value. */
const SKIPPABLE_MAGIC = 0x184d2a50;

/** Lengths in bytes, by the two bits of the descriptor that select them. */
const CONTENT_SIZE_LENGTHS = [0, 2, 4, 8] as const;
const DICTIONARY_ID_LENGTHS = [0, 1, 2, 4] as const;
const CHECKSUM_LENGTH = 4;
const RLE_BLOCK = 1;

export class ZstdFrame implements Framing {
  readonly #fields = new Fields(frame());

  get ended(): boolean {
    return this.#fields.ended;
  }

  data(bytes: Buffer): [from: number, to: number] {
    return [0, this.#fields.take(bytes)];
  }

  made(): void {}

  trailer(): number {
    return 0;
  }
}

function* frame(): Script {
  const magic = (yield { exactly: 4 }).readUInt32LE(0);
  if (magic === MAGIC) {
    yield* blocks(yield* header());
  } else if ((magic & 0xfffffff0) >>> 0 === SKIPPABLE_MAGIC) {
    yield* skip((yield { exactly: 4 }).readUInt32LE(0));
  } else {
    // The engine reports the error.
    yield* skip(Number.POSITIVE_INFINITY);
  }
}

/**
 * Reads the header of a frame.
 * @returns whether a checksum follows the blocks
 */
function* header(): Generator<{ exactly: number } | { upTo: number }, boolean, Buffer> {
  const descriptor = (yield { exactly: 1 })[0] as number;
  const isSingleSegment = (descriptor & 0x20) !== 0;
  const contentSize = CONTENT_SIZE_LENGTHS[(descriptor >> 6) as 0];
  const dictionaryId = DICTIONARY_ID_LENGTHS[(descriptor & 3) as 0];
  yield { exactly: dictionaryId + (isSingleSegment ? Math.max(1, contentSize) : 1 + contentSize) };
  return (descriptor & 4) !== 0;
}

function* blocks(hasChecksum: boolean): Script {
  for (let isLast = false; !isLast; ) {
    const block = (yield { exactly: 3 }).readUIntLE(0, 3);
    isLast = (block & 1) !== 0;
    yield* skip(((block >> 1) & 3) === RLE_BLOCK ? 1 : block >> 3);
  }
  if (hasChecksum) yield { exactly: CHECKSUM_LENGTH };
}

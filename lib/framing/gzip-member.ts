/**
 * One member of gzip (RFC 1952, section 2.3). It removes and checks the header and the trailer
 * around the deflate data. Its errors have the messages of zlib.
 */
import { crc32 } from '../engine/builtin-zlib.ts';
import { dataError, Fields, type Framing, type Script } from './framing.ts';

/** The first two bytes of a member. */
export const ID1 = 0x1f;
export const ID2 = 0x8b;
const CM_DEFLATE = 8;

/** Bits of FLG. */
const FHCRC = 2;
const FEXTRA = 4;
const FNAME = 8;
const FCOMMENT = 16;
const RESERVED = 0xe0;

export class GzipMember implements Framing {
  readonly #header = new Fields(header());
  readonly #trailer = new Fields(this.#check());
  #crc = 0;
  #length = 0;

  get ended(): boolean {
    return this.#trailer.ended;
  }

  data(bytes: Buffer): [from: number, to: number] {
    return [this.#header.take(bytes), bytes.length];
  }

  made(output: Uint8Array): void {
    this.#crc = crc32(output, this.#crc);
    this.#length = (this.#length + output.length) % 2 ** 32;
  }

  trailer(bytes: Buffer): number {
    return this.#trailer.take(bytes);
  }

  *#check(): Script {
    if ((yield { exactly: 4 }).readUInt32LE(0) !== this.#crc) throw dataError('incorrect data check');
    if ((yield { exactly: 4 }).readUInt32LE(0) !== this.#length) throw dataError('incorrect length check');
  }
}

function* header(): Script {
  const id = yield { exactly: 2 };
  if (id[0] !== ID1 || id[1] !== ID2) throw dataError('incorrect header check');
  const method = yield { exactly: 2 };
  const flags = method[1] as number;
  if (method[0] !== CM_DEFLATE) throw dataError('unknown compression method');
  if (flags & RESERVED) throw dataError('unknown header flags set');
  // MTIME, XFL, OS
  let crc = crc32(yield { exactly: 6 }, crc32(method, crc32(id)));
  if (flags & FEXTRA) {
    const length = yield { exactly: 2 };
    crc = crc32(length, crc);
    for (let left = length.readUInt16LE(0); left > 0; ) {
      const piece = yield { upTo: left };
      crc = crc32(piece, crc);
      left -= piece.length;
    }
  }
  for (const flag of [FNAME, FCOMMENT]) {
    for (let goesOn = (flags & flag) !== 0; goesOn; ) {
      const piece = yield { upToZero: true };
      crc = crc32(piece, crc);
      goesOn = piece[piece.length - 1] !== 0;
    }
  }
  if (flags & FHCRC && (yield { exactly: 2 }).readUInt16LE(0) !== (crc & 0xffff)) {
    throw dataError('header crc mismatch');
  }
}

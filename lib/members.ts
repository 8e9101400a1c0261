/**
 * Counts the members of gzip data (RFC 1952, section 2.2) on its way into an engine, which goes from one to the next on its own
 * and tells nobody. So input is cut wherever a member might begin, and one does begin there if what stands before is the trailer
 * of what has come out since the last: its CRC-32 and its length. Only where `maxMembers` asks for it.
 */
import type { InflateRaw } from 'node:zlib';
import { zlib } from './builtin-zlib.ts';
import { codedError } from './errors.ts';
import { type EngineKind, engineKind, kindFor } from './formats.ts';
import { crc32, GzipMember, ID1, ID2 } from './gzip-member.ts';

const HEADER = Buffer.from([ID1, ID2]);

/** CRC32 and ISIZE. */
const TRAILER_LENGTH = 8;

export class Members {
  readonly #most: number;
  #count = 0;
  /** Of the current member's output. */
  #crc = 0;
  #length = 0;
  /** The last bytes that went in. */
  readonly #tail = Buffer.alloc(TRAILER_LENGTH);

  /** @param most how many there may be */
  constructor(most: number) {
    this.#most = most;
  }

  /**
   * How much of the input may be written at once; what is written must be used up, and its output added, before this is asked again.
   * @throws `ERR_TOO_MANY_MEMBERS` where one too many begins
   */
  span(input: Buffer, offset: number, length: number): number {
    if (length === 0) return 0;
    if (input[offset] === ID1) this.#begin();
    const end = offset + length;
    const next = input.indexOf(HEADER, offset + 1);
    if (next !== -1 && next < end) return next - offset;
    return length > 1 && input[end - 1] === ID1 ? length - 1 : length;
  }

  /** To be told of all input that was used up. */
  used(input: Buffer, offset: number, length: number): void {
    const fresh = Math.min(length, TRAILER_LENGTH);
    this.#tail.copyWithin(0, fresh);
    input.copy(this.#tail, TRAILER_LENGTH - fresh, offset + length - fresh, offset + length);
  }

  /** To be told of all output. */
  made(output: Uint8Array): void {
    this.#crc = crc32(output, this.#crc);
    this.#length = (this.#length + output.length) % 2 ** 32;
  }

  /** The engine was reset: another message. */
  reset(): void {
    this.#count = 0;
    this.#crc = 0;
    this.#length = 0;
  }

  #begin(): void {
    const ended = this.#tail.readUInt32LE(0) === this.#crc && this.#tail.readUInt32LE(4) === this.#length;
    if (this.#count > 0 && !ended) return;
    this.#count += 1;
    this.#crc = 0;
    this.#length = 0;
    if (this.#count > this.#most) {
      throw tooMany(this.#most);
    }
  }
}

/** Who counts the members of data of this kind; nobody where there is no limit, or the format has none. */
export function membersOf({ format }: EngineKind, most: number): Members | undefined {
  return most === Number.POSITIVE_INFINITY || (format !== 'gzip' && format !== 'unzip') ? undefined : new Members(most);
}

/**
 * Counts the members of a whole message that is known to be good, by documented API alone.
 * @throws `ERR_TOO_MANY_MEMBERS`
 */
export function countMembers(input: Buffer, most: number): void {
  let at = 0;
  for (let count = 1; input[at] === ID1; count++) {
    if (count > most) throw tooMany(most);
    const [from] = new GzipMember().data(input.subarray(at));
    const data = input.subarray(at + from);
    // With `info`, which @types/node does not know to change what comes out.
    const { engine } = zlib.inflateRawSync(data, { info: true }) as never as { engine: InflateRaw };
    at = data.byteOffset - input.byteOffset + engine.bytesWritten + TRAILER_LENGTH;
  }
}

function tooMany(most: number): Error {
  return codedError('ERR_TOO_MANY_MEMBERS', `The data has more than ${most} members`);
}

/** As `kindFor`. node:zlib's unzip would take the zlib wrapper for a next member, which leaves no trailer to tell one by: a gunzip does not. */
export function memberKindFor(kind: EngineKind, input: Uint8Array): EngineKind {
  return kind.format === 'unzip' && input[0] === ID1 ? engineKind('gzip', kind.options) : kindFor(kind, input);
}

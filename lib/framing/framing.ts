/**
 * What stands around compressed data: fields that chunks may cut anywhere. A framing knows to the byte where a message ends, which
 * the engines of node:zlib tell on some Nodes and not on others.
 */

/** Reads along with one message, on its way into an engine and out of it. */
export interface Framing {
  /** The message is complete; what comes now is not of it. */
  readonly ended: boolean;
  /** To be told of all input, until it or the engine has ended. @returns what of it is for the engine, from and to @throws on bad fields */
  data(bytes: Buffer): [from: number, to: number];
  /** To be told of all output. */
  made(output: Uint8Array): void;
  /** To be told of what follows the data of the engine. @returns how much of it is of the message @throws on bad fields */
  trailer(bytes: Buffer): number;
}

/** What a script of fields asks for: exactly so many bytes; any up to so many; any up to a zero byte, with it. */
export type Wish = { exactly: number } | { upTo: number } | { upToZero: true };

/** A description of fields in the order in which they stand: yields its wishes, and is given bytes. */
export type Script = Generator<Wish, void, Buffer>;

/** Gives a script its fields out of chunks. It holds a field that was cut, and nothing longer. */
export class Fields {
  readonly #script: Script;
  #wish: Wish | undefined;
  #cut: Buffer | undefined;

  constructor(script: Script) {
    this.#script = script;
    this.#wish = this.#script.next().value as Wish | undefined;
  }

  /** Whether the script has all its fields. */
  get ended(): boolean {
    return this.#wish === undefined;
  }

  /** @returns how many of the bytes were of fields @throws what the script throws */
  take(bytes: Buffer): number {
    let at = 0;
    while (this.#wish !== undefined && at < bytes.length) {
      const piece = wished(this.#wish, this.#cut?.length ?? 0, bytes, at);
      at += piece.length;
      const field = this.#cut === undefined ? piece : Buffer.concat([this.#cut, piece]);
      const isCut = 'exactly' in this.#wish && field.length < this.#wish.exactly;
      this.#cut = isCut ? field : undefined;
      if (!isCut) this.#wish = this.#script.next(field).value as Wish | undefined;
    }
    return at;
  }
}

function wished(wish: Wish, held: number, bytes: Buffer, at: number): Buffer {
  if ('exactly' in wish) return bytes.subarray(at, at + wish.exactly - held);
  if ('upTo' in wish) return bytes.subarray(at, at + wish.upTo);
  const zero = bytes.indexOf(0, at);
  return bytes.subarray(at, zero === -1 ? bytes.length : zero + 1);
}

/** Passes over a field of any length. */
export function* skip(length: number): Script {
  for (let left = length; left > 0; ) left -= (yield { upTo: left }).length;
}

/** What node:zlib says of bad data. */
export function dataError(message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { errno: -3, code: 'Z_DATA_ERROR' });
}

/** What node:zlib says of data that is cut short. */
export function endError(): NodeJS.ErrnoException {
  return Object.assign(new Error('unexpected end of file'), { errno: -5, code: 'Z_BUF_ERROR' });
}

/**
 * The fields around compressed data, which chunks may cut anywhere. A framing knows to the byte
 * where a message ends. The engines of node:zlib report the end on some Nodes only.
 */

/** Parser of the fields of one message. It sees the input and the output of the engine. */
export interface Framing {
  /** Whether the message is complete. Later bytes are not part of it. */
  readonly ended: boolean;
  /**
   * Takes all input, until the message or the engine has ended.
   * @returns the part of `bytes` for the engine, as two offsets
   * @throws on bad fields
   */
  data(bytes: Buffer): [from: number, to: number];
  /** Takes all output. */
  made(output: Uint8Array): void;
  /**
   * Takes the bytes after the data of the engine.
   * @returns the number of bytes that belong to the message
   * @throws on bad fields
   */
  trailer(bytes: Buffer): number;
}

/**
 * Request of a script: an exact number of bytes, any number up to a maximum, or the bytes up to and
 * including a zero byte.
 */
export type Wish = { exactly: number } | { upTo: number } | { upToZero: true };

/** The fields of a message in their order. The generator yields its wishes and receives bytes. */
export type Script = Generator<Wish, void, Buffer>;

/** The fields of a script, read from chunks. It keeps at most one field, which a chunk has cut. */
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

  /**
   * Takes the fields from the start of `bytes`.
   * @returns the number of bytes that belong to fields
   * @throws the errors of the script
   */
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

/** Skips a field of any length without keeping it. */
export function* skip(length: number): Script {
  for (let left = length; left > 0; ) left -= (yield { upTo: left }).length;
}

/** Returns the error of node:zlib for bad data. */
export function dataError(message: string): NodeJS.ErrnoException {
  return Object.assign(new Error(message), { errno: -3, code: 'Z_DATA_ERROR' });
}

/** Returns the error of node:zlib for data that is cut short. */
export function endError(): NodeJS.ErrnoException {
  return Object.assign(new Error('unexpected end of file'), { errno: -5, code: 'Z_BUF_ERROR' });
}

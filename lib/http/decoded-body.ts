/**
 * A body with one content coding taken off: reads its source when it is read itself, makes a stream of a pool at the first bytes, and gives what
 * that makes. A body of no bytes is empty, whatever its coding. It does not know HTTP; several of them in a row take off several codings.
 */
import { finished, Readable } from 'node:stream';
import { codedError } from '../errors.ts';
import type { DecompressStream } from '../streams/decompress.ts';
import { bufferOf, shownType } from '../validate.ts';

/** How a coding is taken off. */
export interface Decoding {
  /** So many bytes are needed to make the stream; 1 or 2. */
  readonly headLength: number;
  /** @param head the first bytes, of a short body maybe fewer than `headLength` */
  createDecoder(head: Buffer): DecompressStream;
}

const NOTHING = Buffer.alloc(0);

export class DecodedBody extends Readable {
  /** The stream that hands the output on, if there is one: its reader may stop. */
  relay: Readable | undefined;
  readonly #source: Readable;
  readonly #decoding: Decoding;
  /** What has come while it was too short to make the decoder. */
  #head: Buffer = NOTHING;
  #decoder: DecompressStream | undefined;
  #isStarted = false;
  /** All of the source has come. */
  #isReceived = false;
  /** All was made that there is to make of it. */
  #isDecoded = false;

  /** Destroys the source when it is destroyed itself before all of it has come, and is destroyed with the error of the source. */
  constructor(source: Readable, decoding: Decoding) {
    super();
    this.#source = source;
    if (source instanceof DecodedBody) source.relay = this;
    this.#decoding = decoding;
    // Before anybody reads, too: an error that nobody listens to would end the process.
    finished(source, { writable: false }, (error) => {
      if (error) this.destroy(error);
      else if (this.#isStarted) this.#receiveEnd();
    });
  }

  override _read(): void {
    if (this.#isStarted) {
      this.#decoder?.resume();
      return;
    }
    this.#isStarted = true;
    if (this.#source.readableEnded) {
      this.#receiveEnd();
      return;
    }
    this.#source.on('data', (chunk) => this.#receive(chunk));
    this.#source.on('end', () => this.#receiveEnd());
    this.#source.resume();
  }

  /** 'close' comes when the engine is on its way back to the pool. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // What has come in full may have another half that is still in use: a stream of HTTP/2.
    if (!this.#isReceived) this.#source.destroy();
    if (this.#decoder === undefined || this.#decoder.closed) callback(error);
    else this.#decoder.once('close', () => callback(error)).destroy();
  }

  /** The last of the streams that hand the output on. */
  #reader(): Readable {
    const { relay } = this;
    if (relay instanceof DecodedBody) return relay.#reader();
    return relay ?? this;
  }

  #receive(chunk: unknown): void {
    if (this.destroyed || this.#isDecoded) return;
    let bytes = bufferOf(chunk);
    if (bytes === undefined) {
      const why = typeof chunk === 'string' ? 'it has an encoding set' : `it gave ${shownType(chunk)}`;
      this.destroy(codedError('ERR_INVALID_ARG_TYPE', `A body with a coding must be read as bytes: ${why}`));
      return;
    }
    if (this.#decoder === undefined) {
      if (this.#head.length > 0) bytes = Buffer.concat([this.#head, bytes]);
      this.#head = bytes;
      if (bytes.length < this.#decoding.headLength) return;
      this.#decoder = this.#decode(bytes);
    }
    if (!this.#decoder.write(bytes)) this.#source.pause();
  }

  #receiveEnd(): void {
    if (this.#isReceived || this.destroyed) return;
    this.#isReceived = true;
    if (this.#decoder === undefined && this.#head.length > 0) {
      this.#decoder = this.#decode(this.#head);
      this.#decoder.write(this.#head);
    }
    if (this.#decoder === undefined || this.#isDecoded) this.push(null);
    else this.#decoder.end();
  }

  #decode(head: Buffer): DecompressStream {
    this.#head = NOTHING;
    const decoder = this.#decoding.createDecoder(head);
    decoder.relay = this.#reader();
    return decoder
      .on('data', (chunk) => {
        // A paused body takes the chunk and wants no more: the decoder goes by whether its own reader takes all.
        if (!this.push(chunk) || this.readableFlowing === false) this.#decoder?.pause();
      })
      .on('drain', () => this.#source.resume())
      .on('error', (error) => this.destroy(error))
      .on('close', () => {
        // A listener of this body has thrown: no more comes.
        if (!this.#isDecoded) this.destroy();
      })
      .on('end', () => {
        this.#isDecoded = true;
        if (this.#isReceived) {
          this.push(null);
          return;
        }
        // Something follows the data, which node:zlib ignores for this format. The end of the body is that of its source all the same.
        this.#decoder?.destroy();
        this.#source.resume();
      });
  }
}

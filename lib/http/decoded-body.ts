/**
 * A body with one content coding removed. It reads its source when it is read itself, and creates a
 * stream of a pool at the first bytes. A body of no bytes is empty, whatever its coding. Several
 * bodies in a row remove several codings. This module does not know HTTP.
 */
import { finished, Readable } from 'node:stream';
import { codedError } from '../errors.ts';
import type { DecompressStream } from '../streams/decompress.ts';
import { bufferOf, shownType } from '../validate.ts';

/** How to remove a coding. */
export interface Decoding {
  /** Bytes needed to create the decoder: 1 or 2. */
  readonly headLength: number;
  /**
   * Creates the stream that decodes.
   * @param head - the first bytes, of a short body maybe fewer than `headLength`
   */
  createDecoder(head: Buffer): DecompressStream;
}

const NOTHING = Buffer.alloc(0);

export class DecodedBody extends Readable {
  /** Stream that passes the output on, if there is one. Its reader may stop reading. */
  relay: Readable | undefined;
  readonly #source: Readable;
  readonly #decoding: Decoding;
  /** Bytes received that are too few to create the decoder. */
  #head: Buffer = NOTHING;
  #decoder: DecompressStream | undefined;
  #isStarted = false;
  /** Whether all of the source was received. */
  #isReceived = false;
  /** Whether the decoder has made all output. */
  #isDecoded = false;

  /**
   * Destroys the source if it is destroyed before the source has ended. It is destroyed with the
   * error of the source.
   */
  constructor(source: Readable, decoding: Decoding) {
    super();
    this.#source = source;
    if (source instanceof DecodedBody) source.relay = this;
    this.#decoding = decoding;
    // Before the first read, too: an 'error' without a listener would end the process.
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

  /**
   * Waits for the decoder to close, so that its engine is released before this body emits 'close'.
   */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    // The other half of a source that was read to its end may be in use, as of an HTTP/2 stream.
    if (!this.#isReceived) this.#source.destroy();
    if (this.#decoder === undefined || this.#decoder.closed) callback(error);
    else this.#decoder.once('close', () => callback(error)).destroy();
  }

  /** Returns the last of the streams that pass the output on. */
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
        // push() may return true while this body is paused. The decoder has to pause then, too.
        if (!this.push(chunk) || this.readableFlowing === false) this.#decoder?.pause();
      })
      .on('drain', () => this.#source.resume())
      .on('error', (error) => this.destroy(error))
      .on('close', () => {
        // A listener of this body has thrown. The decoder makes no more output.
        if (!this.#isDecoded) this.destroy();
      })
      .on('end', () => {
        this.#isDecoded = true;
        if (this.#isReceived) {
          this.push(null);
          return;
        }
        // Bytes follow the data, and node:zlib ignores them for this format. The body still ends
        // with its source, not before.
        this.#decoder?.destroy();
        this.#source.resume();
      });
  }
}

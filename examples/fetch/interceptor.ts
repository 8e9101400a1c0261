/**
 * An interceptor for undici's dispatchers that decodes response bodies by Content-Encoding (RFC 9110, section 8.4) on a pool of one's own,
 * with its limits. Works for `request()`, `stream()` and, since what it hands on is no longer encoded, for undici's `fetch()`.
 */
import { pipeline, Writable } from 'node:stream';
import type { Dispatcher } from 'undici';
import { type DecompressStream, defaultPool, type Format, type ZlibPool } from 'zlease';

export interface DecodeOptions {
  /** Default: `defaultPool`. */
  pool?: ZlibPool;
  /** The most bytes that each decoding of a body may make. Default: the pool's. */
  maxOutputLength?: number;
}

const formats = new Map<string, Format>([
  ['gzip', 'gzip'],
  ['x-gzip', 'gzip'],
  ['deflate', 'deflate'],
  ['br', 'br'],
  ['zstd', 'zstd'],
]);

/** Each takes an engine. */
const MAX_CODINGS = 3;

/** No body, or a part of one that can't be decoded by itself: 206. */
const undecoded = [204, 206, 304];

/** A body that is encoded in a way not known here is handed on as it came, with its header. */
export function decode(options: DecodeOptions = {}): Dispatcher.DispatcherComposeInterceptor {
  return (dispatch) => (request, handler) =>
    dispatch(request, request.method === 'HEAD' ? handler : new BodyDecoder(handler, options));
}

/** In the order of decoding, which is not that of the header; none where there is nothing that could be decoded. */
function codings(header: string | string[] | undefined): Format[] {
  const names = [header ?? []].flat().join().toLowerCase().split(',');
  const known = names.map((name) => name.trim()).filter((name) => name !== '' && name !== 'identity');
  if (known.length > MAX_CODINGS) {
    throw Object.assign(new Error(`The body has ${known.length} codings`), { code: 'ERR_CONTENT_ENCODING' });
  }
  return known.every((name) => formats.has(name)) ? known.reverse().map((name) => formats.get(name) as Format) : [];
}

type Handler = Required<Dispatcher.DispatchHandler>;
type Controller = Dispatcher.DispatchController;

/** Between a connection and the handler of its response: handler of the one, controller of the other. */
class BodyDecoder implements Dispatcher.DispatchHandler, Controller {
  readonly #handler: Dispatcher.DispatchHandler;
  readonly #options: DecodeOptions;
  #connection!: Controller;
  #decoders: DecompressStream[] = [];
  #trailers: Parameters<Handler['onResponseEnd']>[1] = {};
  #isEmpty = true;
  #isReceived = false;
  #isOver = false;
  /** Whether the handler wants no more of what is decoded for now, and what lets it have the next of it. */
  #isPaused = false;
  #goOn: (() => void) | undefined;

  constructor(handler: Dispatcher.DispatchHandler, options: DecodeOptions) {
    this.#handler = handler;
    this.#options = options;
  }

  onRequestStart(connection: Controller, context: unknown): void {
    this.#connection = connection;
    this.#handler.onRequestStart?.(this, context);
  }

  onRequestUpgrade(...[, ...args]: Parameters<Handler['onRequestUpgrade']>): void {
    this.#handler.onRequestUpgrade?.(this, ...args);
  }

  onResponseStart(...[, status, headers, message]: Parameters<Handler['onResponseStart']>): void {
    const { pool = defaultPool, maxOutputLength } = this.#options;
    const names = status < 200 || undecoded.includes(status) ? [] : codings(headers['content-encoding']);
    this.#decoders = names.map((format) => pool.createDecompress(format, { maxOutputLength }));
    const { 'content-encoding': _encoding, 'content-length': _length, ...rest } = headers;
    this.#handler.onResponseStart?.(this, status, this.#decoders.length > 0 ? rest : headers, message);
  }

  onResponseData(_connection: Controller, chunk: Buffer): void {
    const [first] = this.#decoders;
    if (first === undefined) {
      this.#handler.onResponseData?.(this, chunk);
      return;
    }
    if (this.#isEmpty) this.#start(this.#decoders);
    this.#isEmpty = false;
    if (first.write(chunk)) return;
    this.#connection.pause();
    first.once('drain', () => this.#connection.resume());
  }

  onResponseEnd(_connection: Controller, trailers: Parameters<Handler['onResponseEnd']>[1]): void {
    this.#isReceived = true;
    this.#trailers = trailers;
    // No bytes at all are an empty body, whatever its header says.
    if (this.#isEmpty) this.#end();
    else this.#decoders[0]?.end();
  }

  onResponseError(_connection: Controller, error: Error): void {
    if (this.#isOver) return;
    this.#isOver = true;
    for (const decoder of this.#decoders) decoder.destroy();
    this.#handler.onResponseError?.(this, error);
  }

  #start(decoders: DecompressStream[]): void {
    const handOn = new Writable({
      write: (chunk: Buffer, _encoding, callback) => {
        try {
          this.#handler.onResponseData?.(this, chunk);
        } catch (error) {
          callback(error as Error);
          return;
        }
        if (this.#isPaused) this.#goOn = callback;
        else callback();
      },
    });
    pipeline([...decoders, handOn], (error) => (error ? this.abort(error) : this.#end()));
  }

  #end(): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#handler.onResponseEnd?.(this, this.#trailers);
  }

  /** A connection that has ended the response reports no further error. */
  abort(reason: Error): void {
    if (this.#isReceived) this.onResponseError(this.#connection, reason);
    else if (!this.#isOver) this.#connection.abort(reason);
  }

  pause(): void {
    if (this.#decoders.length === 0) this.#connection.pause();
    else this.#isPaused = true;
  }

  resume(): void {
    if (this.#decoders.length === 0) this.#connection.resume();
    this.#isPaused = false;
    const goOn = this.#goOn;
    this.#goOn = undefined;
    goOn?.();
  }

  get paused(): boolean {
    return this.#decoders.length === 0 ? this.#connection.paused : this.#isPaused;
  }

  get aborted(): boolean {
    return this.#connection.aborted;
  }

  get reason(): Error | null {
    return this.#connection.reason;
  }

  /** As they came over the wire: they are not those of a body that has been decoded. */
  get rawHeaders(): Controller['rawHeaders'] {
    return this.#decoders.length === 0 ? this.#connection.rawHeaders : null;
  }

  get rawTrailers(): Controller['rawTrailers'] {
    return this.#connection.rawTrailers;
  }
}

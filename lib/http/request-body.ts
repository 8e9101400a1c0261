/**
 * Replaces the body of a server's request. The request stays the same object, since frameworks pass
 * on the object that they were given. A Readable consists of its methods, its listeners and its
 * `_readableState`. That state moves to a stream of its own, with the bytes received so far. The
 * request gets a new state. Bytes of the connection go to the old state, and decoded bytes to the
 * new one. So reading, piping, iterating, pausing and `setEncoding` are those of Node on both
 * sides.
 */
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { Readable } from 'node:stream';
import { codedError } from '../errors.ts';
import { setImmediate } from '../schedule/clock.ts';

/** A request of `node:http`, `node:https` or of the compatibility API of `node:http2`. */
export type ServerRequest = IncomingMessage | Http2ServerRequest;

/**
 * Members that the types leave out. IncomingMessage sets `_dumped` when the response is over and
 * the body was not read.
 */
type Internals = Readable & { _readableState: ReadableState; _dumped?: boolean };
interface ReadableState {
  readonly autoDestroy: boolean;
  readonly emitClose: boolean;
  readingMore: boolean;
}

const { push, destroy } = Readable.prototype;

/** The body as received from the connection. */
class ReceivedBody extends Readable {
  readonly #pull: () => void;

  /** @param pull - asks the connection for more */
  constructor(state: ReadableState, pull: () => void) {
    super();
    (this as unknown as Internals)._readableState = state;
    this.#pull = pull;
  }

  override _read(): void {
    // IncomingMessage sets this, so that nothing is read ahead of the first read. Its `_read()`
    // clears it.
    (this as unknown as Internals)._readableState.readingMore = false;
    this.#pull();
  }

  /** Leaves the connection alone, which belongs to the request. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    callback(error);
  }
}

/** Whether reading has begun. Bytes that were read are gone, and can't be decoded. */
function isBeingRead(request: ServerRequest): boolean {
  return (
    request.readableDidRead ||
    request.readableFlowing === true ||
    request.readableEncoding !== null ||
    request.listenerCount('readable') > 0
  );
}

/**
 * Makes the request emit the output that `decode` makes of its body. Decoding begins with the first
 * read. It never begins if the body is resumed without listeners, as frameworks do to drop it: the
 * rest is received and dropped.
 *
 * An error of decoding destroys the request, but not its connection, so that the server can
 * respond. The rest of the body is then received and dropped, too.
 * @param decode - returns the stream that decodes the received body
 * @param toError - returns the error that the request fails with
 * @throws `ERR_BODY_IN_USE`
 */
export function replaceBody(
  request: ServerRequest,
  decode: (received: Readable) => Readable,
  toError: (error: Error) => Error,
): void {
  if (isBeingRead(request)) throw codedError('ERR_BODY_IN_USE');
  const internals = request as unknown as Internals;
  const { _read, _destroy } = internals;
  let decoded: Readable | undefined;
  let failure: Error | undefined;
  let isReceived = request.complete;
  let isDropped = false;

  function pull(): void {
    if (!isReceived) _read.call(request, 0);
  }

  const { _readableState: state } = internals;
  const wasPaused = request.isPaused();
  const received = new ReceivedBody(state, pull);
  internals._readableState = (
    new Readable({
      highWaterMark: request.readableHighWaterMark,
      autoDestroy: state.autoDestroy,
      // A request of HTTP/2 is not destroyed at its end: its stream has it emit 'close'.
      emitClose: state.emitClose && state.autoDestroy,
    }) as unknown as Internals
  )._readableState;
  if (wasPaused) request.pause();

  function isForNobody(): boolean {
    return (
      internals._dumped === true ||
      (request.readableFlowing === true &&
        request.listenerCount('data') === 0 &&
        request.listenerCount('readable') === 0)
    );
  }

  function start(): void {
    // At once: an HTTP/2 stream flows as soon as its request does, and needs its listener by then.
    pull();
    decoded = decode(received)
      .on('data', (chunk) => {
        if (isForNobody()) drop();
        else if (!push.call(request, chunk) || request.readableFlowing === false) decoded?.pause();
      })
      .on('end', () => push.call(request, null))
      .on('error', (error) => {
        failure = toError(error);
        // Not the method of the request: some frameworks replace it by one that does nothing once
        // the request is complete.
        destroy.call(request, failure);
      });
  }

  /** Receives the rest of the body without keeping it. */
  function drop(): void {
    isDropped = true;
    release();
    if (isReceived) end();
    else pull();
  }

  /** Returns the engines to the pool. */
  function release(): void {
    decoded?.destroy();
    received.destroy();
  }

  function end(): void {
    if (failure === undefined) {
      push.call(request, null);
      if (internals._dumped) request.resume();
    } else {
      // There is no 'end' after an error. body-parser and multer wait for 'end' or 'finish'. Other
      // code reads `complete`.
      setImmediate(() => request.emit('finish'));
    }
  }

  request.push = (chunk, encoding) => {
    if (chunk === null) isReceived = true;
    if (!isDropped) return received.push(chunk, encoding);
    if (chunk === null) end();
    return true;
  };

  internals._read = () => {
    if (isDropped) return;
    if (isForNobody()) drop();
    else if (decoded === undefined) start();
    else decoded.resume();
  };

  internals._destroy = (error, callback) => {
    const done = (reason?: Error | null): void =>
      // As IncomingMessage: an error without a listener does not end the process.
      callback(request.listenerCount('error') > 0 ? reason : null);
    if (failure !== undefined) {
      drop();
      done(failure);
    } else {
      release();
      _destroy.call(request, error, done);
    }
  };

  // A request of HTTP/1 is destroyed already.
  request.once('aborted', () => {
    destroy.call(request, Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
  });
}

/**
 * Replaces the body of a request that a server has, while the request stays the object that it is: frameworks hand on the one that they were
 * given. A Readable is its methods, its listeners and its `_readableState`. The last goes, with what has come already, to a stream of
 * its own, and the request gets a new one; what the connection pushes goes to the old, what is decoded to the new. So reading, piping, iterating,
 * pausing, `setEncoding` and the rest are those of Node, on either side.
 */
import type { IncomingMessage } from 'node:http';
import type { Http2ServerRequest } from 'node:http2';
import { Readable } from 'node:stream';
import { codedError } from '../errors.ts';
import { setImmediate } from '../schedule/clock.ts';

/** A request of `node:http`, `node:https` or of the compatibility API of `node:http2`. */
export type ServerRequest = IncomingMessage | Http2ServerRequest;

/** What types don't tell. Of IncomingMessage: `_dumped` is set once the response is over and nobody has read the body. */
type Internals = Readable & { _readableState: ReadableState; _dumped?: boolean };
interface ReadableState {
  readonly autoDestroy: boolean;
  readonly emitClose: boolean;
  readingMore: boolean;
}

const { push, destroy } = Readable.prototype;

/** The body as it comes over the connection. */
class ReceivedBody extends Readable {
  readonly #pull: () => void;

  /** @param pull lets the connection go on */
  constructor(state: ReadableState, pull: () => void) {
    super();
    (this as unknown as Internals)._readableState = state;
    this.#pull = pull;
  }

  override _read(): void {
    // IncomingMessage holds reading ahead back until somebody reads, as here.
    (this as unknown as Internals)._readableState.readingMore = false;
    this.#pull();
  }

  /** The connection is not its own. */
  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    callback(error);
  }
}

/** Whether somebody has begun to read: what was read is gone, and can't be decoded. */
function isBeingRead(request: ServerRequest): boolean {
  return (
    request.readableDidRead ||
    request.readableFlowing === true ||
    request.readableEncoding !== null ||
    request.listenerCount('readable') > 0
  );
}

/**
 * Has the request give what `decode` makes of its body. Nothing is decoded before somebody reads, nor once the body is resumed with nobody who listens, as
 * frameworks do to get rid of it: the rest is received and dropped. An error of decoding destroys the request, and leaves its connection alone: it can be
 * answered. What is still to come of the body is dropped then too.
 * @param decode reads what has been received
 * @param toError what the request fails with
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
      // A request of HTTP/2 is not destroyed at its end: its stream tells it when to emit 'close'.
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
    // At once: an HTTP/2 stream flows as soon as its request does, and has to have its listener by then.
    pull();
    decoded = decode(received)
      .on('data', (chunk) => {
        if (isForNobody()) drop();
        else if (!push.call(request, chunk) || request.readableFlowing === false) decoded?.pause();
      })
      .on('end', () => push.call(request, null))
      .on('error', (error) => {
        failure = toError(error);
        // Not that of the request: some frameworks give it one that does nothing once all has come.
        destroy.call(request, failure);
      });
  }

  /** From here on the body is received and not kept. */
  function drop(): void {
    isDropped = true;
    release();
    if (isReceived) end();
    else pull();
  }

  /** The engines go back. */
  function release(): void {
    decoded?.destroy();
    received.destroy();
  }

  function end(): void {
    if (failure === undefined) {
      push.call(request, null);
      if (internals._dumped) request.resume();
    } else {
      // There is no 'end' after an error. Who has to know when all has come looks at `complete`, or as body-parser and multer do waits for one of these.
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
      // As IncomingMessage: an error that nobody listens to does not end the process.
      callback(request.listenerCount('error') > 0 ? reason : null);
    if (failure !== undefined) {
      drop();
      done(failure);
    } else {
      release();
      _destroy.call(request, error, done);
    }
  };

  // Of HTTP/1 it is destroyed already.
  request.once('aborted', () => {
    destroy.call(request, Object.assign(new Error('aborted'), { code: 'ECONNRESET' }));
  });
}

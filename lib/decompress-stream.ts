/**
 * The stream: a Transform that behaves as node:zlib's do and drives a leased engine. It leases at the first
 * byte and gives back right after its own 'close', which it holds back while a native write is in flight.
 * Small steps run on the main thread, one tick after the write and in the order that node:zlib's
 * events have; long ones go on in the threadpool, on the same engine.
 */
import { AsyncResource } from 'node:async_hooks';
import { finished, Transform, type TransformCallback, type TransformOptions } from 'node:stream';
import { constants } from 'node:zlib';
import type { Engine } from './engine.ts';
import { codedError } from './errors.ts';
import { type Format, stockStream } from './formats.ts';
import { engineOf, type Lease } from './lease.ts';
import type { Pool } from './pool.ts';
import { type DecompressOptions, type StreamSettings, streamSettings } from './stream-settings.ts';
import { enqueueTick } from './tick-queue.ts';
import { turn } from './turn.ts';

/**
 * Where a stream is with the chunk it was given.
 * idle: has none. queued: waits for its tick. running: on the stack. inFlight: in the threadpool.
 * paused: waits for its reader. sealed: closed, for good.
 */
type Phase = 'idle' | 'queued' | 'running' | 'inFlight' | 'paused' | 'sealed';

/**
 * Output of the threadpool is made in slabs of this length, which doubles with each slab that is filled while the
 * reader keeps up: a slow one gains nothing by big slabs, and they pile up until the garbage collector comes. Bytes.
 */
const FIRST_SLAB_LENGTH = 65_536;
const LAST_SLAB_LENGTH = 262_144;

/** Input of up to this length waits for the next turn of the event loop where this one is used up. Bytes. */
const WAITING_LENGTH = 2_048;

/**
 * Slabs that were not filled, for the next write in the threadpool: most messages fit in less than one, and memory
 * of 64 KB a message would wait for the garbage collector by the thousand. At most 1 MB a thread.
 */
const SPARE_SLABS = 16;
const spareSlabs: Buffer[] = [];

function slabOf(length: number): Buffer {
  return (length <= FIRST_SLAB_LENGTH && spareSlabs.pop()) || Buffer.allocUnsafeSlow(length);
}

const NOTHING = Buffer.alloc(0);

/** Empty chunks that carry a flush through the queue of writes, one a kind of flush. */
const kFlush = Symbol('zlease.flush');
type Marked = Buffer & { [kFlush]?: number };
const { Z_NO_FLUSH, Z_PARTIAL_FLUSH, Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_FINISH, Z_BLOCK } = constants;
const flushesByStrength = [Z_NO_FLUSH, Z_BLOCK, Z_PARTIAL_FLUSH, Z_SYNC_FLUSH, Z_FULL_FLUSH, Z_FINISH];
const flushMarks = new Map<unknown, Marked>(
  flushesByStrength.map((flush) => [flush, Object.assign(Buffer.alloc(0), { [kFlush]: flush })]),
);

/** What small output is made in before it is copied: one for the thread, as it is used between two statements only. */
let scratch = NOTHING;

/**
 * A pooled decompression stream, made by a pool's `create*` methods. Its options, methods, events and errors
 * are those of node:zlib's decompressing streams.
 */
export class DecompressStream extends Transform {
  /** Compressed bytes used up so far (`bytesWritten` of node:zlib's streams). */
  bytesWritten = 0;

  readonly #pool: Pool;
  readonly #settings: StreamSettings;
  readonly #maxOutputLength: number;
  /** The async context of the stream's creation, in which its events happen, as those of a native handle do. */
  readonly #context = new AsyncResource('ZLEASE');
  #lease: Lease | undefined;
  #phase: Phase = 'idle';

  // The chunk that is being inflated.
  #chunk: Buffer = NOTHING;
  #offset = 0;
  #left = 0;
  #flag = Z_NO_FLUSH;
  #done: TransformCallback | undefined;
  /** What the main thread has made of it. */
  #inlineLength = 0;

  /** Made since the start or the last reset(). */
  #outputLength = 0;
  #slab: Buffer = NOTHING;
  #slabLength = FIRST_SLAB_LENGTH;
  /** The turn of the event loop in which the reader was last full. */
  #pausedIn = 0;
  /** Room that the write in flight was given. */
  #room = 0;
  /** How full node:zlib's output chunk would be: on the main thread, and with a chunkSize, output is cut where it cuts it. */
  #chunkFilled = 0;
  #heldDestroy: [error: Error | null, callback: (error?: Error | null) => void] | undefined;

  /**
   * @param pool leases the engine
   * @param format of the data
   * @param options those of node:zlib
   * @throws what the constructor of node:zlib's stream throws for these options
   */
  constructor(pool: Pool, format: Format, options?: DecompressOptions) {
    const settings = streamSettings(format, options);
    super(transformOptions(options));
    this.#pool = pool;
    this.#settings = settings;
    this.#maxOutputLength = settings.maxOutputLength || pool.settings.maxOutputLength;
  }

  /**
   * Has what is pending inflated and pushed, then calls back.
   * @param kind one of zlib's flush constants, default `Z_FULL_FLUSH`
   */
  flush(kind?: number | (() => void), callback?: () => void): void {
    if (typeof kind === 'function' || (kind === undefined && callback === undefined)) {
      callback = kind as (() => void) | undefined;
      kind = Z_FULL_FLUSH;
    }
    let mark = flushMarks.get(kind);
    if (mark === undefined) {
      const stock = stockStream(this.#settings.kind.format);
      // Throws, in the words of this Node, or takes the value for its default.
      stock.flush(kind as number);
      stock.close();
      mark = flushMarks.get(Z_FULL_FLUSH) as Marked;
    }
    if (this.writableFinished) {
      if (callback !== undefined) process.nextTick(callback);
    } else if (this.writableEnded) {
      if (callback !== undefined) this.once('end', callback);
    } else {
      this.write(mark, callback);
    }
  }

  /**
   * Makes the engine as new, for another message on the same stream; also inside 'data'.
   * @throws `ERR_LEASE_SEALED` when the stream is destroyed; an error while a write is in progress, as node:zlib from Node 22 on.
   */
  reset(): void {
    if (this.destroyed) throw codedError('ERR_LEASE_SEALED');
    if (this.#phase === 'queued' || this.#phase === 'inFlight') {
      throw new Error('Cannot reset zlib stream while a write is in progress');
    }
    if (this.#lease !== undefined) engineOf(this.#lease).reset();
    this.#outputLength = 0;
  }

  /** Destroys the stream. @param callback called once it is closed */
  close(callback?: (error?: NodeJS.ErrnoException | null) => void): void {
    if (callback !== undefined) finished(this, callback);
    this.destroy();
  }

  override _transform(chunk: Marked, _encoding: BufferEncoding, callback: TransformCallback): void {
    if (this.#phase === 'sealed') {
      process.nextTick(callback);
      return;
    }
    let flag = this.#settings.flush;
    if (chunk.byteLength === 0 && chunk[kFlush] !== undefined) flag = chunk[kFlush];
    if (this.writableEnded && this.writableLength === chunk.byteLength)
      flag = stronger(flag, this.#settings.finishFlush);
    this.#chunk = chunk;
    this.#offset = 0;
    this.#left = chunk.byteLength;
    this.#flag = flag;
    this.#inlineLength = 0;
    this.#done = callback;
    this.#enqueue();
  }

  override _flush(callback: TransformCallback): void {
    this.#done = callback;
    enqueueTick(this.#context, this.#flushLast, this);
  }

  /** As node:zlib: the last flush comes after 'prefinish', not before 'finish'. */
  override _final(callback: (error?: Error | null) => void): void {
    callback();
  }

  override _read(size: number): void {
    if (this.#phase === 'paused') {
      if (turn.number !== this.#pausedIn) this.#slabLength = FIRST_SLAB_LENGTH;
      this.#enqueue();
    }
    super._read(size);
  }

  override _destroy(error: Error | null, callback: (error?: Error | null) => void): void {
    if (this.#phase === 'inFlight') this.#heldDestroy = [error, callback];
    else this.#seal(error, callback);
  }

  /** A tick after 'prefinish', to be a tick after 'finish' with what it pushes. */
  #flushLast(): void {
    this._transform(NOTHING, 'binary', this.#done as TransformCallback);
  }

  #enqueue(): void {
    this.#phase = 'queued';
    enqueueTick(this.#context, this.#run, this);
  }

  #run(): void {
    if (this.#phase !== 'queued') return;
    try {
      this.#lease ??= this.#pool.leaseKind(this.#settings.kind, this);
    } catch (error) {
      this.#fail(error as Error);
      return;
    }
    this.#drive(engineOf(this.#lease));
  }

  /** Writes until the chunk is used up, the reader is full, or the threadpool has it. A loop: bombs would overflow a stack. */
  #drive(engine: Engine): void {
    for (;;) {
      this.#phase = 'running';
      if (this.#offset + this.#left > this.#chunk.byteLength) {
        this.#fail(codedError('ERR_BUFFER_DETACHED'));
        return;
      }
      const room = this.#inlineRoom(engine);
      if (room === 0) {
        if (this.#shouldWait(engine)) this.#wait();
        else this.#send(engine);
        return;
      }
      if (scratch.length < room) scratch = Buffer.allocUnsafeSlow(room);
      engine.writeSync(this.#flag, this.#chunk, this.#offset, this.#left, scratch, room);
      if (!this.#absorb(engine, scratch, room)) return;
    }
  }

  /** Room for output that the main thread may make of the rest of the chunk now; 0 where it is the threadpool's. */
  #inlineRoom(engine: Engine): number {
    const { inputLength, outputLength, turnLength } = this.#pool.settings.inline;
    if (!engine.inline || this.#left > inputLength || turn.inflatedLength >= turnLength) return 0;
    const room = Math.max(0, outputLength - this.#inlineLength);
    const chunkRoom = this.#chunkRoom();
    // A chunkSize is kept to the byte: what does not fit goes on in the threadpool.
    if (room < chunkRoom && this.#settings.chunkLength !== 0) return 0;
    return this.#limited(Math.min(room, chunkRoom));
  }

  /** Where only the turn is used up, and the input is so short that the way to the threadpool costs more than inflating it. */
  #shouldWait(engine: Engine): boolean {
    const { inputLength, outputLength, turnLength } = this.#pool.settings.inline;
    const { length } = this.#chunk;
    return (
      engine.inline &&
      length <= WAITING_LENGTH &&
      length <= inputLength &&
      this.#inlineLength < outputLength &&
      turnLength > 0
    );
  }

  #wait(): void {
    this.#phase = 'queued';
    turn.whenFree(this.#pool.settings.inline.turnLength, () => this.#context.runInAsyncScope(this.#run, this));
  }

  /** What node:zlib would have left of its current output chunk. */
  #chunkRoom(): number {
    return (this.#settings.chunkLength || constants.Z_DEFAULT_CHUNK) - this.#chunkFilled;
  }

  /** Never more than one byte over the limit, so that a bomb is stopped before it is inflated. */
  #limited(room: number): number {
    return Math.min(room, this.#maxOutputLength - this.#outputLength + 1);
  }

  #send(engine: Engine): void {
    const room = this.#limited(this.#settings.chunkLength === 0 ? this.#slabLength : this.#chunkRoom());
    if (this.#slab.length < room) this.#slab = slabOf(room);
    this.#room = room;
    this.#phase = 'inFlight';
    engine.write(this.#flag, this.#chunk, this.#offset, this.#left, this.#slab, room, () => {
      this.#context.runInAsyncScope(this.#landed, this);
    });
  }

  #landed(): void {
    if (this.#heldDestroy !== undefined) {
      this.#seal(...this.#heldDestroy);
      return;
    }
    this.#phase = 'running';
    const engine = engineOf(this.#lease as Lease);
    if (this.#absorb(engine, this.#slab, this.#room)) this.#drive(engine);
  }

  /**
   * Takes in what a write has given: pushes the output, and ends the chunk where that was all.
   * @returns whether to write again at once
   */
  #absorb(engine: Engine, output: Buffer, room: number): boolean {
    if (engine.failure !== undefined) {
      this.#fail(engine.failure);
      return false;
    }
    // Read before anything is pushed: whoever listens to 'data' may reset the engine.
    const { availIn, availOut } = engine;
    const used = this.#left - availIn;
    const made = room - availOut;
    this.#offset += used;
    this.#left = availIn;
    this.bytesWritten += used;
    this.#outputLength += made;
    this.#pool.count(used, made);
    if (this.#outputLength > this.#maxOutputLength) {
      this.#fail(
        codedError('ERR_BUFFER_TOO_LARGE', `Cannot create a Buffer larger than ${this.#maxOutputLength} bytes`),
      );
      return false;
    }
    if (output === scratch) {
      this.#inlineLength += made;
      turn.spend(Math.max(used, made));
    }
    let wanted = true;
    if (made > 0) {
      this.#chunkFilled = (this.#chunkFilled + made) % (this.#settings.chunkLength || constants.Z_DEFAULT_CHUNK);
      wanted = this.push(this.#handOut(output, made));
      if (this.destroyed) {
        this.#settle();
        return false;
      }
    }
    if (availOut === 0) {
      if (!wanted) this.#pause();
      return wanted;
    }
    if (availIn > 0) {
      if (this.#settings.rejectGarbageAfterEnd) {
        const error = codedError('ERR_TRAILING_JUNK_AFTER_STREAM_END');
        this.destroy(error);
        this.#settle(error);
        return false;
      }
      this.push(null);
    }
    this.#settle();
    return false;
  }

  /** What is left in a slab was never handed out: it may serve another write, of any stream. */
  #dropSlab(): void {
    if (this.#slab.length === FIRST_SLAB_LENGTH && spareSlabs.length < SPARE_SLABS) spareSlabs.push(this.#slab);
    this.#slab = NOTHING;
  }

  #pause(): void {
    this.#phase = 'paused';
    this.#pausedIn = turn.number;
    turn.watch();
  }

  /** A slab that is full is handed out as it is and never used again; anything else is copied to its exact length. */
  #handOut(output: Buffer, length: number): Buffer {
    if (output === this.#slab && length === output.length) {
      this.#slab = NOTHING;
      this.#slabLength = Math.min(2 * this.#slabLength, LAST_SLAB_LENGTH);
      return output;
    }
    const chunk = Buffer.allocUnsafe(length);
    output.copy(chunk, 0, 0, length);
    return chunk;
  }

  /** Ends the chunk. */
  #settle(error?: Error): void {
    const done = this.#done as TransformCallback;
    this.#done = undefined;
    this.#chunk = NOTHING;
    this.#dropSlab();
    if (this.#phase !== 'sealed') this.#phase = 'idle';
    done(error);
  }

  /** As in node:zlib, a write that failed never calls back: the error is the answer. */
  #fail(error: Error): void {
    this.#phase = 'idle';
    this.#done = undefined;
    this.destroy(error);
  }

  /** From here on the stream has no engine. The lease ends right after 'close', and the write it cut short calls back then. */
  #seal(error: Error | null, callback: (error?: Error | null) => void): void {
    const lease = this.#lease;
    const cutShort = this.#phase === 'queued' || this.#phase === 'inFlight' ? this.#done : undefined;
    const clean = error === null && this.#heldDestroy === undefined;
    this.#lease = undefined;
    this.#phase = 'sealed';
    this.#dropSlab();
    // Schedules 'close', where 'close' is emitted at all: what is scheduled next comes right after it.
    callback(error);
    if (lease !== undefined || cutShort !== undefined) process.nextTick(afterClose, lease, clean, cutShort);
  }
}

function afterClose(lease: Lease | undefined, clean: boolean, cutShort: TransformCallback | undefined): void {
  if (clean) lease?.release();
  else lease?.discard();
  cutShort?.();
}

function stronger(a: number, b: number): number {
  return flushesByStrength.indexOf(a) > flushesByStrength.indexOf(b) ? a : b;
}

/** As node:zlib: no string or object modes on a stream of bytes, where they were asked for. `flush` is zlib's, a number. */
function transformOptions(options: DecompressOptions | undefined): TransformOptions | undefined {
  if (options === undefined || options === null) return undefined;
  const { flush: _flush, ...rest } = options;
  return {
    autoDestroy: true,
    ...rest,
    encoding: undefined,
    objectMode: false,
    writableObjectMode: false,
  } as TransformOptions;
}

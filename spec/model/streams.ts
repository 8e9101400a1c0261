/** A stream of a run: what it was given, what came out of it, and what it is to be like because of that. */
import type { Engine } from '../../lib/engine/contract.ts';
import type { DecompressStream } from '../../lib/index.ts';
import { abort } from './abort.ts';
import { claim } from './model.ts';
import { BAD, type Dish, dictionary, formatOf, INFLATE_ERROR, NO_DATA, recovers, sampleOf } from './samples.ts';
import { type Leaser, type Moment, streamEvents } from './watch.ts';
import type { World } from './world.ts';

export interface StreamTerms {
  dish: Dish;
  length: number;
  bad: boolean;
  reader: 'data' | 'readable' | 'resume' | 'none';
  withSignal: boolean;
  autoDestroy: boolean;
  emitClose: boolean;
}

export class StreamClient implements Leaser {
  readonly name: string;
  /** Undefined once it was dropped. */
  stream: DecompressStream | undefined;
  abort: AbortController | undefined;
  readonly #world: World;
  readonly #terms: StreamTerms;
  readonly #plain: Buffer;
  readonly #data: Buffer;
  #written = 0;
  #firstLength = 0;
  #made = 0;
  #flowing: boolean;
  #ended = false;
  /** Codes that it may fail with; undefined among them where it was told to end without one. */
  readonly #ends = new Set<string | undefined>();
  readonly #errors: Array<string | undefined> = [];
  #wholeSeen = false;
  #closes = 0;
  #maybeAborted = false;
  #midway = false;
  /** Writes that have not called back. */
  #unanswered = 0;
  /** Set when node:stream may leave out write callbacks: one has thrown, or a full stream was read. */
  #answersLost = false;
  /** Set when a listener of 'error' throws: Node does not emit 'close' then. */
  #closeLost = false;
  #lease: number | undefined;
  #engine: Engine | undefined;

  constructor(world: World, terms: StreamTerms, seed: number) {
    const { dish, length, bad } = terms;
    const { plain, data } = sampleOf(dish, length, seed);
    this.name = `${dish} ${seed}`;
    this.#world = world;
    this.#terms = terms;
    this.#plain = plain;
    this.#data = bad ? NO_DATA : data;
    this.#flowing = terms.reader !== 'none';
    this.abort = terms.withSignal ? new AbortController() : undefined;
    this.stream = this.#make();
    world.watch.owners.set(this.stream, this);
  }

  get reusable(): boolean | undefined {
    const { dish, bad, length } = this.#terms;
    if (dish === 'with a dictionary') return false;
    // Its engine may have made more than came out.
    if (dish === 'zstd' && length > 262_144) return this.#made > 262_144 ? false : undefined;
    // One byte does not always tell what there is to unzip.
    if (formatOf(dish) === 'unzip') return this.#firstLength > (bad || dish === 'deflate as unzip' ? 0 : 1);
    return true;
  }

  /** Whether it may be destroyed, written to and so on. */
  get live(): boolean {
    return this.stream?.destroyed === false;
  }

  get writable(): boolean {
    return this.live && !this.#ended && this.#written < this.#data.length;
  }

  get endable(): boolean {
    return this.live && !this.#ended;
  }

  /** At its end, and still there. */
  get over(): boolean {
    return this.#wholeSeen;
  }

  get closing(): boolean {
    return this.stream?.destroyed === true && !this.stream.closed;
  }

  get closed(): boolean {
    return this.stream?.closed === true;
  }

  leased(id: number, engine: Engine): void {
    claim(this.#lease === undefined, `${this.name} leases twice`);
    this.#lease = id;
    this.#engine = engine;
  }

  refused(code: string | undefined): void {
    this.#ends.add(code);
  }

  endsClean(engine: Engine): boolean | undefined {
    if (this.stream === undefined) return undefined;
    if (this.#midway) return false;
    const { errored } = this.stream as { errored: NodeJS.ErrnoException | null };
    if (errored === null) return engine.failure === undefined || recovers(engine);
    return recovers(engine) && INFLATE_ERROR.test(String(errored.code));
  }

  write(share: number): void {
    const rest = this.#data.length - this.#written;
    const length = Math.max(1, Math.ceil(rest * share));
    if (this.#written === 0) this.#firstLength = length;
    const piece = this.#data.subarray(this.#written, this.#written + length);
    this.#written += length;
    // Not the sample itself: somebody might write into it.
    this.#unanswered += 1;
    this.stream?.write(Buffer.from(piece), () => {
      this.#unanswered -= 1;
      this.#userCode('written');
    });
  }

  end(): void {
    this.#ended = true;
    this.stream?.end();
  }

  read(): void {
    const chunk = this.#read(this.stream as DecompressStream);
    claim(chunk === null || !this.#wholeSeen, 'something is read after the end (P3)');
  }

  resume(): void {
    this.#flowing = true;
    this.stream?.resume();
  }

  pause(): void {
    // Listeners of 'readable' read on.
    this.#flowing = this.#terms.reader === 'readable';
    this.stream?.pause();
  }

  forgetListeners(): void {
    this.stream?.removeAllListeners('close');
  }

  destroy(how: 'close' | 'destroy' | 'destroy with an error'): void {
    this.#noteMidway();
    if (how === 'destroy with an error') {
      this.#ends.add('MINE');
      this.stream?.destroy(Object.assign(new Error('mine'), { code: 'MINE' }));
    } else {
      this.#ends.add(undefined);
      this.stream?.[how]();
    }
    claim(this.stream?.destroyed === true, `${this.name} is not destroyed`);
  }

  /** Makes no difference (P4). */
  destroyAgain(how: 'close' | 'destroy'): void {
    this.stream?.[how]();
  }

  endItself(pick: number): void {
    if (this.live) this.destroy((['close', 'destroy', 'destroy with an error'] as const)[pick % 3] as 'close');
    else this.destroyAgain('close');
  }

  abortItself(): void {
    if (this.abort !== undefined) this.aborted();
  }

  aborted(): void {
    // Who has seen its end, listens to its signal no more: it may have been just too late.
    if (this.#wholeSeen) this.#maybeAborted = true;
    else if (this.live) this.#ends.add('ABORT_ERR');
    this.#noteMidway();
    abort(this.abort);
  }

  /** @param code of the error that the pool was destroyed with */
  poolDestroyed(code: string): void {
    if (this.live && this.#lease !== undefined) this.#ends.add(code);
    this.#noteMidway();
  }

  /** Every way in after 'close', at once. None may lead to an engine (P3). */
  tryDoors(): void {
    const stream = this.stream as DecompressStream;
    this.#takeLeftovers(stream);
    const before = this.#world.watch.activity;
    let code: unknown;
    try {
      stream.reset();
    } catch (error) {
      ({ code } = error as NodeJS.ErrnoException);
    }
    claim(code === 'ERR_LEASE_SEALED', 'reset() after close does not say that it is sealed (P3)');
    stream.write(NO_DATA, () => {});
    stream.flush(() => {});
    stream.end();
    stream.close();
    stream.destroy(new Error('too late'));
    stream._transform(NO_DATA, 'binary', () => {});
    claim(this.#world.watch.activity === before, 'something happens after close (P3)');
  }

  drop(): void {
    this.stream = undefined;
    this.abort = undefined;
    this.#engine = undefined;
  }

  /** What holds at any moment. */
  check(): void {
    const { stream } = this;
    if (stream === undefined) return;
    const waits = this.#world.model.waits(this);
    claim(!waits || !stream.destroyed, `${this.name} is destroyed and waits for an engine`);
    claim(this.#errors.length <= 1, `${this.name} has more errors than one`);
    claim(this.#closes <= 1, `${this.name} closes twice`);
  }

  /** What holds when nothing more is going to happen by itself. */
  checkAtRest(): void {
    const { stream } = this;
    if (stream === undefined) return;
    const { model } = this.#world;
    const waits = model.waits(this);
    const leases = this.#lease !== undefined && model.out.has(this.#lease);
    const [error] = this.#errors;
    const { autoDestroy, emitClose, bad } = this.#terms;
    const served = this.#lease !== undefined;
    const all = this.#written === this.#data.length;
    if (stream.destroyed) {
      claim(stream.closed, `${this.name} is destroyed and does not close`);
      claim(this.#closes === (emitClose && !this.#closeLost ? 1 : 0), `${this.name} closes ${this.#closes} times`);
      claim(!leases, `${this.name} is closed and has its engine (P2)`);
      const lost = error !== undefined || this.#answersLost;
      claim(lost || this.#unanswered === 0, `${this.name} is closed, and a write has not called back`);
      this.#checkEnd(error);
    } else {
      claim(error === undefined, `${this.name} failed with ${error} and lives`);
      claim(this.#ends.size === 0, `${this.name} was to end with ${[...this.#ends].join()} and lives`);
      const asked = this.#written > 0 || this.#ended;
      claim((waits || leases) === asked, `${this.name} has no engine and does not wait (P2)`);
      const good = served && all && !bad && this.#flowing;
      claim(!good || this.#made === this.#plain.length, `${this.name} does not give all that it has`);
      claim(!good || this.#unanswered === 0, `${this.name} has taken a write that has not called back`);
      // With autoDestroy off, too: it is not the stream's end that destroys it then, but its error.
      claim(!(bad && all && served && this.#flowing), `${this.name} takes bad data`);
      const over = this.#ended && this.#flowing && served;
      claim(!over || !autoDestroy, `${this.name} does not end`);
      claim(!over || this.#wholeSeen, `${this.name} does not see its end`);
    }
  }

  #checkEnd(error: string | undefined): void {
    const { bad, dish } = this.#terms;
    const all = this.#written === this.#data.length;
    const truncated = this.#ended && !all;
    const whole = this.#ended && all && !bad;
    const allowed =
      this.#ends.has(error) ||
      (this.#maybeAborted && error === 'ABORT_ERR') ||
      (bad && error !== undefined && BAD.test(error)) ||
      (truncated && error === 'Z_BUF_ERROR') ||
      (truncated && dish === 'zstd') ||
      // Where it may be one member that is all there.
      (truncated && dish === 'two members as unzip' && this.#wholeSeen) ||
      (whole && error === undefined && this.#wholeSeen);
    claim(allowed, `${this.name} ends with ${error}`);
    if (!this.#wholeSeen) return;
    claim(truncated || whole, `${this.name} comes to an end that it has not (P5)`);
    claim(truncated || this.#made === this.#plain.length, `${this.name} ends before its data (P5)`);
  }

  #make(): DecompressStream {
    const { dish, reader, autoDestroy, emitClose } = this.#terms;
    const stream = this.#world.pool.createDecompress(formatOf(dish), {
      autoDestroy,
      emitClose,
      ...(dish === 'with a dictionary' ? { dictionary } : {}),
      ...(this.abort === undefined ? {} : { signal: this.abort.signal }),
    });
    const emit = stream.emit.bind(stream);
    const destroy = stream.destroy.bind(stream);
    stream.destroy = (error) => {
      // A Transform that is full keeps the callback for its reader, who is gone. So does node:zlib's.
      if (stream.readableLength >= stream.readableHighWaterMark) this.#answersLost = true;
      return destroy(error);
    };
    // Not by listeners: some runs take all of 'close' away.
    stream.emit = (name: string, ...args: unknown[]) => {
      this.#seen(name, args[0]);
      return emit(name, ...args);
    };
    for (const event of streamEvents) {
      // These two change how the stream is read.
      if ((event !== 'data' && event !== 'readable') || event === reader) stream.on(event, () => this.#userCode(event));
    }
    if (reader === 'readable') {
      stream.on('readable', () => {
        while (!stream.destroyed && stream.read() !== null);
      });
    }
    if (reader === 'resume') stream.resume();
    return stream;
  }

  #userCode(moment: Moment): void {
    try {
      this.#world.watch.moment(moment, this);
    } catch (error) {
      // node:stream catches it, as with node:zlib: a stream that is not destroyed emits it as 'error'.
      const isInRead = moment === 'written' && / \S+\._read /.test((error as Error).stack as string);
      if (isInRead) this.#world.watch.caught(error);
      // Such a stream emits 'error' and stays open until its user destroys it.
      if (isInRead && !this.#terms.autoDestroy) return;
      const isLast = moment === 'written' && this.#ended && this.stream?.writableLength === 0;
      if (this.live && (isInRead || isLast || moment === 'data' || moment === 'readable')) {
        this.#noteMidway();
        this.#ends.add(undefined);
      }
      if (moment === 'written') this.#answersLost = true;
      if (moment === 'error') this.#closeLost = true;
      throw error;
    }
  }

  /** The exception of a 'data' listener goes to the caller of read(). */
  #read(stream: DecompressStream): Buffer | null {
    try {
      return stream.read();
    } catch (error) {
      this.#world.watch.caught(error);
      return this.#read(stream);
    }
  }

  #seen(name: string, value: unknown): void {
    const { watch } = this.#world;
    watch.activity += 1;
    if (name === 'data') watch.keep(() => this.#take(value as Buffer));
    else if (name === 'end') this.#wholeSeen = true;
    else if (name === 'error') this.#errors.push((value as NodeJS.ErrnoException).code);
    else if (name === 'close') this.#closed();
    if (name === 'error' || name === 'close' || name === 'end') watch.note(this.name, name);
  }

  #take(chunk: Buffer): void {
    const own = this.#plain.subarray(this.#made, this.#made + chunk.length);
    claim(own.equals(chunk), `${this.name} gives bytes that are not its own (P1, P5)`);
    this.#made += chunk.length;
  }

  /** What was made before, and nobody had taken: it is still there, as with node:zlib, with or without a 'data'. */
  #takeLeftovers(stream: DecompressStream): void {
    for (;;) {
      const before = this.#made;
      const chunk = this.#read(stream);
      if (chunk === null) break;
      this.#answersLost = true;
      if (this.#made === before) this.#take(chunk);
    }
  }

  /** It has its engine until here, and a tick later has it no more. */
  #closed(): void {
    const { watch, model } = this.#world;
    this.#closes += 1;
    const id = this.#lease;
    if (id === undefined) return;
    watch.keep(() => {
      claim(model.out.has(id), `${this.name} gives its engine back before it closes (P2)`);
      claim(this.#engine?.busy !== true, `${this.name} closes during a write (P2)`);
    });
    process.nextTick(() => watch.keep(() => claim(!model.out.has(id), `${this.name} keeps its engine (P2)`)));
  }

  #noteMidway(): void {
    if (this.live && this.#engine?.busy) this.#midway = true;
  }
}

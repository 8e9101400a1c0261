/**
 * Drives a leased engine for one owner: a stream, a whole message or a web stream. The driver owns
 * the lease until the owner ends it. It also owns the place in a queue, the budget, the limits, the
 * output memory and the pause. The owner decides the order of events, when to report an error, and
 * when to end the lease. Each wait is a state of its own. A wake-up that finds another state does
 * nothing. The driver completes its state before each call of its owner and each publish. After the
 * call, it reads the state again.
 */
import { type Engine, endsWithChunk, inputFault } from '../engine/contract.ts';
import { handOut, memoryFor } from '../engine/memory.ts';
import { engineOf, type Lease } from '../pool/lease.ts';
import { runIn } from '../schedule/context.ts';
import { threadpool } from '../schedule/threadpool.ts';
import { turn } from '../schedule/turn.ts';
import { Lessee } from './lessee.ts';
import { FIRST_LENGTH, Output } from './output.ts';
import { USUAL_RATIO, WHOLE_LENGTH } from './transfer.ts';

export class Driver extends Lessee {
  /** Begins an input: in a tick of its own, unless `atOnce`. The driver has to be idle. */
  begin(input: Buffer, flush: number, atOnce = false): void {
    this.take(input, this.owner.keepsAll);
    this.flush = flush;
    if (atOnce) this.start();
    else this.enqueue();
  }

  /**
   * Converts an input on the calling thread, whatever other work waits.
   * @returns false, with no work done, if the engine can't run on the main thread
   * @throws an error of the pool
   */
  runNow(input: Buffer, flush: number): boolean {
    this.take(input, true);
    this.flush = flush;
    const engine = this.engineNow(input);
    if (engine === undefined) return true;
    if (!engine.inline) return false;
    this.state = 'running';
    for (let goesOn = true; goesOn; ) {
      const expected = this.expected(engine.kind);
      const room = this.nowRoom(engine.kind, expected);
      const memory = memoryFor(room, expected > 0 ? room - 1 : 0);
      engine.writeSync(flush, input, this.offset, this.left, memory, room);
      goesOn = this.#absorb(engine, memory, room);
    }
    return true;
  }

  /** Resumes a paused input, in a tick of its own. */
  resume(): void {
    if (this.state !== 'paused') return;
    this.output?.readerIsBack();
    this.enqueue();
  }

  /** Keeps an idle driver from being reset until `free()`. */
  hold(): void {
    this.state = 'held';
  }

  /** Ends a `hold()`, or the hold that follows an error. */
  free(): void {
    if (this.state === 'held') this.state = 'idle';
  }

  /** Resets the engine and the totals. The owner may call it in `onOutput()`. */
  reset(): void {
    if (this.lease !== undefined) engineOf(this.lease).reset();
    // A reset of node:zlib's handle may lose its parameters. The later engine is reset too.
    else if (this.settings.kind.options.params !== undefined) this.change = 'reset';
    this.restart();
    this.whole = undefined;
  }

  protected override fail(error: Error | undefined): void {
    this.state = 'held';
    this.owner.onError(error);
  }

  /** Writes until the input is consumed or the driver waits. Recursion could overflow the stack. */
  protected override drive(engine: Engine): void {
    const { inline } = this.pool.settings;
    for (;;) {
      this.state = 'running';
      const { input, left } = this;
      const fault = inputFault(input, this.offset + left);
      if (fault !== undefined) {
        this.fail(fault);
        return;
      }
      if (this.change !== undefined) this.applyChange(engine);
      const isTry = this.#mayBeWhole(engine);
      // An encoder that has begun to finish may not be given another flush.
      if (isTry && engine.kind.codec.compresses) this.flush = engine.kind.codec.finishFlush;
      const expected = this.expected(engine.kind);
      const room = engine.inline
        ? this.inlineRoom(engine.kind, expected, inline.outputLength - this.inlineLength, isTry, this.owner.keepsAll)
        : 0;
      const where = room <= 0 ? 'threadpool' : this.placeOf(engine.kind, expected);
      // An empty chunk, such as the last flush, is cheap. A wait would keep the engine leased.
      if (where === 'turn' && input.length > 0) {
        this.awaitTurn();
        return;
      }
      if (where === 'threadpool') {
        this.#send(engine, expected, isTry);
        return;
      }
      if (input.length === 0 && turn.isFullOfEmptySteps) {
        this.state = 'turn';
        turn.whenFreeOfEmptySteps(this.context, this.turned, this);
        return;
      }
      const memory = memoryFor(room, isTry || this.owner.keepsAll ? Math.max(0, expected) : 0);
      if (isTry) this.whole = engine.writeWhole(input, memory, room, this.chunkRoom);
      else engine.writeSync(this.flush, input, this.offset, left, memory, room);
      const isUndone = isTry && this.whole === 'undone';
      if (engine.failed || isUndone) {
        // The engine does not report the length of such output. The output is most often short.
        turn.spend(Math.max(1, Math.min(room, USUAL_RATIO * left)));
        if (isUndone) continue;
      } else {
        const made = room - engine.availOut;
        this.inlineLength += made;
        const { workPerByte, workPerMessage } = engine.kind;
        const work = workPerByte * (left - engine.availIn) + (this.inputLength === 0 ? workPerMessage : 0);
        turn.spend(Math.max(work, made, input.length > 0 ? 1 : 0));
      }
      if (!this.#absorb(engine, memory, room)) return;
    }
  }

  /** Returns whether the input is a whole message without output so far. */
  #mayBeWhole(engine: Engine): boolean {
    const { codec, wholeLength, reusable } = engine.kind;
    return (
      this.whole === undefined &&
      this.inputLength === 0 &&
      this.offset === 0 &&
      !this.owner.keepsAll &&
      engine.inline &&
      // An encoder has to make the same output of one write. A decoder has to be able to go back.
      (codec.compresses ? this.left <= wholeLength && !this.isChanged : codec.byZlib && reusable) &&
      this.owner.isWhole()
    );
  }

  #send(engine: Engine, expected: number, isTry: boolean): void {
    const { chunkLength } = this.settings;
    const { keepsAll } = this.owner;
    const { compresses, finishFlush, slots } = engine.kind.codec;
    this.output ??= new Output(this.owner.keepsUp(false));
    const output = this.output;
    const most = this.limited(Number.POSITIVE_INFINITY);
    const hint = Math.max(0, expected);
    try {
      let memory: Buffer;
      if (chunkLength !== 0 && !(isTry && compresses)) memory = output.ofLength(this.cutRoom(engine.kind));
      else if (keepsAll && hint > WHOLE_LENGTH) memory = output.exactly(this.expectedRoom(hint));
      else memory = output.forOutput(hint, most, keepsAll ? 0 : this.input.length);
      engine.write(isTry ? finishFlush : this.flush, this.input, this.offset, this.left, memory, output.room, () => {
        runIn(this.context, this.#completed, this);
      });
    } catch (error) {
      // There is no memory for the output.
      this.fail(error as Error);
      return;
    }
    this.state = isTry ? 'trying' : 'inFlight';
    this.slots = Math.max(this.slots, slots(this.input.length));
    threadpool.sent(this.slots);
  }

  #completed(): void {
    threadpool.completed(this.slots);
    if (this.state === 'stopping') {
      this.state = 'stopped';
      this.output?.drop();
      this.owner.onStopped();
      return;
    }
    const isTry = this.state === 'trying';
    this.state = 'running';
    const engine = engineOf(this.lease as Lease);
    const { room } = this.output as Output;
    if (isTry) this.whole = engine.settleWhole(room, this.chunkRoom);
    if ((isTry && this.whole === 'undone') || this.#absorb(engine, undefined, room)) this.drive(engine);
  }

  /**
   * Counts the result of a write, hands its output out, and ends a consumed input.
   * @param memory - memory of a write on the main thread. The threadpool writes to `output`
   * @returns whether to write again at once
   */
  #absorb(engine: Engine, memory: Buffer | undefined, room: number): boolean {
    if (engine.failed) {
      this.fail(undefined);
      return false;
    }
    // Read before the output is handed out: the owner may reset the engine.
    const { availIn, availOut } = engine;
    const used = this.left - availIn;
    const made = this.count(engine, this.flush, room);
    this.owner.bytesWritten += used;
    this.pool.count(used, made);
    const excess = this.excess;
    if (excess !== undefined) {
      this.fail(excess);
      return false;
    }
    let wanted = true;
    if (made > 0) {
      const isFirst = this.outputLength === made;
      let chunk: Buffer;
      try {
        chunk = memory === undefined ? (this.output as Output).take(made, isFirst) : handOut(memory, made, isFirst);
      } catch (error) {
        this.fail(error as Error);
        return false;
      }
      wanted = this.owner.onOutput(chunk);
      if (this.state !== 'running') {
        this.owner.onStopped();
        return false;
      }
    }
    if (availOut > 0 && !(availIn > 0 && endsWithChunk(engine, made, this.chunkFilled))) {
      this.consumed(availIn);
      return false;
    }
    if (!wanted) {
      this.state = 'paused';
      this.output?.readerIsFull();
      return false;
    }
    if (this.output !== undefined && this.owner.keepsUp(true)) this.output.readerKeepsUp();
    if (!this.owner.isSpaced) return true;
    this.enqueue();
    return false;
  }

  protected override consumed(trailing: number): void {
    this.drop();
    // Many writes fill a chunk of a long `chunkSize`: the driver keeps the memory of the chunk.
    if (this.settings.chunkLength <= FIRST_LENGTH) this.output?.drop();
    this.state = 'idle';
    this.owner.onConsumed(trailing);
  }
}

/**
 * Part of a driver that acquires and holds its lease. It waits for ticks, for room and for an
 * engine. It writes to no engine.
 */
import type { AsyncResource } from 'node:async_hooks';
import type { Engine, WholeWrite } from '../engine/contract.ts';
import { type EngineKind, kindFor, workOf } from '../engine/kind.ts';
import { engineOf, type Lease } from '../pool/lease.ts';
import type { Limits } from '../pool/options.ts';
import type { Pool } from '../pool/pool.ts';
import { runIn } from '../schedule/context.ts';
import { type Place, place } from '../schedule/place.ts';
import { threadpool } from '../schedule/threadpool.ts';
import { enqueueNextRun, enqueueTick } from '../schedule/tick.ts';
import { turn } from '../schedule/turn.ts';
import type { Output } from './output.ts';
import type { Owner } from './owner.ts';
import { Transfer } from './transfer.ts';

/**
 * idle: no input. tick: waits for its tick. turn: waits for a later turn. threadpool: waits for
 * room in the threadpool. lease: waits for an engine. running: is on the stack. inFlight: a native
 * write is in the threadpool. trying: as inFlight, with a whole message. stopping: as inFlight, and
 * then stopped. paused: waits for `resume()`. held: waits for its owner, after an error or `hold()`.
 */
type State =
  | 'idle'
  | 'tick'
  | 'turn'
  | 'threadpool'
  | 'lease'
  | 'running'
  | 'inFlight'
  | 'trying'
  | 'stopping'
  | 'paused'
  | 'held'
  | 'stopped';

export interface DriverSettings {
  readonly kind: EngineKind;
  /** Most bytes of one piece of output, as `chunkSize` of node:zlib. 0: the driver chooses. */
  readonly chunkLength: number;
}

export abstract class Lessee extends Transfer {
  readonly context: AsyncResource;
  protected readonly owner: Owner;
  protected readonly pool: Pool;
  protected readonly settings: DriverSettings;
  protected readonly origin: string | undefined;
  /** Slots of the threadpool that a write takes. Not fewer than those of an earlier write. */
  protected slots = 1;
  protected state: State = 'idle';
  protected flush = 0;
  protected lease: Lease | undefined;
  #leaveQueue: (() => void) | undefined;
  /** Result of giving the engine a whole message at once, if that was tried. */
  protected whole: WholeWrite | undefined;
  /** Level and strategy for the next write, see `setParams()`, or a reset before it. */
  protected change: [level: number, strategy: number] | 'reset' | undefined;
  /** Whether `setParams()` was called: the output may depend on its moment. */
  protected isChanged = false;
  /** Output memory for the threadpool, made when it is first needed. */
  protected output: Output | undefined;

  /**
   * @param context - async context of the owner's creation. The owner emits its events in it
   * @param origin - stack of the call that created the owner, if `leakDetection` has selected it
   */
  constructor(
    owner: Owner,
    pool: Pool,
    context: AsyncResource,
    settings: DriverSettings,
    limits: Required<Limits>,
    origin: string | undefined,
  ) {
    super(limits, settings.chunkLength);
    this.owner = owner;
    this.pool = pool;
    this.context = context;
    this.settings = settings;
    this.origin = origin;
  }

  get isIdle(): boolean {
    return this.state === 'idle';
  }

  get isHeld(): boolean {
    return this.state === 'held';
  }

  /** Whether the driver waits for anything other than input or `resume()`. */
  get isMidway(): boolean {
    return this.state !== 'idle' && this.state !== 'running' && this.state !== 'paused' && this.state !== 'stopped';
  }

  /** Failure of the engine. */
  get failure(): Error | undefined {
    return this.lease === undefined ? undefined : engineOf(this.lease).failure;
  }

  /** Returns the lease and forgets it. The owner has to end it. */
  takeLease(): Lease | undefined {
    const lease = this.lease;
    this.lease = undefined;
    return lease;
  }

  /**
   * Returns the engine for a synchronous call. Such a call can't wait, so its lease may exceed
   * `maxLeased`. Undefined: a subscriber has ended the lease.
   */
  engineNow(input: Buffer): Engine | undefined {
    if (this.lease === undefined) {
      this.lease = this.pool.leaseNow(kindFor(this.settings.kind, input), this.owner, this.origin);
      this.pool.announce(this.lease);
    }
    if (this.lease === undefined) return undefined;
    const engine = engineOf(this.lease);
    if (this.change !== undefined) this.applyChange(engine);
    return engine;
  }

  /** Counts the work of a synchronous call. */
  countNow(used: number, made: number): void {
    this.inputLength += used;
    this.outputLength += made;
    this.pool.count(used, made);
  }

  /** Sets level and strategy of an encoder before its next write. Returns the engine's failure. */
  setParams(level: number, strategy: number): Error | undefined {
    this.change = [level, strategy];
    this.isChanged = true;
    if (this.state === 'idle' && this.lease !== undefined) this.applyChange(engineOf(this.lease));
    return this.failure;
  }

  protected applyChange(engine: Engine): void {
    if (this.change === 'reset') engine.reset();
    else engine.params(...(this.change as [number, number]));
    this.change = undefined;
  }

  /**
   * Ends the work.
   * @returns false during a native write. `onStopped()` follows such a write or `onOutput()`
   */
  stop(): boolean {
    if (this.state === 'inFlight' || this.state === 'trying') this.state = 'stopping';
    if (this.state === 'stopping') return false;
    this.state = 'stopped';
    this.#leaveQueue?.();
    this.#leaveQueue = undefined;
    this.output?.drop();
    return true;
  }

  protected enqueue(): void {
    this.state = 'tick';
    if (this.owner.isSpaced) enqueueNextRun(this.context, this.#enqueueRun, this);
    else this.#enqueueRun();
  }

  #enqueueRun(): void {
    enqueueTick(this.context, this.#ticked, this);
  }

  #ticked(): void {
    if (this.state === 'tick') this.start();
  }

  protected turned(): void {
    if (this.state === 'turn') this.start();
  }

  #admitted(): void {
    if (this.state === 'threadpool') this.#proceed();
  }

  protected start(): void {
    if (this.lease === undefined && this.#waitsForRoom()) return;
    this.#proceed();
  }

  /** Waits without an engine if there is no room for the first step. Returns whether it does. */
  #waitsForRoom(): boolean {
    const { input } = this;
    const kind = kindFor(this.settings.kind, input);
    const where = this.pool.isInline(kind.codec) ? this.placeOf(kind, this.expected(kind)) : 'threadpool';
    if (where === 'turn') this.awaitTurn();
    else if (where === 'threadpool' && threadpool.isFull) {
      this.state = 'threadpool';
      threadpool.whenFree(this.context, this.#admitted, this, kind.codec.slots(this.left));
    } else return false;
    return true;
  }

  /** Returns the place of the rest of the input. */
  protected placeOf(kind: EngineKind, expected: number): Place {
    const { left, inlineLength } = this;
    const { inline } = this.pool.settings;
    const work = workOf(kind, left + this.unflushedLength, expected, this.inputLength === 0);
    return place(left, expected, work, kind.codec.tripWork, inlineLength, inline, turn);
  }

  protected awaitTurn(): void {
    this.state = 'turn';
    turn.whenFree(this.pool.settings.inline.turnLength, this.context, this.turned, this);
  }

  #proceed(): void {
    // After a whole message the last flush has nothing to do.
    if (this.whole === 'whole' && this.input.length === 0) this.consumed(0);
    else if (this.lease !== undefined || this.#acquire()) this.drive(engineOf(this.lease as Lease));
  }

  /** Returns whether the driver has an engine now. If not, it waits, has failed or was stopped. */
  #acquire(): boolean {
    const kind = kindFor(this.settings.kind, this.input);
    try {
      this.lease = this.pool.tryLeaseKind(kind, this.owner, this.origin);
      if (this.lease !== undefined) {
        this.pool.announce(this.lease);
        // A subscriber may have ended the owner, and so the lease.
        return this.state !== 'stopped';
      }
      this.#leaveQueue = this.pool.waitForLease(kind, this.owner, this.origin, (error, lease) => {
        this.#leaveQueue = undefined;
        this.lease = lease;
        // In a tick: the code that ended the other lease is on the stack.
        if (error === null) this.enqueue();
        else runIn(this.context, () => this.fail(error), undefined);
      });
      this.state = 'lease';
      this.pool.announceWait(kind);
    } catch (error) {
      this.fail(error as Error);
    }
    return false;
  }

  /** Works on the input with an engine. */
  protected abstract drive(engine: Engine): void;
  protected abstract consumed(trailing: number): void;
  protected abstract fail(error: Error | undefined): void;
}

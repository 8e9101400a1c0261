/**
 * The lease of a driver. It waits for a tick, for room on the main thread or in the threadpool, and
 * for an engine. It keeps the engine until the owner takes the lease. It writes to no engine.
 */
import type { AsyncResource } from 'node:async_hooks';
import type { Engine, WholeWrite } from '../engine/contract.ts';
import { type EngineKind, kindFor, workOf } from '../engine/kind.ts';
import { engineOf, type Lease } from '../pool/lease.ts';
import type { Limits } from '../pool/options.ts';
import type { Pool } from '../pool/pool.ts';
import { runIn } from '../schedule/context.ts';
import { type Place, place } from '../schedule/place.ts';
import { ENCODER_PLACES, threadpool } from '../schedule/threadpool.ts';
import { enqueueNextRun, enqueueTick } from '../schedule/tick.ts';
import { turn } from '../schedule/turn.ts';
import type { Output } from './output.ts';
import type { Owner } from './owner.ts';
import { Transfer } from './transfer.ts';

/**
 * idle: no input. tick: waits for its tick. turn: waits for a later turn. threadpool: waits for
 * room there. lease: waits for an engine. running: on the stack. inFlight: a native write is in the
 * threadpool. trying: as inFlight, with a whole message at once. stopping: as inFlight, and the
 * owner has stopped the driver. paused: waits for `resume()`. held: waits for its owner, after an
 * error or a `hold()`. stopped: ended.
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
  /** The most output at a time, in bytes. 0: as fits. */
  readonly chunkLength: number;
}

export abstract class Lessee extends Transfer {
  readonly context: AsyncResource;
  protected readonly owner: Owner;
  protected readonly pool: Pool;
  protected readonly settings: DriverSettings;
  protected readonly origin: string | undefined;
  /** Places that a write takes in the threadpool. */
  protected readonly places: number;
  protected state: State = 'idle';
  protected flush = 0;
  protected lease: Lease | undefined;
  #leaveQueue: (() => void) | undefined;
  /** Result of giving the engine a whole message at once, if that was tried. */
  protected whole: WholeWrite | undefined;
  /** Level and strategy for the next write, see `setParams()`. */
  protected newParams: [level: number, strategy: number] | undefined;
  /** Whether level and strategy were set. */
  protected isChanged = false;
  /** Output memory for the threadpool, made when it is first needed. */
  protected output: Output | undefined;

  /**
   * @param context - async context of the owner's creation. The events of the owner happen in it
   * @param origin - stack that requested the lease, if the pool tracks leases
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
    this.places = settings.kind.codec.compresses ? ENCODER_PLACES : 1;
  }

  get isIdle(): boolean {
    return this.state === 'idle';
  }

  get isHeld(): boolean {
    return this.state === 'held';
  }

  /** Whether there is unfinished work that is neither on the stack nor paused. */
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
   * Returns the engine for a synchronous call. Such a call can't wait, so the lease may be one more
   * than `maxLeased`. A subscriber may have stopped the driver or begun an input meanwhile.
   */
  engineNow(input: Buffer): Engine | undefined {
    if (this.lease === undefined) {
      this.lease = this.pool.lend(kindFor(this.settings.kind, input), this.owner, this.origin);
      this.pool.announce(this.lease);
    }
    return this.lease === undefined ? undefined : engineOf(this.lease);
  }

  /** Counts the work of a synchronous call. */
  countNow(used: number, made: number): void {
    this.inputLength += used;
    this.outputLength += made;
    this.pool.count(used, made);
  }

  /** Sets level and strategy of an encoder before its next write. Returns a failure of the engine. */
  setParams(level: number, strategy: number): Error | undefined {
    this.newParams = [level, strategy];
    if (this.state === 'idle' && this.lease !== undefined) this.applyParams(engineOf(this.lease));
    return this.failure;
  }

  protected applyParams(engine: Engine): void {
    engine.params(...(this.newParams as [number, number]));
    this.newParams = undefined;
    this.isChanged = true;
  }

  /**
   * Ends the work.
   * @returns false if a native write is in flight: `onStopped()` follows when it has landed
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
    if (this.lease === undefined && this.#standsBack()) return;
    this.#proceed();
  }

  /** Waits without an engine if there is no room for the first step. Returns whether it waits. */
  #standsBack(): boolean {
    const { input } = this;
    const kind = kindFor(this.settings.kind, input);
    const where = this.pool.isInline(kind.codec) ? this.placeOf(kind, this.expected(kind)) : 'threadpool';
    if (where === 'turn') this.awaitTurn();
    else if (where === 'threadpool' && threadpool.isFull) {
      this.state = 'threadpool';
      threadpool.whenFree(this.context, this.#admitted, this, this.places);
    } else return false;
    return true;
  }

  /** Returns the place of the rest of the input. */
  protected placeOf(kind: EngineKind, expected: number): Place {
    const { left, inlineLength } = this;
    const { inline } = this.pool.settings;
    return place(left, expected, workOf(kind, left + this.unflushedLength, expected), inlineLength, inline, turn);
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

  /**
   * Returns whether the driver has an engine now. Otherwise it waits, has failed, or was stopped.
   */
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
        // In a tick: the owner that released the engine is on the stack.
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

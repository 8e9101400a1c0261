/**
 * The pool: it leases engines and takes them back. It reuses engines that are proven clean, closes
 * the others, and counts both. It may not know the work of an owner. The file is longer than 250
 * lines, so that counts which must add up are changed in one place.
 */

import type { Codec } from '../engine/codec.ts';
import type { Engine } from '../engine/contract.ts';
import { nativeEngine } from '../engine/engines.ts';
import type { EngineKind } from '../engine/kind.ts';
import { isNative, keepsParams } from '../engine/probe.ts';
import { PublicEngine } from '../engine/public.ts';
import { codedError, type ErrorCode } from '../errors.ts';
import { channels } from '../observe/channels.ts';
import type { PoolStats } from '../observe/stats.ts';
import { clock } from '../schedule/clock.ts';
import { throwLater } from '../schedule/context.ts';
import { Exhaustion } from './exhaustion.ts';
import { IdleEngines } from './idle-engines.ts';
import { engineOf, Lease, type LeaseOwner } from './lease.ts';
import { LiveLeases, type LostLease } from './lease-tracker.ts';
import { type PoolSettings, poolSettings, type ZlibPoolOptions } from './options.ts';
import { type Waiter, WaitQueue } from './wait-queue.ts';

export class Pool {
  /** @internal */
  readonly settings: PoolSettings;
  readonly #idle: IdleEngines;
  readonly #live: LiveLeases;
  readonly #exhaustion: Exhaustion;
  readonly #queue: WaitQueue;
  #leased = 0;
  #leases = 0;
  #created = 0;
  #reused = 0;
  #failed = 0;
  #discarded = 0;
  #evicted = 0;
  #leaked = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #refusal: Error | undefined;
  #closing: PromiseWithResolvers | undefined;

  /**
   * @internal Returns whether `value` is a pool of this copy of the library. Runs no code of
   * `value`, which may be a Proxy.
   */
  static isPool(value: unknown): value is Pool {
    return typeof value === 'object' && value !== null && #idle in value;
  }

  /**
   * @param options - limits and sizes, each with a default of its own
   * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE` for an invalid
   * option
   */
  constructor(options?: ZlibPoolOptions) {
    this.settings = poolSettings(options);
    const { maxIdle, maxIdleLength, idleTimeoutMs } = this.settings;
    this.#idle = new IdleEngines(maxIdle, maxIdleLength, idleTimeoutMs, (engine) => this.#evict(engine));
    this.#live = new LiveLeases((lost) => this.#reclaim(lost));
    this.#exhaustion = new Exhaustion(this.#live);
    this.#queue = new WaitQueue(this.settings.leaseTimeoutMs, (waitedMs) =>
      this.#exhausted('ERR_POOL_TIMEOUT', `The request for an engine timed out after ${Math.ceil(waitedMs)} ms`),
    );
  }

  /** The pool's numbers now, as a frozen snapshot. */
  get stats(): PoolStats {
    return Object.freeze({
      leased: this.#leased,
      idle: this.#idle.length,
      waiting: this.#queue.length,
      created: this.#created,
      reused: this.#reused,
      failed: this.#failed,
      discarded: this.#discarded,
      evicted: this.#evicted,
      leaked: this.#leaked,
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
    });
  }

  /**
   * @internal Returns a lease, or undefined if the request has to wait. The caller calls
   * `announce()` next.
   * @param owner - stream or message that `destroy()` destroys
   * @param stack - origin of the lease, if it was recorded
   * @throws `ERR_POOL_CLOSED` or the error of `destroy()`, `ERR_ENGINE_UNAVAILABLE`
   */
  tryLeaseKind(kind: EngineKind, owner?: LeaseOwner, stack?: string): Lease | undefined {
    if (this.#refusal !== undefined) throw this.#refusal;
    if (this.#leased >= this.settings.maxLeased || this.#queue.length > 0) return undefined;
    return this.leaseNow(kind, owner, stack);
  }

  /**
   * @internal Queues a request for which `tryLeaseKind()` returned undefined. The caller calls
   * `announceWait()` next.
   * @param done - called once: at the end of another lease, after the timeout, or by `close()`
   * @returns a function that leaves the queue. The pool does not call `done` after that
   * @throws `ERR_POOL_QUEUE_FULL`
   */
  waitForLease(
    kind: EngineKind,
    owner: LeaseOwner | undefined,
    stack: string | undefined,
    done: (error: Error | null, lease?: Lease) => void,
  ): () => void {
    if (this.#queue.length >= this.settings.maxWaiting) {
      throw this.#exhausted('ERR_POOL_QUEUE_FULL', 'All engines are leased, and the queue is full');
    }
    const waiter: Waiter = {
      admit: (waitedMs) => {
        let lease: Lease;
        try {
          lease = this.leaseNow(kind, owner, stack);
        } catch (error) {
          done(error as Error);
          return;
        }
        done(null, lease);
        this.announce(lease, waitedMs);
      },
      refuse: done,
    };
    return this.#queue.join(waiter);
  }

  /**
   * @internal Publishes `zlease:wait`. The caller must be able to leave the queue before this call.
   * A subscriber may do anything. So the request may have left the queue when this method returns,
   * with a lease or with an error.
   */
  announceWait({ codec }: EngineKind): void {
    const { wait } = channels;
    const { format, direction } = codec;
    if (wait.hasSubscribers) wait.publish({ pool: this, format, direction, waiting: this.#queue.length });
  }

  /**
   * @internal Publishes `zlease:lease`. The caller must hold the lease before this call. A
   * subscriber may do anything. So the lease may have ended, and the pool may be closed, when this
   * method returns.
   */
  announce(lease: Lease, waitedMs = 0): void {
    if (!channels.lease.hasSubscribers || lease.released) return;
    const { format, direction } = engineOf(lease).kind.codec;
    const entry = lease.owner?.entry ?? 'lease';
    channels.lease.publish({ pool: this, format, direction, id: lease.id, entry, reused: lease.reused, waitedMs });
  }

  /**
   * @internal Returns a lease even if all `maxLeased` engines are leased, for a synchronous call,
   * which can't wait. The caller calls `announce()` next.
   * @throws `ERR_POOL_CLOSED` or the error of `destroy()`, `ERR_ENGINE_UNAVAILABLE`
   */
  leaseNow(kind: EngineKind, owner?: LeaseOwner, stack?: string): Lease {
    if (this.#refusal !== undefined) throw this.#refusal;
    const idle = this.#idle.take(kind);
    let lease: Lease;
    try {
      lease = new Lease(this.#leases + 1, idle ?? this.#create(kind), this, owner, idle !== undefined);
      this.#live.add(lease, stack);
    } catch (error) {
      // The engine is unavailable, memory is missing, or the stack of the caller is too short.
      if (idle !== undefined) this.#evicted += 1;
      idle?.close();
      throw error;
    }
    if (idle === undefined) this.#created += 1;
    else this.#reused += 1;
    this.#leased += 1;
    this.#leases += 1;
    return lease;
  }

  /** @internal Counts the bytes that a write has consumed and made. */
  count(bytesIn: number, bytesOut: number): void {
    this.#bytesIn += bytesIn;
    this.#bytesOut += bytesOut;
  }

  /**
   * Closes the pool for new leases. A stream, message or caller that waits for an engine fails with
   * `ERR_POOL_CLOSED`. Idle engines are closed at once.
   * @returns a promise that resolves when all leases have ended
   */
  close(): Promise<void> {
    this.#refusal ??= codedError('ERR_POOL_CLOSED');
    releaseFrames(this.#refusal);
    this.#queue.refuseAll(this.#refusal);
    this.#idle.evictAll();
    this.#closing ??= withResolvers();
    if (this.#leased === 0) this.#closing.resolve();
    return this.#closing.promise;
  }

  /**
   * Closes the pool, and destroys all streams and messages that have an engine or wait for one. A
   * lease of `lease()` or `tryLease()` lasts until its caller ends it.
   * @param error - error of these streams and messages, and of later requests. Default
   * `ERR_POOL_CLOSED`
   */
  destroy(error?: Error | null): void {
    const refusal = error || codedError('ERR_POOL_CLOSED');
    this.#refusal = refusal;
    void this.close();
    for (const lease of this.#live.list()) {
      try {
        lease.owner?.destroy(refusal);
      } catch (thrown) {
        // An owner of a subclass may throw. The others must be destroyed all the same.
        throwLater(thrown);
      }
    }
  }

  /** Calls `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  /** @internal Returns whether engines of this codec can run on the main thread. */
  isInline(codec: Codec): boolean {
    return this.settings.engine !== 'public' && isNative(codec);
  }

  #create(kind: EngineKind): Engine {
    const native = this.isInline(kind.codec);
    if (!native && this.settings.engine === 'native') throw codedError('ERR_ENGINE_UNAVAILABLE');
    return native ? nativeEngine(kind) : new PublicEngine(kind);
  }

  /** @internal Takes the engine of an ended lease, and admits the next request. */
  takeBack(lease: Lease, engine: Engine, clean: boolean, cause?: Error): void {
    // The numbers change whatever the calls do: near the end of the stack each may throw.
    lease.isTakenBack = true;
    this.#leased -= 1;
    let failure = cause;
    let proven = false;
    let kept = false;
    try {
      this.#live.remove(engine);
      failure ??= engine.failure;
      const isWanted =
        isReusable(engine) && !engine.oversized && this.#refusal === undefined && this.#idle.hasRoomFor(engine.kind);
      proven = clean && (isWanted ? isAsNew(engine) : mayBeClean(engine));
      if (proven && isWanted) {
        this.#idle.put(engine);
        kept = true;
      }
    } catch {
      // The engine may be half cleaned.
      proven = false;
    }
    if (failure !== undefined) this.#failed += 1;
    if (!proven) this.#discarded += 1;
    else if (!kept) this.#evicted += 1;
    if (!kept) engine.close();
    const { fail, release, discard } = channels;
    const { format, direction } = engine.kind.codec;
    if (failure !== undefined && fail.hasSubscribers)
      fail.publish({ pool: this, format, direction, id: lease.id, cause: failure });
    if (proven && release.hasSubscribers) release.publish({ pool: this, format, direction, id: lease.id, kept });
    if (!proven && discard.hasSubscribers) {
      discard.publish({ pool: this, format, direction, id: lease.id, cause: failure });
    }
    this.#oneIsBack();
  }

  #reclaim({ id, engine, holder }: LostLease): void {
    this.#leased -= 1;
    this.#leaked += 1;
    engine.close();
    const { format, direction } = engine.kind.codec;
    const ageMs = holder && clock.now() - holder.since;
    if (channels.leak.hasSubscribers) {
      channels.leak.publish({ pool: this, format, direction, id, ageMs, stack: holder?.stack });
    }
    this.#oneIsBack();
    if (holder !== undefined) {
      process.emitWarning(
        `A ${format} engine was leased ${Math.round(ageMs as number)} ms ago. Its lease was garbage collected and never released`,
        { type: 'ZleaseLeakWarning', code: 'ZLEASE_LEAK', detail: `Requested at\n${holder.stack}` },
      );
    }
  }

  #oneIsBack(): void {
    while (this.#queue.length > 0 && this.#leased < this.settings.maxLeased) this.#queue.admit();
    if (this.#leased === 0) this.#closing?.resolve();
  }

  #exhausted(code: ErrorCode, what: string): Error {
    return this.#exhaustion.error(code, what, this.stats, this.settings);
  }

  #evict(engine: Engine): void {
    this.#evicted += 1;
    engine.close();
  }
}

/**
 * Formats the stack of an error. Until then, the error keeps the objects of its frames alive. If a
 * listener of a stream closes the pool, the stream is one of these objects.
 */
function releaseFrames(error: Error): void {
  try {
    void error.stack;
  } catch {
    // `Error.prepareStackTrace` of the program has thrown.
  }
}

function isReusable({ reusable, kind }: Engine): boolean {
  return reusable && (kind.options.params === undefined || keepsParams(kind.codec));
}

/** Returns whether cleaning an engine makes sense. */
function mayBeClean(engine: Engine): boolean {
  return !engine.busy && (!engine.failed || engine.recoverable);
}

/** Cleans an engine. Returns whether the engine is proven clean (promise P5). */
function isAsNew(engine: Engine): boolean {
  if (!mayBeClean(engine)) return false;
  try {
    engine.clean();
  } catch {
    return false;
  }
  return !engine.failed;
}

/** Result of `Promise.withResolvers()`, which Node 20 does not have. */
interface PromiseWithResolvers {
  promise: Promise<void>;
  resolve: () => void;
}

function withResolvers(): PromiseWithResolvers {
  let resolve!: () => void;
  const promise = new Promise<void>((done) => {
    resolve = done;
  });
  return { promise, resolve };
}

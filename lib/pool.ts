/**
 * The pool: engines in, leases out, engines back. It reuses what is proven clean, closes the rest, and
 * counts both. What a stream does with its engine is not its business.
 */
import type { Engine } from './engine.ts';
import { codedError } from './errors.ts';
import { type EngineKind, engineKind, type Format } from './formats.ts';
import { IdleEngines } from './idle-engines.ts';
import { Lease, type LeaseOwner } from './lease.ts';
import { LiveLeases } from './live-leases.ts';
import { NativeEngine, nativeFormats } from './native-engine.ts';
import { type PoolSettings, poolSettings, type ZlibPoolOptions } from './pool-options.ts';
import { PublicEngine } from './public-engine.ts';

/** A snapshot of a pool's numbers. Always: `created = leased + idle + discarded + evicted + leaked`. */
export interface PoolStats {
  /** Engines that a stream or lease has now. */
  readonly leased: number;
  /** Engines that wait for their next lease. */
  readonly idle: number;
  /** Engines made since the pool was. */
  readonly created: number;
  /** Leases that were served by an engine from the pool. */
  readonly reused: number;
  /** Engines closed at the end of a lease because they can't be proven clean: after an error, a destroy during a write, ... */
  readonly discarded: number;
  /** Engines closed in good order: over `maxIdle`, idle for too long, grown too big, not reusable, or the pool closed. */
  readonly evicted: number;
  /** Engines closed because their lease was collected without having been given back. */
  readonly leaked: number;
  /** Compressed bytes used up by streams of this pool. */
  readonly bytesIn: number;
  /** Bytes they made of them. */
  readonly bytesOut: number;
}

export class Pool {
  /** @internal */
  readonly settings: PoolSettings;
  readonly #idle: IdleEngines;
  readonly #live: LiveLeases;
  #leased = 0;
  #created = 0;
  #reused = 0;
  #discarded = 0;
  #evicted = 0;
  #leaked = 0;
  #bytesIn = 0;
  #bytesOut = 0;
  #refusal: Error | undefined;
  #closing: PromiseWithResolvers | undefined;

  /** @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE`, `ERR_OUT_OF_RANGE` for options that make no sense. */
  constructor(options?: ZlibPoolOptions) {
    this.settings = poolSettings(options);
    this.#idle = new IdleEngines(this.settings.maxIdle, this.settings.idleTimeoutMs, (engine) => this.#evict(engine));
    this.#live = new LiveLeases((engine) => {
      this.#leaked += 1;
      this.#gone(engine);
    });
  }

  /** The pool's numbers now, as a frozen snapshot. */
  get stats(): PoolStats {
    return Object.freeze({
      leased: this.#leased,
      idle: this.#idle.length,
      created: this.#created,
      reused: this.#reused,
      discarded: this.#discarded,
      evicted: this.#evicted,
      leaked: this.#leaked,
      bytesIn: this.#bytesIn,
      bytesOut: this.#bytesOut,
    });
  }

  /**
   * Leases an engine now. Streams lease for themselves; this is for code that wants to hold one ready.
   * @returns `undefined` where all engines that the pool may have are out; this pool is unbounded, so it never is.
   * @throws `ERR_POOL_CLOSED`; `ERR_INVALID_ARG_VALUE` for an unknown format, `ERR_FORMAT_UNAVAILABLE` for one that
   * this Node does not have.
   */
  tryLease(format: Format): Lease | undefined {
    return this.leaseKind(engineKind(format));
  }

  /** @internal The lease of a stream. */
  leaseKind(kind: EngineKind, owner?: LeaseOwner): Lease {
    if (this.#refusal !== undefined) throw this.#refusal;
    let engine = this.#idle.take(kind);
    if (engine === undefined) {
      engine = this.#create(kind);
      this.#created += 1;
    } else {
      this.#reused += 1;
    }
    this.#leased += 1;
    const lease = new Lease(engine, this.#takeBack, owner);
    this.#live.add(lease);
    return lease;
  }

  /** @internal Counts what a stream has inflated. */
  count(bytesIn: number, bytesOut: number): void {
    this.#bytesIn += bytesIn;
    this.#bytesOut += bytesOut;
  }

  /** No new leases from here on. Resolves when those that are out are back; idle engines are closed at once. */
  close(): Promise<void> {
    this.#refusal ??= codedError('ERR_POOL_CLOSED');
    this.#idle.evictAll();
    this.#closing ??= withResolvers();
    if (this.#leased === 0) this.#closing.resolve();
    return this.#closing.promise;
  }

  /**
   * Closes now: streams that have an engine are destroyed with `error`.
   * @param error what streams get, and whoever asks for a lease later; default `ERR_POOL_CLOSED`
   */
  destroy(error: Error = codedError('ERR_POOL_CLOSED')): void {
    this.#refusal = error;
    void this.close();
    for (const lease of this.#live.list()) lease.owner?.destroy(error);
  }

  /** `close()`, for `await using`. */
  [Symbol.asyncDispose](): Promise<void> {
    return this.close();
  }

  #create(kind: EngineKind): Engine {
    const { engine } = this.settings;
    const native = engine !== 'public' && nativeFormats.has(kind.format);
    if (!native && engine === 'native') throw codedError('ERR_ENGINE_UNAVAILABLE');
    return native ? new NativeEngine(kind) : new PublicEngine(kind);
  }

  readonly #takeBack = (engine: Engine, clean: boolean): void => {
    this.#live.remove(engine);
    if (!clean || !isAsNew(engine)) {
      this.#discarded += 1;
    } else if (engine.kind.reusable && !engine.oversized && this.#refusal === undefined && this.#idle.put(engine)) {
      this.#leased -= 1;
      return;
    } else {
      this.#evicted += 1;
    }
    this.#gone(engine);
  };

  #gone(engine: Engine): void {
    this.#leased -= 1;
    engine.close();
    if (this.#leased === 0) this.#closing?.resolve();
  }

  #evict(engine: Engine): void {
    this.#evicted += 1;
    engine.close();
  }
}

/** Resets an engine, and says whether that made it as new (promise P5). */
function isAsNew(engine: Engine): boolean {
  if (engine.busy || engine.failure !== undefined) return false;
  try {
    engine.reset();
  } catch {
    return false;
  }
  return engine.failure === undefined;
}

/** `Promise.withResolvers`, which Node 20 does not have. */
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

/**
 * The small model of a pool: what it has to answer, who waits in which order, and its numbers. It knows nothing of the
 * library; it is told what happened, and throws where that may not happen.
 */

export interface Terms {
  maxLeased: number;
  maxWaiting: number;
  maxIdle: number;
  /** 0: for ever. */
  leaseTimeoutMs: number;
}

/** Whoever leases or waits: a stream, a message, a caller. */
export interface Client {
  readonly name: string;
}

interface Lent<C> {
  readonly engine: object;
  readonly kind: object;
  readonly to: C | undefined;
}

interface Place<C> {
  readonly client: C;
  readonly since: number;
}

/** How a lease came about: asked for, waited for, or for what can't wait. */
export type Way = 'asked' | 'admitted' | 'sync';

export type Answer = 'lease' | 'wait' | 'ERR_POOL_QUEUE_FULL' | 'refusal';

/** How an engine came back: kept for reuse, closed in good order, closed as unclean. */
export type Fate = 'kept' | 'evicted' | 'discarded';

export interface Numbers {
  leased: number;
  idle: number;
  waiting: number;
  created: number;
  reused: number;
  failed: number;
  discarded: number;
  evicted: number;
  leaked: number;
}

export class PoolModel<C extends Client> {
  readonly terms: Terms;
  /** By the number of the lease. */
  readonly out = new Map<number, Lent<C>>();
  readonly queue: Place<C>[] = [];
  /** What whoever asks a pool that is closed is told. */
  refusal: string | undefined;
  readonly #idle = new Map<object, object>();
  readonly #known = new WeakSet<object>();
  #created = 0;
  #reused = 0;
  #failed = 0;
  #discarded = 0;
  #evicted = 0;
  #leaked = 0;

  constructor(terms: Terms) {
    this.terms = terms;
  }

  get numbers(): Numbers {
    return {
      leased: this.out.size,
      idle: this.#idle.size,
      waiting: this.queue.length,
      created: this.#created,
      reused: this.#reused,
      failed: this.#failed,
      discarded: this.#discarded,
      evicted: this.#evicted,
      leaked: this.#leaked,
    };
  }

  /** What whoever asks now is to be told. */
  get answer(): Answer {
    if (this.refusal !== undefined) return 'refusal';
    if (this.out.size < this.terms.maxLeased && this.queue.length === 0) return 'lease';
    return this.queue.length < this.terms.maxWaiting ? 'wait' : 'ERR_POOL_QUEUE_FULL';
  }

  holds(engine: object): boolean {
    for (const lent of this.out.values()) if (lent.engine === engine) return true;
    return false;
  }

  waits(client: C): boolean {
    return this.queue.some((place) => place.client === client);
  }

  /** @returns who has it now: of those that waited, the first */
  lent(way: Way, id: number, engine: object, kind: object, asker: C | undefined): C | undefined {
    claim(this.refusal === undefined, 'a closed pool lends');
    claim(!this.holds(engine), 'an engine is behind two leases (P1)');
    claim(!this.out.has(id), 'two leases have one number');
    let to = asker;
    if (way === 'asked') claim(this.answer === 'lease', 'whoever asks overtakes the queue, or gets one too many');
    if (way === 'admitted') {
      claim(this.out.size < this.terms.maxLeased, 'one too many is admitted');
      to = this.queue.shift()?.client;
      claim(to !== undefined, 'somebody is admitted who does not wait');
    }
    if (this.#idle.has(engine)) {
      claim(this.#idle.get(engine) === kind, 'an engine of another kind is lent (P5)');
      this.#idle.delete(engine);
      this.#reused += 1;
    } else {
      claim(!this.#known.has(engine), 'an engine that was closed comes back (P5)');
      claim(![...this.#idle.values()].includes(kind), 'an engine is made, though one of its kind is idle');
      this.#known.add(engine);
      this.#created += 1;
    }
    this.out.set(id, { engine, kind, to });
    return to;
  }

  joined(client: C, now: number): void {
    claim(this.answer === 'wait', `somebody waits who was to be told: ${this.answer}`);
    this.queue.push({ client, since: now });
  }

  /** By its own will. */
  left(client: C): void {
    const at = this.queue.findIndex((place) => place.client === client);
    if (at >= 0) this.queue.splice(at, 1);
  }

  /** Of those that wait, the first is the first to be late, and the first to hear that the pool is closed. */
  refused(client: C, code: string | undefined, now: number): void {
    const [first] = this.queue;
    claim(first?.client === client, 'somebody is refused out of turn');
    if (this.refusal !== undefined) claim(code === this.refusal, `a closed pool refuses with ${code}`);
    else {
      const { leaseTimeoutMs } = this.terms;
      // The library may let one go a fraction of a millisecond early.
      const late = leaseTimeoutMs > 0 && now - (first?.since ?? now) > leaseTimeoutMs - 1.01;
      claim(code === 'ERR_POOL_TIMEOUT' && late, `somebody is refused with ${code} before its time`);
    }
    this.queue.shift();
  }

  /** @param reusable whether an engine of its kind may serve again at all */
  back(id: number, fate: Fate, clean: boolean, reusable: boolean): void {
    const lent = this.out.get(id);
    claim(lent !== undefined, 'a lease ends twice (P4)');
    const kept = reusable && this.refusal === undefined && this.#idle.size < this.terms.maxIdle;
    const due = !clean ? 'discarded' : kept ? 'kept' : 'evicted';
    claim(fate === due, `an engine is ${fate}, and was to be ${due} (P5)`);
    this.out.delete(id);
    if (fate === 'kept') this.#idle.set(lent?.engine as object, lent?.kind as object);
    else if (fate === 'evicted') this.#evicted += 1;
    else this.#discarded += 1;
  }

  /** Before it comes back. */
  fails(id: number): void {
    claim(this.out.has(id), 'a lease fails that is not out');
    this.#failed += 1;
  }

  lost(id: number): void {
    claim(this.out.delete(id), 'a lease is lost that was not out (P4)');
    this.#leaked += 1;
  }

  /** Closed for good: from here on refuses with `code`. Whoever waits hears of it one by one. */
  closed(code: string): void {
    this.refusal = code;
    this.#evicted += this.#idle.size;
    this.#idle.clear();
  }

  /** What holds whenever the pool is not in the middle of something. */
  atRest(now: number): void {
    const { maxLeased, maxWaiting, maxIdle, leaseTimeoutMs } = this.terms;
    const { leased, idle, waiting, created, discarded, evicted, leaked } = this.numbers;
    claim(created === leased + idle + discarded + evicted + leaked, 'the numbers do not add up');
    claim(leased <= maxLeased, 'more is leased than may be');
    claim(waiting <= maxWaiting, 'more wait than may');
    claim(idle <= maxIdle, 'more is idle than may be');
    claim(waiting === 0 || leased === maxLeased, 'somebody waits though an engine may be had');
    claim(waiting === 0 || this.refusal === undefined, 'a closed pool leaves somebody waiting');
    const [first] = this.queue;
    const late = leaseTimeoutMs > 0 && first !== undefined && now - first.since >= leaseTimeoutMs;
    claim(!late, 'somebody waits for longer than may be');
  }
}

export function claim(holds: boolean, otherwise: string): asserts holds {
  if (!holds) throw new Error(`Not as in the model: ${otherwise}`);
}

/**
 * Looks at a real pool while it works, and tells the model what it does, in the order in which it does it: that order is known
 * exactly whatever threads do. After each event the numbers of both are to be the same. What went
 * wrong is kept. Only `moment()` throws into the library.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { Engine } from '../../lib/engine/contract.ts';
import type { EngineKind } from '../../lib/engine/kind.ts';
import type { Lease, LeaseOwner } from '../../lib/pool/lease.ts';
import { engineOf, type ZlibPool } from '../support/library.ts';
import type { Clock } from './clock.ts';
import { type Client, claim, type Fate, type PoolModel, type Way } from './model.ts';
import { recovers } from './samples.ts';

export type Pool = InstanceType<typeof ZlibPool>;

/** What a lease of a client is to end as. */
export interface Leaser extends Client {
  /** Whether its engine may serve again; undefined where that depends on how much it has made. */
  readonly reusable: boolean | undefined;
  /** @returns undefined where that depends on when its thread was done */
  endsClean(engine: Engine): boolean | undefined;
  /** It has given up. */
  readonly gone?: boolean;
  leased(id: number, engine: Engine, lease: Lease): void;
  /** Ends it, in one of its ways, at any moment. */
  endItself(pick: number): void;
  /** Aborts its signal, if it has one. */
  abortItself(): void;
  refused(code: string | undefined): void;
}

const events = ['lease', 'wait', 'fail', 'release', 'discard', 'leak'] as const;

/** Events of a stream. */
export const streamEvents = [
  'data',
  'readable',
  'resume',
  'drain',
  'prefinish',
  'finish',
  'end',
  'error',
  'close',
] as const;
/**
 * Times at which the library calls user code: listeners of a stream, callbacks of its writes, and
 * subscribers of the channels. 'back' is 'release', 'discard' and 'leak'.
 */
export const moments = [...streamEvents, 'written', 'lease', 'wait', 'fail', 'back'] as const;
export type Moment = (typeof moments)[number];

/** User code. */
interface Deed {
  /** How many more times it runs. */
  times: number;
  /** `itself` is the client to which the moment belongs. */
  act: (itself: Leaser | undefined) => void;
  throws: boolean;
}

export class Watch {
  /** Grows with everything that happens. */
  activity = 0;
  /** The last things that happened, to be shown. */
  readonly log: string[] = [];
  /** Of whom a lease is asked for at this moment, where the pool is not told itself. */
  asking: Leaser | undefined;
  /** Set when a lease is asked for. */
  asked = false;
  /** Messages that wait for a turn of the event loop before they ask: first come, first served. */
  readonly late: Leaser[] = [];
  /** User code that is to run when such a moment comes next. */
  readonly next = new Map<Moment, Deed>();
  /** Streams, to know whose lease one is. */
  readonly owners = new WeakMap<object, Leaser>();
  #fault: Error | undefined;
  #way: Way = 'admitted';
  #admitted: Leaser | undefined;
  /** The last that has joined the queue, until `zlease:wait` tells of it. */
  #joined: Leaser | undefined;
  /** Leases of which `zlease:lease` has not told yet. */
  readonly #untold = new Set<number>();
  /** Leases that `zlease:fail` has told of, until `zlease:release` or `zlease:discard` does too. */
  readonly #failed = new Map<number, { fate: Fate; client: Leaser | undefined }>();
  /** Errors that user code has thrown and no handler has seen yet. */
  readonly #thrown = new Set<unknown>();
  /** In the middle of closing, when not everybody knows. */
  #closing = false;
  readonly #pool: Pool;
  readonly #model: PoolModel<Leaser>;
  readonly #clock: Clock;
  readonly #seen = new WeakSet<object>();
  readonly #clean = new WeakSet<object>();
  readonly #shut = new WeakSet<object>();
  readonly #listeners: Array<() => void> = [];

  constructor(pool: Pool, model: PoolModel<Leaser>, clock: Clock) {
    this.#pool = pool;
    this.#model = model;
    this.#clock = clock;
    this.#watchAsking();
    this.#watchWaiting();
    for (const event of events) {
      const listener = (message: unknown): void => {
        if ((message as { pool: unknown }).pool !== pool) return;
        const { id, kept, waiting } = message as { id: number; kept?: boolean; waiting: number };
        this.note(event, id);
        const client = event === 'wait' ? this.#joined : (model.out.get(id)?.to ?? this.#failed.get(id)?.client);
        this.told(() => {
          if (event === 'lease') claim(this.#untold.delete(id), 'a lease is published twice');
          else if (event === 'wait') this.#waits(waiting);
          else if (event === 'fail') this.#fails(id);
          else if (event === 'leak') this.#lost(id);
          else this.#back(id, kept === undefined ? 'discarded' : kept ? 'kept' : 'evicted');
        });
        this.moment(event === 'lease' || event === 'wait' || event === 'fail' ? event : 'back', client);
      };
      subscribe(`zlease:${event}`, listener);
      this.#listeners.push(() => unsubscribe(`zlease:${event}`, listener));
    }
  }

  leave(): void {
    for (const remove of this.#listeners) remove();
  }

  note(...what: unknown[]): void {
    this.activity += 1;
    this.log.push(what.join(' '));
  }

  /** Keeps what `tell` throws, if it is the first. */
  keep(tell: () => void): void {
    try {
      tell();
    } catch (error) {
      this.#fault ??= error as Error;
    }
  }

  /** The same, and compares the numbers. */
  told(tell: () => void): void {
    this.keep(() => {
      tell();
      if (!this.#closing) this.compare();
    });
  }

  /** Runs the user code for such a moment, if there is any. @throws what that throws */
  moment(moment: Moment, itself?: Leaser): void {
    const deed = this.next.get(moment);
    if (deed === undefined) return;
    deed.times -= 1;
    if (deed.times === 0) this.next.delete(moment);
    this.note('at', moment, itself?.name);
    this.keep(() => deed.act(itself));
    if (!deed.throws) return;
    const error = new Error(`of user code at ${moment}`);
    // As in abort(): until then it holds the stream.
    void error.stack;
    this.#thrown.add(error);
    throw error;
  }

  /** To be called with each exception that comes to a caller or to 'uncaughtException'. */
  caught(error: unknown): void {
    this.note('caught:', error);
    this.keep(() =>
      claim(this.#thrown.delete(error), `an exception comes that no user code threw, or again: ${error}`),
    );
  }

  /** @throws what went wrong until now */
  check(): void {
    if (this.#fault !== undefined) throw this.#fault;
    this.compare();
    this.#model.atRest(this.#clock.now);
    claim(this.#untold.size === 0 && this.#joined === undefined, 'no event tells of a lease, or of a waiter');
    claim(this.#failed.size === 0, 'no event tells what became of an engine');
  }

  checkAtRest(): void {
    claim(this.#thrown.size === 0, `an exception is lost: ${[...this.#thrown].join()}`);
  }

  compare(): void {
    const { bytesIn: _in, bytesOut: _out, ...numbers } = this.#pool.stats;
    const [ours, theirs] = [JSON.stringify(numbers), JSON.stringify(this.#model.numbers)];
    claim(ours === theirs, `the stats are ${ours} and were to be ${theirs}`);
  }

  close(code: string, act: () => void): void {
    const before = this.#closing;
    this.#model.closed(code);
    this.#closing = true;
    act();
    this.#closing = before;
  }

  /** Calls `act`, which asks for a lease for `client`. @returns whether it has asked by now */
  ask(client: Leaser, act: () => void): boolean {
    const { asking, asked } = this;
    this.asking = client;
    this.asked = false;
    try {
      act();
      return this.asked;
    } finally {
      this.asking = asking;
      this.asked = asked;
    }
  }

  /** For what can't wait, and may be one too many. */
  sync(client: Leaser, act: () => void): void {
    this.#way = 'sync';
    try {
      this.ask(client, act);
    } finally {
      this.#way = 'admitted';
    }
  }

  #clientOf(owner: LeaseOwner | undefined): Leaser | undefined {
    const client = this.asking ?? (owner && this.owners.get(owner));
    if (client !== undefined || owner === undefined) return client;
    let late = this.late.shift();
    while (late?.gone) late = this.late.shift();
    if (late !== undefined) this.owners.set(owner, late);
    return late;
  }

  #watchAsking(): void {
    const pool = this.#pool;
    const model = this.#model;
    const { tryLeaseKind, leaseNow } = pool;
    pool.tryLeaseKind = (kind, owner, stack) => {
      const { answer } = model;
      this.asked = true;
      this.note('asks', this.#clientOf(owner)?.name, answer);
      this.#way = 'asked';
      try {
        const lease = tryLeaseKind.call(pool, kind, owner, stack);
        this.told(() => claim((lease !== undefined) === (answer === 'lease'), `the answer was to be: ${answer}`));
        return lease;
      } catch (error) {
        this.told(() => {
          claim(answer === 'refusal', `an open pool throws ${error}`);
          claim((error as NodeJS.ErrnoException).code === model.refusal, `a closed pool throws ${error}`);
        });
        this.#clientOf(owner)?.refused(model.refusal);
        throw error;
      } finally {
        this.#way = 'admitted';
      }
    };
    pool.leaseNow = (kind, owner, ...rest) => {
      const way = this.#way;
      // One lease is asked for at a time: any other from here on is for whoever waits.
      this.#way = 'admitted';
      const asker = way === 'admitted' ? undefined : this.#clientOf(owner);
      const lease = leaseNow.call(pool, kind, owner, ...rest);
      const engine = engineOf(lease);
      this.note('lends', lease.id, way);
      this.told(() => {
        this.#look(engine);
        const to = model.lent(way, lease.id, engine, kind, asker);
        if (way === 'admitted') this.#admitted = to;
        this.#untold.add(lease.id);
        to?.leased(lease.id, engine, lease);
      });
      return lease;
    };
  }

  #watchWaiting(): void {
    const pool = this.#pool;
    const model = this.#model;
    const { waitForLease } = pool;
    pool.waitForLease = (kind: EngineKind, owner, stack, done) => {
      const client = this.#clientOf(owner) as Leaser;
      const { answer } = model;
      let leave: () => void;
      try {
        leave = waitForLease.call(pool, kind, owner, stack, (error, lease) => {
          const code = (error as NodeJS.ErrnoException | null)?.code;
          this.note('answers', client.name, code);
          this.told(() => {
            if (error === null) claim(this.#admitted === client, 'the first in the queue is overtaken');
            else model.refused(client, code, this.#clock.now);
          });
          if (error !== null) client.refused(code);
          done(error, lease);
        });
      } catch (error) {
        const { code } = error as NodeJS.ErrnoException;
        this.note('refuses', client.name, code);
        this.told(() => claim(code === answer, `${code}, where the answer was to be: ${answer}`));
        client.refused(code);
        throw error;
      }
      this.note('queues', client.name);
      this.told(() => model.joined(client, this.#clock.now));
      this.#joined = client;
      return () => {
        this.note('leaves', client.name);
        leave();
        this.told(() => model.left(client));
      };
    };
  }

  #waits(waiting: number): void {
    claim(this.#joined !== undefined, 'zlease:wait tells of no waiter');
    claim(waiting === this.#model.queue.length, `zlease:wait tells of ${waiting}`);
    this.#joined = undefined;
  }

  /** The engine is back by then, and the numbers say so. */
  #fails(id: number): void {
    const { engine, to } = this.#model.out.get(id) ?? {};
    this.#model.fails(id);
    const discarded = this.#pool.stats.discarded > this.#model.numbers.discarded;
    const fate = !this.#shut.has(engine as object) ? 'kept' : discarded ? 'discarded' : 'evicted';
    this.#back(id, fate);
    this.#failed.set(id, { fate, client: to });
  }

  #back(id: number, fate: Fate): void {
    const failed = this.#failed.get(id);
    if (this.#failed.delete(id)) {
      claim(fate === failed?.fate, `an engine is ${fate}, and was ${failed?.fate} before`);
      return;
    }
    const lent = this.#model.out.get(id);
    claim(lent !== undefined, 'a lease ends twice (P4)');
    const engine = lent.engine as Engine;
    const mayBeClean = engine.failure === undefined || recovers(engine);
    const clean = lent.to?.endsClean(engine) ?? (fate !== 'discarded' && mayBeClean);
    this.#model.back(id, fate, clean, lent.to?.reusable ?? !engine.oversized);
    claim(this.#shut.has(engine) === (fate !== 'kept'), `an engine that is ${fate} is to be closed, and no other`);
    claim(fate !== 'kept' || (this.#clean.has(engine) && !engine.busy), 'an engine is kept as it was left (P5)');
  }

  #lost(id: number): void {
    const engine = this.#model.out.get(id)?.engine;
    this.#model.lost(id);
    claim(engine !== undefined && this.#shut.has(engine), 'an engine that was lost is not closed');
  }

  /** An engine works for whoever has it out, and for nobody else. */
  #look(engine: Engine): void {
    if (this.#seen.has(engine)) return;
    this.#seen.add(engine);
    this.#clean.add(engine);
    const { write, writeSync, reset, clean, close } = engine;
    const out = (what: string): void => {
      this.activity += 1;
      this.keep(() => claim(this.#model.holds(engine), `${what} on an engine that nobody has leased (P3)`));
    };
    engine.write = (...args) => {
      out('a write');
      this.#clean.delete(engine);
      write.apply(engine, args);
    };
    engine.writeSync = (...args) => {
      out('a write');
      this.#clean.delete(engine);
      writeSync.apply(engine, args);
    };
    engine.reset = () => {
      out('a reset');
      reset.call(engine);
    };
    engine.clean = () => {
      out('a cleaning');
      clean.call(engine);
      this.#clean.add(engine);
    };
    engine.close = () => {
      this.activity += 1;
      this.#shut.add(engine);
      close.call(engine);
    };
  }
}

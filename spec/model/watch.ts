/**
 * Looks at a real pool while it works, and tells the model what it does, in the order in which it does it: that order is known
 * exactly whatever threads do. After each event the numbers of both are to be the same. Nothing is thrown into the library;
 * what went wrong is kept.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import type { EngineKind } from '../../lib/engine/codec.ts';
import type { Engine } from '../../lib/engine/contract.ts';
import type { LeaseOwner } from '../../lib/pool/lease.ts';
import { engineOf, type ZlibPool } from '../support/library.ts';
import type { Clock } from './clock.ts';
import { type Client, claim, type Fate, type PoolModel, type Way } from './model.ts';

export type Pool = InstanceType<typeof ZlibPool>;

/** What a lease of a client is to end as. */
export interface Leaser extends Client {
  /** Whether its engine may serve again; undefined where that depends on how much it has made. */
  readonly reusable: boolean | undefined;
  /** @returns undefined where that depends on when its thread was done */
  endsClean(engine: Engine): boolean | undefined;
  /** It has given up. */
  readonly gone?: boolean;
  leased(id: number, engine: Engine): void;
  refused(code: string | undefined): void;
}

const events = ['fail', 'release', 'discard', 'leak'] as const;

/** When somebody else's code may run in the middle of the library's: at an event of a stream, or when an engine is on its way back. */
export const moments = ['data', 'end', 'error', 'close', 'back'] as const;
export type Moment = (typeof moments)[number];

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
  /** What is to be done when such a moment comes next. */
  readonly next = new Map<Moment, () => void>();
  /** Streams, to know whose lease one is. */
  readonly owners = new WeakMap<object, Leaser>();
  #fault: Error | undefined;
  #way: Way = 'admitted';
  #admitted: Leaser | undefined;
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
        const { pool: of, id, kept } = message as { pool: unknown; id: number; kept?: boolean };
        if (of !== pool) return;
        this.note(event, id);
        if (event === 'fail') {
          // The numbers are those of after it has come back.
          this.keep(() => this.#model.fails(id));
          return;
        }
        this.told(() => (event === 'leak' ? this.#lost(id) : this.#back(id, kept)));
        this.moment('back');
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

  moment(moment: Moment): void {
    const act = this.next.get(moment);
    if (act === undefined) return;
    this.next.delete(moment);
    this.note('at', moment);
    this.keep(act);
  }

  /** @throws what went wrong until now */
  check(): void {
    if (this.#fault !== undefined) throw this.#fault;
    this.compare();
    this.#model.atRest(this.#clock.now);
  }

  compare(): void {
    const { bytesIn: _in, bytesOut: _out, ...numbers } = this.#pool.stats;
    const [ours, theirs] = [JSON.stringify(numbers), JSON.stringify(this.#model.numbers)];
    claim(ours === theirs, `the stats are ${ours} and were to be ${theirs}`);
  }

  close(code: string, act: () => void): void {
    this.#model.closed(code);
    this.#closing = true;
    act();
    this.#closing = false;
  }

  /** For what can't wait, and may be one too many. */
  sync<T>(client: Leaser, act: () => T): T {
    this.#way = 'sync';
    this.asking = client;
    try {
      return act();
    } finally {
      this.#way = 'admitted';
      this.asking = undefined;
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
    const { tryLeaseKind, lend } = pool;
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
    pool.lend = (kind, owner, ...rest) => {
      const way = this.#way;
      // One lease is asked for at a time: any other from here on is for whoever waits.
      this.#way = 'admitted';
      const asker = way === 'admitted' ? undefined : this.#clientOf(owner);
      const lease = lend.call(pool, kind, owner, ...rest);
      const engine = engineOf(lease);
      this.note('lends', lease.id, way);
      this.told(() => {
        this.#look(engine);
        const to = model.lent(way, lease.id, engine, kind, asker);
        if (way === 'admitted') this.#admitted = to;
        to?.leased(lease.id, engine);
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
      return () => {
        this.note('leaves', client.name);
        leave();
        this.told(() => model.left(client));
      };
    };
  }

  #back(id: number, kept: boolean | undefined): void {
    const lent = this.#model.out.get(id);
    claim(lent !== undefined, 'a lease ends twice (P4)');
    const engine = lent.engine as Engine;
    const fate: Fate = kept === undefined ? 'discarded' : kept ? 'kept' : 'evicted';
    const clean = lent.to?.endsClean(engine) ?? (fate !== 'discarded' && engine.failure === undefined);
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
    const { write, writeSync, reset, close } = engine;
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
      this.#clean.add(engine);
    };
    engine.close = () => {
      this.activity += 1;
      this.#shut.add(engine);
      close.call(engine);
    };
  }
}

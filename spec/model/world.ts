/** One run: a pool, its model, and all who use it. Knows how to let time pass and what is to hold then. */
import { setImmediate as nextTurn } from 'node:timers/promises';
import type { Engine } from '../../lib/engine/contract.ts';
import type { ZlibPoolOptions } from '../../lib/index.ts';
import { ZlibPool } from '../support/library.ts';
import { LeaseClient, MessageClient } from './callers.ts';
import { Clock } from './clock.ts';
import { claim, PoolModel, type Terms } from './model.ts';
import { StreamClient, type StreamTerms } from './streams.ts';
import { type Leaser, type Pool, Watch } from './watch.ts';

/** How much passes between two commands: nothing but promises, ticks, a turn of the event loop, or all that goes on by itself. */
export type Pass = 'nothing' | 'tick' | 'turn' | 'rest';

export type PoolTerms = Terms & Pick<ZlibPoolOptions, 'engine' | 'inline'>;

/** So many turns in which nothing happens and no thread is at work are rest: nothing in the library waits for more than one. */
const CALM_TURNS = 4;
/** Real milliseconds after which a run is held to be stuck. */
const STUCK_MS = 30_000;
/** A finalizer comes soon after the collection, but not at a moment that is known. */
const MOST_COLLECTIONS = 60;

export class World {
  readonly clock = new Clock();
  readonly model: PoolModel<Leaser>;
  readonly pool: Pool;
  readonly watch: Watch;
  readonly streams: StreamClient[] = [];
  readonly leases: LeaseClient[] = [];
  readonly messages: MessageClient[] = [];
  /** Whose stream or lease nobody holds any more. */
  readonly #dropped = new Set<Leaser>();
  readonly #closings: Array<{ resolved: boolean }> = [];
  #seed = 0;

  constructor(terms: PoolTerms) {
    const { maxLeased, maxWaiting, maxIdle, leaseTimeoutMs } = terms;
    this.clock.replace();
    this.model = new PoolModel({ maxLeased, maxWaiting, maxIdle, leaseTimeoutMs });
    this.pool = new ZlibPool({ ...terms, idleTimeoutMs: 0 });
    this.watch = new Watch(this.pool, this.model, this.clock);
    // Takes precedence over the 'uncaughtException' listeners, such as mocha's.
    process.setUncaughtExceptionCaptureCallback((error) => this.watch.caught(error));
  }

  async leave(): Promise<void> {
    // After a difference, exceptions of user code may still be on their way.
    this.watch.next.clear();
    await nextTurn();
    process.setUncaughtExceptionCaptureCallback(null);
    this.watch.leave();
    this.clock.restore();
  }

  /** Does one thing, lets some time pass, and looks at everything. */
  async step(what: string, act: () => void | Promise<void>, pass: Pass): Promise<void> {
    this.watch.note('>', what);
    await act();
    this.check();
    if (pass === 'tick') await new Promise<void>((resolve) => process.nextTick(resolve));
    else if (pass === 'turn') await nextTurn();
    else if (pass === 'rest') await this.rest();
    this.check();
  }

  open(terms: StreamTerms): void {
    this.#seed += 1;
    this.streams.push(new StreamClient(this, terms, this.#seed));
  }

  lease(format: ConstructorParameters<typeof LeaseClient>[1], way: ConstructorParameters<typeof LeaseClient>[2]): void {
    this.#seed += 1;
    new LeaseClient(this, format, way, this.#seed);
  }

  decompress(
    format: ConstructorParameters<typeof MessageClient>[1],
    terms: ConstructorParameters<typeof MessageClient>[2],
  ): void {
    this.#seed += 1;
    new MessageClient(this, format, terms, this.#seed);
  }

  /** Not from within an async function: what those have seen is held until they are done. */
  drop(client: StreamClient | LeaseClient): void {
    this.#dropped.add(client);
    client.drop();
  }

  close(): void {
    this.watch.close(this.model.refusal ?? 'ERR_POOL_CLOSED', () => {
      const closing = { resolved: false };
      this.#closings.push(closing);
      void this.pool.close().then(() => {
        closing.resolved = true;
      });
    });
  }

  destroy(code: string | undefined): void {
    const refusal = code ?? 'ERR_POOL_CLOSED';
    for (const client of [...this.streams, ...this.messages]) client.poolDestroyed(refusal);
    this.watch.close(refusal, () => {
      this.pool.destroy(code === undefined ? undefined : Object.assign(new Error('down'), { code }));
    });
  }

  /** What holds at any moment. */
  check(): void {
    this.watch.check();
    for (const client of this.#clients) client.check();
  }

  /** Until nothing happens any more. */
  async rest(): Promise<void> {
    const deadline = Date.now() + STUCK_MS;
    let { activity } = this.watch;
    for (let calm = 0; calm < CALM_TURNS; ) {
      await nextTurn();
      calm = this.#busy || this.watch.activity !== activity ? 0 : calm + 1;
      activity = this.watch.activity;
      claim(Date.now() < deadline, 'something goes on for ever');
    }
    this.check();
    this.watch.checkAtRest();
    for (const client of this.#clients) client.checkAtRest();
    const back = this.model.out.size === 0;
    for (const { resolved } of this.#closings) claim(resolved === back, 'close() resolves when all leases are back');
  }

  /** Has the garbage collected. What was dropped with an engine of its own is taken back then. */
  async collect(): Promise<void> {
    await this.rest();
    for (let i = 0; i < MOST_COLLECTIONS && this.#lostLength > 0; i++) {
      globalThis.gc?.();
      await nextTurn();
    }
    claim(this.#lostLength === 0, 'what was dropped keeps its engine');
    await this.rest();
  }

  /** Everything comes to its end, in order or by force, and everything is back then. */
  async finish(inOrder: boolean): Promise<void> {
    this.watch.note('> finish');
    this.watch.next.clear();
    await this.rest();
    const most = this.streams.length + this.leases.length + this.messages.length + 2;
    for (let i = 0; i < most && this.model.out.size + this.model.queue.length > 0; i++) {
      for (const client of this.leases) if (client.held !== undefined && !client.given) client.end('release');
      for (const client of this.streams) this.#end(client, inOrder);
      await this.rest();
      if (this.#lostLength > 0) await this.collect();
    }
    await this.rest();
    const { leased, waiting } = this.pool.stats;
    claim(leased === 0 && waiting === 0, 'leases are out though everything has ended');
    this.close();
    await this.rest();
  }

  #end(client: StreamClient, inOrder: boolean): void {
    if (!client.live) return;
    if (!inOrder || client.over) {
      client.destroy('destroy');
      return;
    }
    client.resume();
    if (client.writable) client.write(1);
    if (client.endable) client.end();
  }

  get #clients(): Array<StreamClient | LeaseClient | MessageClient> {
    return [...this.streams, ...this.leases, ...this.messages];
  }

  get #busy(): boolean {
    for (const { engine } of this.model.out.values()) if ((engine as Engine).busy) return true;
    return false;
  }

  get #lostLength(): number {
    let length = 0;
    for (const { to } of this.model.out.values()) if (to !== undefined && this.#dropped.has(to)) length += 1;
    return length;
  }
}

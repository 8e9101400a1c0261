/** Those of a run that are no streams: who holds a lease, and who has a message. */
import type { Engine } from '../../lib/engine/contract.ts';
import type { Format, Lease } from '../../lib/index.ts';
import { abort } from './abort.ts';
import { claim } from './model.ts';
import { BAD, NO_DATA, recovers, sampleOf } from './samples.ts';
import type { Leaser } from './watch.ts';
import type { World } from './world.ts';

/** What became of a promise. */
interface Outcome<T> {
  value?: T;
  code?: string | undefined;
}

abstract class Caller<T> implements Leaser {
  readonly name: string;
  abort: AbortController | undefined;
  abstract readonly reusable: boolean;
  protected readonly world: World;
  protected outcome: Outcome<T> | undefined;
  /** The answer that the pool has given, if it is no. */
  protected refusal: string | undefined;
  protected lease: number | undefined;
  #aborted = false;

  constructor(world: World, name: string, withSignal: boolean) {
    this.world = world;
    this.name = name;
    this.abort = withSignal ? new AbortController() : undefined;
  }

  abstract endsClean(engine: Engine): boolean | undefined;

  leased(id: number, _engine: Engine, _lease: Lease): void {
    claim(this.lease === undefined, `${this.name} leases twice`);
    this.lease = id;
  }

  refused(code: string | undefined): void {
    this.refusal = code;
  }

  get settled(): boolean {
    return this.outcome !== undefined;
  }

  aborted(): void {
    // Whoever was answered before, has the answer already.
    if (this.lease === undefined && this.refusal === undefined) this.#aborted = true;
    abort(this.abort);
  }

  abortItself(): void {
    if (this.abort !== undefined) this.aborted();
  }

  endItself(_pick: number): void {
    this.abortItself();
  }

  /** What holds at any moment. */
  check(): void {
    claim(!this.#aborted || !this.world.model.waits(this), `${this.name} is aborted and waits for an engine`);
  }

  checkAtRest(): void {
    claim(this.settled !== this.world.model.waits(this), `${this.name} has no answer and does not wait, or both`);
    if (!this.settled) return;
    const due = this.#aborted ? 'ABORT_ERR' : this.refusal;
    if (due !== undefined) claim(this.outcome?.code === due, `${this.name} gets ${this.outcome?.code}, not ${due}`);
  }

  protected follow(promise: Promise<T>): void {
    promise.then(
      (value) => this.#settle({ value }),
      ({ code }) => this.#settle({ code }),
    );
  }

  #settle(outcome: Outcome<T>): void {
    this.outcome = outcome;
    this.world.watch.note(this.name, 'has its answer', outcome.code ?? '');
    this.answered(outcome);
  }

  protected answered(_outcome: Outcome<T>): void {}
}

export const endings = ['release', 'discard', 'dispose'] as const;
type Ending = (typeof endings)[number];

/** Somebody who holds a lease of his own. */
export class LeaseClient extends Caller<Lease> {
  readonly reusable: boolean;
  /** Undefined until its caller has it. */
  held: Lease | undefined;
  #own: Lease | undefined;
  #clean = true;
  #given = false;

  constructor(world: World, format: Format, way: 'now' | 'later' | 'with a signal' | 'aborted', number: number) {
    super(world, `lease ${number}`, way === 'with a signal' || way === 'aborted');
    this.reusable = format !== 'unzip';
    // At once: user code may run while it asks.
    world.leases.push(this);
    if (way === 'now') this.#now(format);
    else this.#later(format, way);
  }

  endsClean(): boolean {
    return this.#clean;
  }

  get given(): boolean {
    return this.#given;
  }

  override leased(id: number, engine: Engine, lease: Lease): void {
    super.leased(id, engine, lease);
    this.#own = lease;
  }

  override endItself(pick: number): void {
    const how = endings[pick % endings.length] as Ending;
    if (this.#own === undefined) this.abortItself();
    else if (this.#given) this.endAgain(how);
    else this.end(how);
  }

  end(how: Ending): void {
    const lease = this.#own as Lease;
    this.#clean = how !== 'discard';
    this.#given = true;
    if (how === 'dispose') lease[Symbol.dispose]();
    else if (how === 'release') lease.release();
    else lease.discard(new Error('not wanted'));
  }

  /** P4: none of it may reach the engine, or whoever has it now. */
  endAgain(how: Ending): void {
    const before = this.world.watch.activity;
    let code: string | undefined;
    try {
      this.end(how);
    } catch (error) {
      ({ code } = error as NodeJS.ErrnoException);
    }
    claim(code === (how === 'dispose' ? undefined : 'ERR_LEASE_RELEASED'), `${how} of an ended lease: ${code} (P4)`);
    claim(this.world.watch.activity === before, 'something happens to an ended lease (P4)');
  }

  drop(): void {
    this.held = undefined;
    this.#own = undefined;
    this.outcome = {};
  }

  override check(): void {
    super.check();
    if (this.held === undefined) return;
    claim(this.held.released === this.#given, `${this.name} was ended by somebody else (P4)`);
    claim(this.world.model.out.has(this.lease as number) !== this.#given, `${this.name} is counted wrongly (P4)`);
  }

  protected override answered({ value }: Outcome<Lease>): void {
    this.held = value;
  }

  #now(format: Format): void {
    const { watch, model, pool } = this.world;
    const { answer, refusal } = model;
    try {
      watch.ask(this, () => {
        this.held = pool.tryLease(format);
      });
      this.outcome = this.held === undefined ? {} : { value: this.held };
      claim(answer !== 'refusal', 'a closed pool gives an answer');
    } catch (error) {
      const { code } = error as NodeJS.ErrnoException;
      this.outcome = { code };
      claim(answer === 'refusal' && code === refusal, `tryLease throws ${error}`);
    }
    claim((this.held !== undefined) === (answer === 'lease'), `tryLease gives ${this.held}, not: ${answer}`);
  }

  #later(format: Format, way: string): void {
    const { watch, pool } = this.world;
    if (way === 'aborted') this.aborted();
    watch.ask(this, () => this.follow(pool.lease(format, { signal: this.abort?.signal })));
  }
}

/** Somebody with a message. */
export class MessageClient extends Caller<Buffer> {
  readonly #plain: Buffer;
  readonly #bad: boolean;
  #gaveUp = false;
  #maybeAborted = false;
  /** Its engine has grown too big to be kept. */
  #oversized = false;
  readonly #growing: boolean;
  readonly #sync: boolean;

  constructor(
    world: World,
    format: Format,
    { length, bad, withSignal, sync }: { length: number; bad: boolean; withSignal: boolean; sync: boolean },
    seed: number,
  ) {
    super(world, `message ${seed}`, withSignal);
    const { plain, data } = sampleOf(format, length, seed);
    this.#plain = plain;
    this.#bad = bad;
    this.#growing = format === 'zstd' && length > 262_144;
    this.#sync = sync;
    world.messages.push(this);
    if (sync) this.#now(bad ? NO_DATA : data, format);
    else {
      const { watch, pool } = world;
      const asked = watch.ask(this, () => {
        this.follow(pool.decompress(bad ? NO_DATA : data, format, { signal: this.abort?.signal }));
      });
      if (!asked) watch.late.push(this);
    }
  }

  get reusable(): boolean {
    return !this.#oversized;
  }

  get gone(): boolean {
    return this.outcome !== undefined || this.#gaveUp;
  }

  override leased(id: number, engine: Engine, lease: Lease): void {
    super.leased(id, engine, lease);
    // Where an engine can't run on the main thread it is not what decompresses there.
    this.#oversized = this.#growing && (engine.inline || !this.#sync);
  }

  /** A message that is given up during its last write may be done by then. */
  endsClean(engine: Engine): boolean | undefined {
    if ((this.#bad || engine.failure !== undefined) && !recovers(engine)) return false;
    return this.#maybeAborted ? undefined : true;
  }

  override aborted(): void {
    this.#gaveUp = true;
    this.#maybeAborted = true;
    super.aborted();
  }

  poolDestroyed(): void {
    this.#maybeAborted = true;
  }

  override checkAtRest(): void {
    super.checkAtRest();
    if (this.outcome === undefined) return;
    const { value, code } = this.outcome;
    const out = this.lease !== undefined && this.world.model.out.has(this.lease);
    claim(!out, `${this.name} has its answer and keeps its engine`);
    if (value !== undefined) {
      claim(!this.#bad && value.equals(this.#plain), `${this.name} gets bytes that are not its own (P5)`);
    } else if (this.refusal === undefined && !this.#maybeAborted) {
      claim(this.#bad && BAD.test(String(code)), `${this.name} fails with ${code}`);
    }
  }

  /** On the main thread, whatever else is out. */
  #now(data: Buffer, format: Format): void {
    const { watch, model, pool } = this.world;
    const { refusal } = model;
    try {
      watch.sync(this, () => {
        this.outcome = { value: pool.decompressSync(data, format) };
      });
      claim(refusal === undefined, 'a closed pool gives an answer');
    } catch (error) {
      this.outcome = { code: (error as NodeJS.ErrnoException).code };
      if (refusal === undefined) return;
      this.refusal = refusal;
      claim(this.outcome.code === refusal, `a closed pool throws ${error}`);
    }
  }
}

/**
 * `zlease/prometheus`: the numbers of pools, for a registry of prom-client, an optional peer. Nothing is imported from it: a process may hold
 * several copies, each with a global registry of its own, and only the caller knows which of them is scraped. The metrics are our own, and answer what a
 * registry asks of one, `get()`: that gives the numbers of the moment, and a lease costs an addition instead of what `observe()` and `inc()` do.
 */

import { codedError } from './errors.ts';
import { channels, type DiscardEvent, type FailEvent, type LeaseEvent, type WaitEvent } from './observe/channels.ts';
import { type MetricRow, metricRows, type Reading } from './observe/metrics.ts';
import type { ObservedPool } from './observe/stats.ts';
import { Tally } from './observe/tally.ts';
import { record, refuse } from './pool/options.ts';
import { Pool } from './pool/pool.ts';
import { shown } from './validate.ts';

/** A registry of prom-client, from 13 on, as far as it is used here: `register`, or a `new Registry()`. */
export interface PrometheusRegistry {
  /** Takes a metric in. */
  registerMetric(metric: never): void;
  /** The metric of this name, or `undefined`. */
  getSingleMetric(name: string): unknown;
  /** Takes the metric of this name out. */
  removeSingleMetric(name: string): void;
}

/** Of `collectPool()`. */
export interface CollectOptions {
  /** Where the metrics go: `register` of the prom-client that is scraped, or a registry of your own. */
  register: PrometheusRegistry;
  /** Tells the pools of a registry apart: the label `pool`. Default `'default'`. */
  name?: string | undefined;
  /** Put before the name of each metric, as by prom-client's `collectDefaultMetrics()`. Default: none. */
  prefix?: string | undefined;
}

/** What prom-client's metrics give a registry. */
interface MetricObject {
  readonly name: string;
  readonly help: string;
  readonly type: MetricRow['type'];
  readonly aggregator: 'sum';
  readonly values: Array<{ value: number; labels: Record<string, string>; metricName: string }>;
}

/** The numbers of all pools of a registry that are there, by their names. */
type Readings = () => ReadonlyMap<string, Reading>;

/** A metric, in the eyes of a registry. */
class Metric {
  /** A registry that speaks OpenMetrics takes the `_total` off it, and puts it back where it writes the samples. */
  name: string;
  readonly help: string;
  readonly type: MetricRow['type'];
  /** How prom-client's AggregatorRegistry makes one number of those of a cluster's workers. */
  readonly aggregator = 'sum';
  readonly #read: MetricRow['read'];
  readonly #readings: Readings;

  constructor(prefix: string, { name, help, type, read }: MetricRow, readings: Readings) {
    this.name = prefix + name;
    this.help = help;
    this.type = type;
    this.#read = read;
    this.#readings = readings;
  }

  /** All of a registry's metrics are asked before any has answered, so that the numbers of a scrape are those of one moment. */
  async get(): Promise<MetricObject> {
    const { name, help, type, aggregator } = this;
    const values: MetricObject['values'] = [];
    for (const [pool, reading] of this.#readings()) {
      this.#read(reading, (value, labels, suffix = '') =>
        values.push({ value, labels: { pool, ...labels }, metricName: name + suffix }),
      );
    }
    return { name, help, type, aggregator, values };
  }

  /** For `register.resetMetrics()`. What is told is what the pool has done, and that stays so. */
  reset(): void {}
}

/** A pool that is collected. Weakly: nothing here keeps it alive. */
interface Member {
  readonly name: string;
  readonly pool: WeakRef<Pool>;
  readonly tally: Tally;
}

/** The metrics of one registry under one prefix, and the pools that they tell of. */
class Collection {
  readonly #register: PrometheusRegistry;
  readonly #metrics: ReadonlyMap<string, Metric>;
  readonly #members = new Map<string, Member>();
  readonly #byPool = new WeakMap<ObservedPool, Member>();
  readonly #onLease = (message: unknown): void => this.#tallyOf(message)?.lease(message as LeaseEvent);
  readonly #onFail = (message: unknown): void => this.#tallyOf(message)?.fail(message as FailEvent);
  readonly #onDiscard = (message: unknown): void => this.#tallyOf(message)?.discard(message as DiscardEvent);
  readonly #onWait = (message: unknown): void => this.#tallyOf(message)?.wait();

  /** @throws `ERR_METRICS_TAKEN` */
  constructor(register: PrometheusRegistry, prefix: string) {
    this.#register = register;
    const readings = () => this.#readings();
    this.#metrics = new Map(metricRows.map((row) => [prefix + row.name, new Metric(prefix, row, readings)]));
    for (const name of this.#metrics.keys()) {
      if (register.getSingleMetric(name) === undefined) continue;
      throw codedError('ERR_METRICS_TAKEN', `The registry has a metric ${name} already, which is somebody else's`);
    }
    for (const metric of this.#metrics.values()) register.registerMetric(metric as never);
    channels.lease.subscribe(this.#onLease);
    channels.fail.subscribe(this.#onFail);
    channels.discard.subscribe(this.#onDiscard);
    channels.wait.subscribe(this.#onWait);
  }

  /** Whether its metrics are in the registry still: `register.clear()` takes them out, and tells nobody. */
  get isRegistered(): boolean {
    return [...this.#metrics].some(([name, metric]) => this.#register.getSingleMetric(name) === metric);
  }

  /** @throws `ERR_METRICS_TAKEN` */
  add(pool: Pool, name: string): Member {
    const known = this.#byPool.get(pool);
    if (known !== undefined) {
      throw codedError(
        'ERR_METRICS_TAKEN',
        `The registry has metrics of this pool already, by the name of ${known.name}`,
      );
    }
    if (this.#readings().has(name)) {
      throw codedError('ERR_METRICS_TAKEN', `The registry has metrics of a pool by the name of ${name} already`);
    }
    const member: Member = { name, pool: new WeakRef(pool), tally: new Tally(pool.stats) };
    this.#members.set(name, member);
    this.#byPool.set(pool, member);
    return member;
  }

  /** @returns whether none is left */
  remove(member: Member): boolean {
    // The name may be another's by now, if this is not the first time.
    if (this.#members.get(member.name) === member) {
      this.#members.delete(member.name);
      const pool = member.pool.deref();
      if (pool !== undefined) this.#byPool.delete(pool);
    }
    return this.#members.size === 0;
  }

  end(): void {
    channels.lease.unsubscribe(this.#onLease);
    channels.fail.unsubscribe(this.#onFail);
    channels.discard.unsubscribe(this.#onDiscard);
    channels.wait.unsubscribe(this.#onWait);
    for (const [name, metric] of this.#metrics) {
      if (this.#register.getSingleMetric(name) === metric) this.#register.removeSingleMetric(name);
    }
  }

  #tallyOf(message: unknown): Tally | undefined {
    return this.#byPool.get((message as LeaseEvent | DiscardEvent | WaitEvent).pool)?.tally;
  }

  /** Those whose pool was garbage collected are forgotten. */
  #readings(): Map<string, Reading> {
    const readings = new Map<string, Reading>();
    for (const [name, { pool, tally }] of this.#members) {
      const stats = pool.deref()?.stats;
      if (stats === undefined) this.#members.delete(name);
      else readings.set(name, { stats, tally });
    }
    return readings;
  }
}

/** By registry and prefix. */
const collections = new WeakMap<PrometheusRegistry, Map<string, Collection>>();

/**
 * Has a registry of prom-client tell a pool's numbers. The pools of a registry share its metrics, each under a `name` of its own.
 *
 * As long as any pool is collected, all pools of the process publish their leases, failures, discards and waits: docs/metrics.md says what that costs. A
 * pool that is closed goes on being told of until the undo. One that is garbage collected is not kept alive for it: its series end.
 * @param pool - the one to tell of
 * @param options - `register`, which there has to be; `name`, default `'default'`; `prefix`, default none
 * @returns undoes it, once: ends the series of this pool, and with those of the last one takes the metrics out of the registry
 * @throws `ERR_METRICS_TAKEN` where the registry has metrics of this pool, of another by this `name`, or of the same names and somebody else's;
 * `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` for arguments that make no sense
 */
export function collectPool(pool: Pool, options: CollectOptions): () => void {
  const { register, name, prefix } = collectSettings(pool, options);
  const ofRegister = collections.get(register) ?? new Map<string, Collection>();
  collections.set(register, ofRegister);
  let collection = ofRegister.get(prefix);
  if (collection?.isRegistered !== true) {
    collection?.end();
    ofRegister.delete(prefix);
    collection = new Collection(register, prefix);
    ofRegister.set(prefix, collection);
  }
  return undo(ofRegister, prefix, collection, collection.add(pool, name));
}

/** Apart from `collectPool`, whose scope holds the pool: an undo that somebody keeps must not. */
function undo(ofRegister: Map<string, Collection>, prefix: string, collection: Collection, member: Member): () => void {
  return () => {
    if (!collection.remove(member) || ofRegister.get(prefix) !== collection) return;
    ofRegister.delete(prefix);
    collection.end();
  };
}

/** What the name of a metric may begin with: https://prometheus.io/docs/concepts/data_model */
const PREFIX = /^([a-zA-Z_:][a-zA-Z0-9_:]*)?$/;

/** @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` */
function collectSettings(
  pool: Pool,
  options: CollectOptions,
): Required<CollectOptions> & { name: string; prefix: string } {
  if (!Pool.isPool(pool)) {
    throw codedError('ERR_INVALID_ARG_TYPE', `pool must be a ZlibPool. Received ${shown(pool)}`);
  }
  const { register, name = 'default', prefix = '', ...rest } = record(options, 'options');
  refuse(rest, 'options');
  const methods = [register?.registerMetric, register?.getSingleMetric, register?.removeSingleMetric];
  if (!methods.every((method) => typeof method === 'function')) {
    throw codedError(
      'ERR_INVALID_ARG_TYPE',
      `options.register must be a registry of prom-client. Received ${shown(register)}`,
    );
  }
  for (const [option, value] of Object.entries({ name, prefix })) {
    if (typeof value === 'string') continue;
    throw codedError('ERR_INVALID_ARG_TYPE', `options.${option} must be a string. Received ${shown(value)}`);
  }
  if (name === '') throw codedError('ERR_INVALID_ARG_VALUE', 'options.name must not be empty');
  if (!PREFIX.test(prefix)) {
    throw codedError(
      'ERR_INVALID_ARG_VALUE',
      `No name of a metric can begin with options.prefix. Received ${shown(prefix)}`,
    );
  }
  return { register, name, prefix };
}

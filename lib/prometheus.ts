/**
 * `zlease/prometheus`: the numbers of pools for a registry of prom-client, an optional peer
 * dependency. It imports nothing from prom-client: a process may hold several copies, and only the
 * caller knows the one that is scraped. The metrics are objects of this module with the `get()`
 * that a registry calls. So a lease costs a few additions instead of an `observe()` and an `inc()`.
 */

import { codedError } from './errors.ts';
import { channels, type DiscardEvent, type FailEvent, type LeaseEvent, type WaitEvent } from './observe/channels.ts';
import { type MetricRow, metricRows, type Reading } from './observe/metrics.ts';
import type { ObservedPool } from './observe/stats.ts';
import { Tally } from './observe/tally.ts';
import { record, refuse } from './pool/options.ts';
import { Pool } from './pool/pool.ts';
import { shown } from './validate.ts';

/** A registry of prom-client 13 or later: `register`, or a `new Registry()`. */
export interface PrometheusRegistry {
  /** Adds a metric. */
  registerMetric(metric: never): void;
  /** Returns the metric of this name, or `undefined`. */
  getSingleMetric(name: string): unknown;
  /** Removes the metric of this name. */
  removeSingleMetric(name: string): void;
}

/** Options of `collectPool()`. */
export interface CollectOptions {
  /** Registry of the metrics: `register` of the prom-client that is scraped, or another one. */
  register: PrometheusRegistry;
  /** Value of the label `pool`, different for each pool of a registry. Default `'default'`. */
  name?: string | undefined;
  /** Prefix of all metric names, as of prom-client's `collectDefaultMetrics()`. Default: none. */
  prefix?: string | undefined;
}

interface MetricObject {
  readonly name: string;
  readonly help: string;
  readonly type: MetricRow['type'];
  readonly aggregator: 'sum';
  readonly values: Array<{ value: number; labels: Record<string, string>; metricName: string }>;
}

/** Returns the numbers of all live pools of a registry, by name. */
type Readings = () => ReadonlyMap<string, Reading>;

class Metric {
  /** Name of the metric. OpenMetrics registries remove its `_total`, and add it to samples. */
  name: string;
  readonly help: string;
  readonly type: MetricRow['type'];
  /** How prom-client's AggregatorRegistry combines the values of a cluster's workers. */
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

  /**
   * Returns the numbers of one moment: a registry calls every `get()` before it awaits a result.
   */
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

  /** Does nothing for `register.resetMetrics()`: the numbers of the pool stay. */
  reset(): void {}
}

/** A pool whose numbers are reported. The weak reference does not keep the pool alive. */
interface Member {
  readonly name: string;
  readonly pool: WeakRef<Pool>;
  readonly tally: Tally;
}

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
      throw codedError('ERR_METRICS_TAKEN', `The registry already has another metric ${name}`);
    }
    for (const metric of this.#metrics.values()) register.registerMetric(metric as never);
    channels.lease.subscribe(this.#onLease);
    channels.fail.subscribe(this.#onFail);
    channels.discard.subscribe(this.#onDiscard);
    channels.wait.subscribe(this.#onWait);
  }

  /** Whether any of the metrics is still registered. `register.clear()` gives no notice. */
  get isRegistered(): boolean {
    return [...this.#metrics].some(([name, metric]) => this.#register.getSingleMetric(name) === metric);
  }

  /** @throws `ERR_METRICS_TAKEN` */
  add(pool: Pool, name: string): Member {
    const known = this.#byPool.get(pool);
    if (known !== undefined) {
      throw codedError('ERR_METRICS_TAKEN', `The registry already has the metrics of this pool, as ${known.name}`);
    }
    if (this.#readings().has(name)) {
      throw codedError('ERR_METRICS_TAKEN', `The registry already has the metrics of another pool, as ${name}`);
    }
    const member: Member = { name, pool: new WeakRef(pool), tally: new Tally(pool.stats) };
    this.#members.set(name, member);
    this.#byPool.set(pool, member);
    return member;
  }

  /** @returns whether no pool is left */
  remove(member: Member): boolean {
    // On a second call the name may belong to another pool.
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

  /** Returns the numbers by name, and drops pools that were garbage collected. */
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

/** Collections by registry and prefix. */
const collections = new WeakMap<PrometheusRegistry, Map<string, Collection>>();

/**
 * Adds the numbers of a pool to a registry of prom-client. Pools with the same registry and the
 * same `prefix` share the metrics, each under its own `name`.
 *
 * While any pool is reported, all pools of this thread publish their leases, failures, discards and
 * waits. A closed pool is reported until the returned function is called. The registry does not
 * keep a pool alive. The series of a pool end when the pool is garbage collected.
 * @param pool - the pool to report
 * @param options - `register` (required), `name` (default `'default'`), `prefix` (default none)
 * @returns a function that removes the pool, once. With the last pool it also removes the metrics
 * @throws `ERR_METRICS_TAKEN` if these metrics have this pool already or another pool by this
 * `name`, or if the registry has other metrics of the same names. `ERR_INVALID_ARG_TYPE`,
 * `ERR_INVALID_ARG_VALUE` for invalid arguments
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

/**
 * Returns the undo of `collectPool()`. A function in the scope of `collectPool()` would keep the
 * pool alive.
 */
function undo(ofRegister: Map<string, Collection>, prefix: string, collection: Collection, member: Member): () => void {
  return () => {
    if (!collection.remove(member) || ofRegister.get(prefix) !== collection) return;
    ofRegister.delete(prefix);
    collection.end();
  };
}

/** Valid start of a metric name: https://prometheus.io/docs/concepts/data_model */
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
      `options.prefix must be a valid start of a metric name. Received ${shown(prefix)}`,
    );
  }
  return { register, name, prefix };
}

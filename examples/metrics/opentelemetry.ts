/**
 * `npx tsx examples/metrics/opentelemetry.ts`: a pool's numbers on an OpenTelemetry meter, from its stats and its channels, while the pool is under
 * load; then prints them. A service would export to its collector in place of the memory. `--help` prints the usage.
 */
import { subscribe, unsubscribe } from 'node:diagnostics_channel';
import { setTimeout as delay } from 'node:timers/promises';
import { Option } from '@commander-js/extra-typings';
import { type Attributes, metrics } from '@opentelemetry/api';
import {
  AggregationTemporality,
  InMemoryMetricExporter,
  MeterProvider,
  PeriodicExportingMetricReader,
} from '@opentelemetry/sdk-metrics';
import { type DiscardEvent, type FailEvent, type LeaseEvent, ZlibPool } from 'zlease';
import { command, positiveNumber } from '../command.ts';
import { load } from './load.ts';

const { seconds } = command('npx tsx examples/metrics/opentelemetry.ts', 'Prints the metrics of a pool after a load.')
  .addOption(
    new Option('--seconds <number>', 'how long the load runs, in seconds')
      .env('SECONDS')
      .default(1)
      .argParser(positiveNumber(1e6)),
  )
  .parse()
  .opts();

/** @returns undoes it */
function meterPool(pool: ZlibPool, name: string): () => void {
  const meter = metrics.getMeter('zlease');
  const of: Attributes = { 'zlease.pool.name': name };

  const leased = meter.createObservableUpDownCounter('zlease.engines.leased', { unit: '{engine}' });
  const idle = meter.createObservableUpDownCounter('zlease.engines.idle', { unit: '{engine}' });
  const waiting = meter.createObservableUpDownCounter('zlease.leases.waiting', { unit: '{lease}' });
  const created = meter.createObservableCounter('zlease.engines.created', { unit: '{engine}' });
  const reused = meter.createObservableCounter('zlease.engines.reused', { unit: '{lease}' });
  const evicted = meter.createObservableCounter('zlease.engines.evicted', { unit: '{engine}' });
  const leaked = meter.createObservableCounter('zlease.engines.leaked', { unit: '{engine}' });
  const input = meter.createObservableCounter('zlease.input.size', { unit: 'By' });
  const output = meter.createObservableCounter('zlease.output.size', { unit: 'By' });
  const observed = [leased, idle, waiting, created, reused, evicted, leaked, input, output];
  const observe: Parameters<typeof meter.addBatchObservableCallback>[0] = (result) => {
    const { stats } = pool;
    result.observe(leased, stats.leased, of);
    result.observe(idle, stats.idle, of);
    result.observe(waiting, stats.waiting, of);
    result.observe(created, stats.created, of);
    result.observe(reused, stats.reused, of);
    result.observe(evicted, stats.evicted, of);
    result.observe(leaked, stats.leaked, of);
    result.observe(input, stats.bytesIn, of);
    result.observe(output, stats.bytesOut, of);
  };
  meter.addBatchObservableCallback(observe, observed);

  // What the stats don't tell. The channels are those of all pools.
  const failed = meter.createCounter('zlease.leases.failed', { unit: '{lease}' });
  const discarded = meter.createCounter('zlease.engines.discarded', { unit: '{engine}' });
  const waited = meter.createHistogram('zlease.lease.wait.duration', {
    unit: 's',
    advice: { explicitBucketBoundaries: [0, 0.001, 0.005, 0.01, 0.05, 0.1, 0.5, 1, 5, 10, 30] },
  });
  const onLease = (message: unknown): void => {
    const event = message as LeaseEvent;
    if (event.pool === pool) waited.record(event.waitedMs / 1_000, of);
  };
  const onFail = (message: unknown): void => {
    const event = message as FailEvent;
    // A code may be anything where streams are destroyed with errors of your own: then let through those that you know.
    if (event.pool === pool) failed.add(1, { ...of, 'error.type': event.cause.code ?? '_OTHER' });
  };
  const onDiscard = (message: unknown): void => {
    const event = message as DiscardEvent;
    if (event.pool === pool) discarded.add(1, { ...of, 'error.type': event.cause?.code ?? '_OTHER' });
  };
  subscribe('zlease:lease', onLease);
  subscribe('zlease:fail', onFail);
  subscribe('zlease:discard', onDiscard);

  return () => {
    meter.removeBatchObservableCallback(observe, observed);
    unsubscribe('zlease:lease', onLease);
    unsubscribe('zlease:fail', onFail);
    unsubscribe('zlease:discard', onDiscard);
  };
}

const exporter = new InMemoryMetricExporter(AggregationTemporality.CUMULATIVE);
const provider = new MeterProvider({ readers: [new PeriodicExportingMetricReader({ exporter })] });
metrics.setGlobalMeterProvider(provider);

const pool = new ZlibPool({ maxLeased: 8, maxIdle: 4 });
const stop = meterPool(pool, 'uploads');
const enough = new AbortController();
await Promise.all([load(pool, enough.signal), delay(seconds * 1_000).then(() => enough.abort())]);

await provider.forceFlush();
for (const { descriptor, dataPoints } of exporter.getMetrics().at(-1)?.scopeMetrics[0]?.metrics ?? []) {
  for (const { attributes, value } of dataPoints) {
    const number = typeof value === 'object' ? `count ${value.count}, sum ${value.sum ?? 0}` : value;
    console.log(`${descriptor.name} ${number} ${descriptor.unit} ${JSON.stringify(attributes)}`);
  }
}
console.log(JSON.stringify(pool.stats));

stop();
await provider.shutdown();
await pool.close();

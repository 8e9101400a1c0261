/**
 * Metrics of a pool, one row each: its name, its type, and the source of its values. The units are
 * the base units of Prometheus, bytes and seconds.
 */
import type { PoolStats } from './stats.ts';
import { type Tally, waitBuckets } from './tally.ts';

/** Numbers of one pool. */
export interface Reading {
  readonly stats: PoolStats;
  readonly tally: Tally;
}

/**
 * Reports one value, with its labels apart from `pool`, and a suffix for the name of the metric.
 */
export type Tell = (value: number, labels?: Readonly<Record<string, string>>, suffix?: string) => void;

export interface MetricRow {
  readonly type: 'gauge' | 'counter' | 'histogram';
  readonly name: string;
  readonly help: string;
  readonly read: (reading: Reading, tell: Tell) => void;
}

export const metricRows: readonly MetricRow[] = [
  {
    type: 'gauge',
    name: 'zlease_engines_leased',
    help: 'Engines that are leased now.',
    read: ({ stats }, tell) => tell(stats.leased),
  },
  {
    type: 'gauge',
    name: 'zlease_engines_idle',
    help: 'Engines that wait for their next lease.',
    read: ({ stats }, tell) => tell(stats.idle),
  },
  {
    type: 'gauge',
    name: 'zlease_leases_waiting',
    help: 'Streams, messages and callers that wait for an engine now.',
    read: ({ stats }, tell) => tell(stats.waiting),
  },
  {
    type: 'counter',
    name: 'zlease_leases_total',
    help: 'Leases, by format, by direction and by whether the engine was reused.',
    read({ tally }, tell) {
      for (const { format, direction, created, reused } of tally.leases) {
        tell(created, { format, direction, reused: 'false' });
        tell(reused, { format, direction, reused: 'true' });
      }
    },
  },
  {
    type: 'counter',
    name: 'zlease_engines_created_total',
    help: 'Engines created.',
    read: ({ stats }, tell) => tell(stats.created),
  },
  {
    type: 'counter',
    name: 'zlease_leases_failed_total',
    help: 'Leases that ended with an error, by the code of the error.',
    read({ tally }, tell) {
      for (const [cause, count] of tally.failures) tell(count, { cause });
    },
  },
  {
    type: 'counter',
    name: 'zlease_engines_discarded_total',
    help: 'Engines closed because they are not proven clean, by the code of the error that ended the lease.',
    read({ tally }, tell) {
      for (const [cause, count] of tally.discards) tell(count, { cause });
    },
  },
  {
    type: 'counter',
    name: 'zlease_engines_evicted_total',
    help: 'Clean engines closed: over maxIdle or maxIdleLength, idle for too long, oversized, not reusable, or the pool was closed.',
    read: ({ stats }, tell) => tell(stats.evicted),
  },
  {
    type: 'counter',
    name: 'zlease_engines_leaked_total',
    help: 'Engines closed because their lease was garbage collected before it ended.',
    read: ({ stats }, tell) => tell(stats.leaked),
  },
  {
    type: 'counter',
    name: 'zlease_lease_waits_total',
    help: 'Requests for an engine that had to wait, because all maxLeased engines were leased.',
    read: ({ tally }, tell) => tell(tally.waits),
  },
  {
    type: 'histogram',
    name: 'zlease_lease_wait_seconds',
    help: 'Time from the request to the lease, in seconds. 0: no wait. Requests that failed are not counted.',
    read({ tally }, tell) {
      let count = 0;
      for (const [i, waited] of tally.waited.entries()) {
        count += waited;
        tell(count, { le: String(waitBuckets[i] ?? '+Inf') }, '_bucket');
      }
      tell(tally.waitedSeconds, {}, '_sum');
      tell(count, {}, '_count');
    },
  },
  {
    type: 'counter',
    name: 'zlease_input_bytes_total',
    help: 'Bytes consumed, by decoders and encoders.',
    read: ({ stats }, tell) => tell(stats.bytesIn),
  },
  {
    type: 'counter',
    name: 'zlease_output_bytes_total',
    help: 'Bytes made, by decoders and encoders.',
    read: ({ stats }, tell) => tell(stats.bytesOut),
  },
];

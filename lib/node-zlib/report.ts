/**
 * The report of `ZLEASE_REPORT=1`: one table at exit. A driver or client that is not in the table
 * is not reached by `zlease/register`. A report counts the leases of one pool.
 */
import { channels, type LeaseEvent } from '../observe/channels.ts';
import type { ObservedPool } from '../observe/stats.ts';

/** Counts of one entry point and format. */
interface Row {
  readonly entry: string;
  readonly format: string;
  leases: number;
  /** Leases for which the pool made an engine. */
  made: number;
}

export class Report {
  readonly #pool: ObservedPool;
  readonly #rows = new Map<string, Row>();
  #peak = 0;

  /** Counts the leases of `pool` from now on. */
  constructor(pool: ObservedPool) {
    this.#pool = pool;
    channels.lease.subscribe((message) => this.#count(message as LeaseEvent));
  }

  #count({ pool, entry, format, reused }: LeaseEvent): void {
    if (pool !== this.#pool) return;
    this.#peak = Math.max(this.#peak, pool.stats.leased);
    const key = `${entry} ${format}`;
    const row = this.#rows.get(key) ?? { entry, format, leases: 0, made: 0 };
    this.#rows.set(key, row);
    row.leases += 1;
    if (!reused) row.made += 1;
  }

  /** Returns the table, in lines of text. */
  toString(): string {
    const { leased, failed } = this.#pool.stats;
    const head = ['entry point', 'format', 'leases', 'engines made', 'reused'];
    const rows = [...this.#rows.values()]
      .sort((a, b) => b.leases - a.leases)
      .map(({ entry, format, leases, made }) => [entry, format, leases, made, leases - made].map(String));
    const widths = head.map((name, i) => Math.max(name.length, ...rows.map((row) => (row[i] as string).length)));
    const line = (cells: readonly string[]): string =>
      cells
        .map((cell, i) => (i < 2 ? cell.padEnd(widths[i] as number) : cell.padStart(widths[i] as number)))
        .join('  ');
    const table = rows.length === 0 ? ['no leases in the main thread'] : [head, ...rows].map(line);
    return ['zlease', ...table, `peak leased ${this.#peak}, leased at exit ${leased}, failed ${failed}`].join('\n');
  }
}

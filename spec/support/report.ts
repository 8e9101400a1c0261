/** Reads the table that `ZLEASE_REPORT=1` prints to stderr at exit. */

/** One row of the table. */
export interface ReportRow {
  leases: number;
  made: number;
  reused: number;
}

export interface Reported {
  /** Entry point, such as `gunzip`, to its row. */
  rows: Record<string, ReportRow>;
  peak: number;
  leasedAtExit: number;
  failed: number;
}

const table =
  /^zlease\n(?<rows>(?:.*\n)*?)peak leased (?<peak>\d+), leased at exit (?<left>\d+), failed (?<failed>\d+)\n$/m;

/** Returns the report at the end of stderr, if there is one, and the text before it. */
export function splitReport(stderr: string): { before: string; report?: Reported } {
  const found = table.exec(stderr);
  if (found === null) return { before: stderr };
  const { rows, peak, left, failed } = found.groups as Record<'rows' | 'peak' | 'left' | 'failed', string>;
  const report: Reported = { rows: {}, peak: Number(peak), leasedAtExit: Number(left), failed: Number(failed) };
  for (const line of rows.split('\n').slice(1, -1)) {
    const [entry, , leases, made, reused] = line.split(/ +/) as [string, string, string, string, string];
    if (entry in report.rows) throw new Error(`${entry} has two rows:\n${stderr}`);
    report.rows[entry] = { leases: Number(leases), made: Number(made), reused: Number(reused) };
  }
  return { before: stderr.slice(0, found.index), report };
}

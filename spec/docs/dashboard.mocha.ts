/** The dashboard, the alerts and the tables of the docs, beside what /metrics serves under load. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { Registry } from 'prom-client';
import { type Family, parse } from '../support/exposition.ts';
import { collectPool, ZlibPool } from '../support/library.ts';
import { load, metricsServer } from '../support/metrics-server.ts';
import { query } from '../support/promql.ts';
import { CHILD_TIMEOUT_MS, TEST_TIMEOUT_MS } from '../support/script.ts';
import { until } from '../support/until.ts';

const run = promisify(execFile);
const top = fileURLToPath(new URL('../..', import.meta.url));

interface Target {
  refId: string;
  expr: string;
  legendFormat: string;
  datasource: { uid: string };
}

interface Panel {
  id: number;
  type: string;
  title: string;
  description: string;
  gridPos: { x: number; y: number; w: number; h: number };
  fieldConfig: { defaults: { unit: string } };
  datasource: { uid: string };
  targets: Target[];
}

interface Dashboard {
  id: null;
  uid: string;
  title: string;
  schemaVersion: number;
  panels: Panel[];
  templating: { list: Array<{ name: string; type: string; query: unknown; definition?: string }> };
}

const dashboard = JSON.parse(await readFile(join(top, 'examples/metrics/grafana-dashboard.json'), 'utf8')) as Dashboard;
const docs = await readFile(join(top, 'docs/metrics.md'), 'utf8');
const panelExpressions = dashboard.panels.flatMap(({ targets }) => targets.map(({ expr }) => expr));
const alertExpressions = [...docs.matchAll(/^ +expr: (.*)$/gm)].map(([, expr]) => expr as string);

/** By the name of the series, which is more than the metric's for a histogram: its labels and their values. */
function seriesIn(scrape: Map<string, Family>): Map<string, Map<string, Set<string>>> {
  const all = new Map<string, Map<string, Set<string>>>();
  for (const { name, labels } of [...scrape.values()].flatMap(({ series }) => series)) {
    const own = all.get(name) ?? new Map<string, Set<string>>();
    all.set(name, own);
    for (const [label, value] of Object.entries(labels)) own.set(label, (own.get(label) ?? new Set()).add(value));
  }
  return all;
}

describe('The metrics, their dashboard and their docs', () => {
  let scrape: Map<string, Family>;

  before(async () => {
    const register = new Registry();
    const pool = new ZlibPool({ maxLeased: 4, maxIdle: 2 });
    const undo = collectPool(pool, { register, name: 'uploads' });
    await using server = await metricsServer(register);
    const work = load(pool, 1, 600);
    for (let i = 0; i < 3; i++) scrape = await server.scrape();
    await work;
    scrape = await server.scrape();
    undo();
  });

  for (const [what, expressions] of Object.entries({ 'a panel': panelExpressions, 'an alert': alertExpressions })) {
    for (const expression of new Set(expressions)) {
      it(`/metrics has what ${what} asks for: ${expression}`, () => {
        const { selectors, by } = query(expression);
        const series = seriesIn(scrape);
        for (const { metric, matchers } of selectors) {
          const labels = series.get(metric);
          expect([...series.keys()]).to.include(metric);
          for (const [label, value] of Object.entries(matchers)) {
            expect([...(labels?.keys() ?? [])], metric).to.include(label);
            const pattern = new RegExp(`^(?:${value.replace('$pool', 'uploads')})$`);
            expect(
              [...(labels?.get(label) ?? [])].some((one) => pattern.test(one)),
              `${label} ${value}`,
            ).to.equal(true);
          }
          for (const label of by) expect([...(labels?.keys() ?? [])], metric).to.include(label);
        }
      });
    }
  }

  it('counters are asked for by rate or increase, gauges are not', () => {
    for (const expression of [...panelExpressions, ...alertExpressions]) {
      for (const { metric } of query(expression).selectors) {
        const grows = /(_total|_bucket|_sum|_count)$/.test(metric);
        const rates = expression.split(new RegExp(`(?:rate|increase)\\(${metric}\\b`)).length - 1;
        const all = expression.split(new RegExp(`\\b${metric}\\b`)).length - 1;
        expect(rates, expression).to.equal(grows ? all : 0);
      }
    }
  });

  it('legends name labels that their queries are summed by', () => {
    for (const { title, targets } of dashboard.panels) {
      for (const { expr, legendFormat } of targets) {
        const labels = [...legendFormat.matchAll(/\{\{(\w+)\}\}/g)].map(([, label]) => label as string);
        expect(labels, title).to.include('pool');
        expect(query(expr).by, title).to.include.members(labels);
      }
    }
  });

  it('each metric is in a query of the dashboard', () => {
    const asked = new Set(
      panelExpressions.flatMap((expression) => query(expression).selectors.map(({ metric }) => metric)),
    );
    for (const { name, type } of scrape.values()) {
      const names = type === 'histogram' ? ['_bucket', '_sum', '_count'].map((suffix) => name + suffix) : [name];
      for (const one of names) expect([...asked]).to.include(one);
    }
  });

  it('each metric is in the table of the docs, with its type and labels, and nothing else is', () => {
    const rows = [...docs.matchAll(/^\| `(zlease_\w+)` +\| (\w+) +\| ([^|]+) \|/gm)];
    const told = rows.map(([, name, type, labels]) => [name, type, labels?.match(/\w+/g)?.sort().join()].join(' '));
    const served = [...scrape.values()].map(({ name, type, series }) => {
      const labels = new Set(series.flatMap((one) => Object.keys(one.labels)));
      return [name, type, [...labels].sort().join()].join(' ');
    });
    expect(told.sort()).to.deep.equal(served.sort());
  });

  it('the dashboard can be imported: a data source and pools to choose, and nothing that is another Grafana’s', () => {
    expect(dashboard).to.include({ id: null, uid: 'zlease-pools', schemaVersion: 42 });
    const [source, pool] = dashboard.templating.list;
    expect(source).to.include({ name: 'datasource', type: 'datasource', query: 'prometheus' });
    expect(pool).to.include({ name: 'pool', type: 'query', definition: 'label_values(zlease_engines_leased, pool)' });
    expect(pool?.query).to.include({ query: pool?.definition });
    expect(seriesIn(scrape).get('zlease_engines_leased')?.has('pool')).to.equal(true);
    for (const { title, datasource, targets } of dashboard.panels) {
      for (const { uid } of [datasource, ...targets.map((target) => target.datasource)]) {
        expect(uid, title).to.equal('$' + '{datasource}');
      }
    }
  });

  it('panels have ids, titles, units and descriptions, and stand side by side', () => {
    const { panels } = dashboard;
    for (const key of ['id', 'title'] as const) {
      expect(new Set(panels.map((panel) => panel[key]))).to.have.property('size', panels.length);
    }
    const taken = new Set<string>();
    for (const { title, description, fieldConfig, gridPos, targets, type } of panels) {
      expect(description, title).to.match(/^[A-Z].{20,}\.$/);
      expect(fieldConfig.defaults.unit, title).to.be.oneOf(['none', 'cps', 's', 'percentunit', 'binBps']);
      expect(type, title).to.be.oneOf(['stat', 'timeseries']);
      expect(new Set(targets.map(({ refId }) => refId))).to.have.property('size', targets.length);
      const { x, y, w, h } = gridPos;
      expect(x + w, title).to.be.at.most(24);
      for (let column = x; column < x + w; column++) {
        for (let row = y; row < y + h; row++) {
          expect(taken.has(`${column} ${row}`), title).to.equal(false);
          taken.add(`${column} ${row}`);
        }
      }
    }
  });
});

describe('examples/metrics', function () {
  this.timeout(TEST_TIMEOUT_MS);
  this.slow(15_000);

  it('serves /metrics while its pool is under load', async () => {
    const script = join(top, 'examples/metrics/prometheus.ts');
    const child = spawn(process.execPath, ['--import=tsx', script], {
      cwd: top,
      env: { ...process.env, PORT: '0' },
      timeout: CHILD_TIMEOUT_MS,
      killSignal: 'SIGKILL',
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    const ended = once(child, 'exit');
    const lines: string[] = [];
    const [url] = (await once(
      createInterface(child.stdout).on('line', (line) => lines.push(line)),
      'line',
    )) as [string];
    const scrape = async (): Promise<number> => {
      const families = parse(await (await fetch(url)).text());
      const leases = families.get('zlease_leases_total')?.series ?? [];
      expect(leases.every(({ labels }) => labels.pool === 'uploads')).to.equal(true);
      return leases.reduce((sum, { value }) => sum + value, 0);
    };
    const first = await scrape();
    let last = first;
    await until(
      () => last > first,
      async () => {
        last = await scrape();
      },
    );
    expect((await fetch(new URL('/', url))).status).to.equal(404);
    child.kill('SIGINT');
    expect(await ended).to.deep.equal([0, null]);
    expect(lines.join('\n')).to.match(/leased .* 0 /);
  });

  it('meters a pool with OpenTelemetry, and the numbers are those of its stats', async () => {
    const script = join(top, 'examples/metrics/opentelemetry.ts');
    let lines: string[] = [];
    let stats: Record<string, number> = {};
    // As long as it takes until something has gone wrong under load, too.
    for (let seconds = 0.5; !((stats.discarded as number) > 0); seconds *= 2) {
      const env = { ...process.env, SECONDS: String(seconds) };
      const { stdout } = await run(process.execPath, ['--import=tsx', script], { cwd: top, env });
      lines = stdout.trim().split('\n');
      stats = JSON.parse(lines.pop() as string);
    }
    const sums: Record<string, number> = {};
    for (const line of lines) {
      const [, name, value, unit, attributes] =
        /^(\S+) (?:count )?(\d+)(?:, sum [\d.]+)? (\S+) (\{.*\})$/.exec(line) ?? [];
      expect(JSON.parse(attributes as string), line).to.include({ 'zlease.pool.name': 'uploads' });
      expect(docs, line).to.include(`\`${name}\``).and.include(`\`${unit}\``);
      sums[name as string] = (sums[name as string] ?? 0) + Number(value);
    }
    const { leased, idle, waiting, created, reused, failed, discarded, evicted, leaked, bytesIn, bytesOut } = stats;
    expect(sums).to.deep.equal({
      'zlease.engines.leased': leased,
      'zlease.engines.idle': idle,
      'zlease.leases.waiting': waiting,
      'zlease.engines.created': created,
      'zlease.engines.reused': reused,
      'zlease.leases.failed': failed,
      'zlease.engines.discarded': discarded,
      'zlease.engines.evicted': evicted,
      'zlease.engines.leaked': leaked,
      'zlease.input.size': bytesIn,
      'zlease.output.size': bytesOut,
      'zlease.lease.wait.duration': (created as number) + (reused as number),
    });
  });
});

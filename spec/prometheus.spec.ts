/** `zlease/prometheus`: what a real registry of prom-client serves of a pool, by http, under load. */
import { channel } from 'node:diagnostics_channel';
import { createRequire } from 'node:module';
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import * as client from 'prom-client';
import { errorCodes } from '../lib/errors.ts';
import { type Family, type Labels, parse, sumOf } from './support/exposition.ts';
import { collectPool, Lease, ZlibPool } from './support/library.ts';
import { load, metricsServer } from './support/metrics-server.ts';
import { bytesOf, closed, thrownBy } from './support/outcome.ts';
import { compress, formats, json, sample } from './support/samples.ts';
import { dice, seed } from './support/seed.ts';
import { collectGarbage, until } from './support/until.ts';

type Pool = InstanceType<typeof ZlibPool>;

const { data } = sample(3_000);
const require = createRequire(import.meta.url);
const channels = ['zlease:lease', 'zlease:fail', 'zlease:discard', 'zlease:wait'];

async function read(register: client.Registry): Promise<Map<string, Family>> {
  return parse(await register.metrics());
}

/** As `pool.stats` names them. */
function statsIn(scrape: Map<string, Family>, labels: Labels = {}): Record<string, number | undefined> {
  const of = (name: string, more: Labels = {}): number | undefined => sumOf(scrape, name, { ...labels, ...more });
  return {
    leased: of('zlease_engines_leased'),
    idle: of('zlease_engines_idle'),
    waiting: of('zlease_leases_waiting'),
    created: of('zlease_engines_created_total'),
    reused: of('zlease_leases_total', { reused: 'true' }),
    failed: of('zlease_leases_failed_total'),
    discarded: of('zlease_engines_discarded_total'),
    evicted: of('zlease_engines_evicted_total'),
    leaked: of('zlease_engines_leaked_total'),
    bytesIn: of('zlease_input_bytes_total'),
    bytesOut: of('zlease_output_bytes_total'),
  };
}

/** Those that are not 0, by the value of a label. */
function by(label: string, scrape: Map<string, Family>, name: string, labels: Labels = {}): Record<string, number> {
  const series = scrape.get(name)?.series ?? [];
  return Object.fromEntries(
    series
      .filter((one) => one.value > 0 && Object.entries(labels).every(([key, value]) => one.labels[key] === value))
      .map((one) => [one.labels[label] as string, one.value]),
  );
}

const errorOf = (act: () => unknown): string | undefined => thrownBy(act)?.code;

describe('zlease/prometheus', () => {
  let register: client.Registry;
  const undos: Array<() => void> = [];

  /** Undone when the test is over. */
  function collect(pool: Pool, options: object = {}): () => void {
    const undo = collectPool(pool, { register, ...options });
    undos.push(undo);
    return undo;
  }

  beforeEach(() => {
    register = new client.Registry();
  });

  afterEach(() => {
    for (const undo of undos.splice(0)) undo();
    for (const name of channels) expect(channel(name).hasSubscribers, name).to.equal(false);
  });

  it(`serves the numbers of a pool under load, those of one moment, and after it exactly those of its stats (seed ${seed})`, async () => {
    const pool = new ZlibPool({ maxLeased: 4, maxIdle: 3 });
    collect(pool, { name: 'loaded' });
    await using server = await metricsServer(register);
    const scrapes: Array<Map<string, Family>> = [];
    const most = (name: 'leased' | 'waiting') => Math.max(...scrapes.map((scrape) => statsIn(scrape)[name] as number));
    let isOver = false;
    const work = load(pool, seed, 1_500, () => isOver);
    // Some of them see the pool when it is busy, however many that takes.
    await until(
      () => scrapes.length > 5 && most('leased') === 4 && most('waiting') > 5,
      async () => void scrapes.push(await server.scrape()),
    ).finally(() => {
      isOver = true;
    });
    await work;
    const last = await server.scrape();
    let before: Record<string, number | undefined> = {};
    for (const scrape of [...scrapes, last]) {
      const stats = statsIn(scrape) as Record<string, number>;
      const { leased, idle, created, discarded, evicted, leaked, reused } = stats as never as Pool['stats'];
      expect(created).to.equal(leased + idle + discarded + evicted + leaked);
      expect(leased).to.be.at.most(4);
      expect(idle).to.be.at.most(3);
      expect(sumOf(scrape, 'zlease_leases_total', { reused: 'false' })).to.equal(created);
      expect(sumOf(scrape, 'zlease_lease_wait_seconds_count')).to.equal(created + reused);
      for (const [name, value] of Object.entries(stats)) {
        if (!['leased', 'idle', 'waiting'].includes(name)) expect(value, name).to.be.at.least(before[name] ?? 0);
      }
      before = stats;
    }
    expect(statsIn(last)).to.deep.equal(pool.stats);
    expect(pool.stats).to.include({ leased: 0, waiting: 0 });
    expect(pool.stats.failed).to.be.above(50);
    const causes = by('cause', last, 'zlease_leases_failed_total');
    expect(Object.keys(causes)).to.include.members(['Z_DATA_ERROR', 'Z_BUF_ERROR', 'ERR_BUFFER_TOO_LARGE']);
    expect(Object.keys(causes).filter((cause) => cause.startsWith('MINE'))).to.deep.equal([]);
    for (const { series } of last.values()) {
      for (const { labels } of series) expect(labels.pool).to.equal('loaded');
    }
  });

  it('counts leases by format, by direction and by reuse', async () => {
    const pool = new ZlibPool();
    collect(pool);
    for (const format of formats) {
      for (let i = 0; i < 3; i++) await pool.decompress(compress(format, 'text'), format);
      if (format !== 'unzip') for (let i = 0; i < 5; i++) await pool.compress(Buffer.from('text'), format);
    }
    const scrape = await read(register);
    for (const format of formats) {
      const of = (direction: string, reused: string): number | undefined =>
        sumOf(scrape, 'zlease_leases_total', { format, direction, reused });
      expect([of('decompress', 'false'), of('decompress', 'true')], format).to.deep.equal([1, 2]);
      if (format !== 'unzip') {
        expect([of('compress', 'false'), of('compress', 'true')], format).to.deep.equal([1, 4]);
      }
    }
  });

  it('has each format and the causes to be expected at 0 from the start: a rate needs it', async () => {
    collect(new ZlibPool());
    const scrape = await read(register);
    for (const format of formats) {
      for (const reused of ['false', 'true']) {
        for (const direction of format === 'unzip' ? ['decompress'] : ['decompress', 'compress']) {
          expect(sumOf(scrape, 'zlease_leases_total', { format, direction, reused })).to.equal(0);
        }
      }
    }
    for (const cause of ['Z_DATA_ERROR', 'Z_BUF_ERROR', 'none', 'other']) {
      expect(sumOf(scrape, 'zlease_engines_discarded_total', { cause })).to.equal(0);
      if (cause !== 'none') expect(sumOf(scrape, 'zlease_leases_failed_total', { cause })).to.equal(0);
    }
    expect(sumOf(scrape, 'zlease_lease_wait_seconds_count')).to.equal(0);
  });

  describe('discards', () => {
    const discards: Record<string, (pool: Pool) => unknown> = {
      ERR__ERROR_FORMAT_PADDING_2: (pool) => pool.decompress(Buffer.alloc(9, 0xff), 'br'),
      ERR_BUFFER_TOO_LARGE: (pool) => pool.decompress(data, 'gzip', { maxOutputLength: 100 }),
      none: (pool) => pool.tryLease('gzip')?.discard(),
      ECONNRESET: (pool) => pool.tryLease('gzip')?.discard(Object.assign(new Error('reset'), { code: 'ECONNRESET' })),
    };
    for (const [cause, discard] of Object.entries(discards)) {
      it(`are counted by the code of their cause: ${cause}`, async () => {
        const pool = new ZlibPool();
        collect(pool);
        for (let i = 0; i < 2; i++) await Promise.resolve(discard(pool)).catch(() => {});
        const scrape = await read(register);
        expect(by('cause', scrape, 'zlease_engines_discarded_total')).to.deep.equal({ [cause]: 2 });
        const failed = cause === 'none' ? {} : { [cause]: 2 };
        expect(by('cause', scrape, 'zlease_leases_failed_total')).to.deep.equal(failed);
      });
    }

    for (const [cause, bad] of Object.entries({
      Z_DATA_ERROR: Buffer.alloc(9, 7),
      Z_BUF_ERROR: data.subarray(0, 100),
    })) {
      it(`are none where a reset makes the engine as new, and the failures are counted all the same: ${cause}`, async () => {
        const pool = new ZlibPool();
        collect(pool);
        for (let i = 0; i < 3; i++) await pool.decompress(bad, 'gzip').catch(() => {});
        const scrape = await read(register);
        expect(by('cause', scrape, 'zlease_engines_discarded_total')).to.deep.equal({});
        expect(by('cause', scrape, 'zlease_leases_failed_total')).to.deep.equal({ [cause]: 3 });
      });
    }

    it('of codes that nobody knows, or that are none, are all one series, however many codes', async () => {
      const pool = new ZlibPool();
      collect(pool);
      const codes = [
        ...Array.from({ length: 1_000 }, (_, i) => `E_USER_${i}`),
        13,
        null,
        {},
        'toString',
        '__proto__',
        '',
      ];
      for (const code of codes) pool.tryLease('gzip')?.discard(Object.assign(new Error('mine'), { code }));
      pool.tryLease('gzip')?.discard('no error' as never);
      const scrape = await read(register);
      expect(by('cause', scrape, 'zlease_engines_discarded_total')).to.deep.equal({ other: codes.length + 1 });
      expect(scrape.get('zlease_engines_discarded_total')?.series).to.have.length(4);
    });

    for (const format of formats) {
      it(`and failures of damaged ${format} have the code that the user gets, and never other (seed ${seed})`, async () => {
        const pool = new ZlibPool();
        collect(pool);
        const { below } = dice();
        const good = compress(format, json(600, 1));
        const got: Record<string, number> = {};
        for (let i = 0; i < 400; i++) {
          const bad = Buffer.from(good);
          for (let at = 0; at < 3; at++) bad[below(bad.length)] = below(256);
          await pool.decompress(bad, format).catch(({ code }) => {
            got[code] = (got[code] ?? 0) + 1;
          });
        }
        expect(Object.keys(got)).not.to.have.length(0);
        expect(by('cause', await read(register), 'zlease_leases_failed_total')).to.deep.equal(got);
      });
    }

    it('by the limits of zlease have its codes', async () => {
      const pool = new ZlibPool();
      collect(pool);
      for (const code of errorCodes) pool.tryLease('gzip')?.discard(Object.assign(new Error(), { code }));
      const causes = by('cause', await read(register), 'zlease_engines_discarded_total');
      expect(Object.keys(causes).sort()).to.deep.equal([...errorCodes].sort());
    });
  });

  it('puts waiting times into buckets, in seconds: 0 for who need not wait, nothing for who gives up', async () => {
    const pool = new ZlibPool({ maxLeased: 1 });
    collect(pool);
    const held = pool.tryLease('gzip');
    const start = performance.now();
    const giveUp = new AbortController();
    const waiting = pool.lease('gzip');
    const givenUp = pool.lease('gzip', { signal: giveUp.signal }).catch(({ code }) => code);
    giveUp.abort();
    expect(await givenUp).to.equal('ABORT_ERR');
    await delay(60);
    held?.release();
    (await waiting).release();
    const scrape = await read(register);
    const bucket = (le: string): number | undefined => sumOf(scrape, 'zlease_lease_wait_seconds_bucket', { le });
    expect([bucket('0'), bucket('0.05'), bucket('30'), bucket('+Inf')]).to.deep.equal([1, 1, 2, 2]);
    expect(sumOf(scrape, 'zlease_lease_wait_seconds_sum')).to.be.within(0.055, (performance.now() - start) / 1_000);
    expect(sumOf(scrape, 'zlease_lease_waits_total')).to.equal(2);
  });

  it('counts a wait on the edge of a bucket into it, and one that is longer than all into the last', async () => {
    const pool = new ZlibPool();
    collect(pool);
    for (const waitedMs of [0, 1, 1.001, 30_000, 30_001]) {
      channel('zlease:lease').publish({
        pool,
        format: 'gzip',
        direction: 'decompress',
        id: 1,
        reused: false,
        waitedMs,
      });
    }
    const scrape = await read(register);
    const counts = scrape.get('zlease_lease_wait_seconds')?.series.filter(({ labels }) => 'le' in labels) ?? [];
    expect(counts.map(({ value }) => value).join(' ')).to.match(/^1 2( 3){12} 4 5$/);
  });

  it('counts an engine that was leaked', async () => {
    const pool = new ZlibPool();
    collect(pool);
    pool.tryLease('gzip');
    await until(() => pool.stats.leaked === 1, collectGarbage);
    expect(statsIn(await read(register))).to.include({ leased: 0, leaked: 1, created: 1 });
  });

  it('tells what was before as unknown, and the sums are those of the stats', async () => {
    const pool = new ZlibPool();
    for (let i = 0; i < 3; i++) await pool.decompress(data, 'gzip');
    await pool.decompress(data, 'gzip', { maxOutputLength: 1 }).catch(() => {});
    collect(pool);
    await pool.decompress(data, 'gzip');
    const scrape = await read(register);
    expect(statsIn(scrape)).to.deep.equal(pool.stats);
    expect(by('cause', scrape, 'zlease_engines_discarded_total')).to.deep.equal({ unknown: 1 });
    expect(by('cause', scrape, 'zlease_leases_failed_total')).to.deep.equal({ unknown: 1 });
    expect(by('format', scrape, 'zlease_leases_total', { reused: 'true' })).to.deep.equal({ unknown: 3 });
    expect(by('format', scrape, 'zlease_leases_total', { reused: 'false' })).to.deep.equal({ unknown: 1, gzip: 1 });
    expect(by('direction', scrape, 'zlease_leases_total', { reused: 'false' })).to.deep.equal({
      unknown: 1,
      decompress: 1,
    });
  });

  it('tells pools apart, and says nothing of those that are not collected', async () => {
    const [one, two, other] = [new ZlibPool({ maxLeased: 1 }), new ZlibPool(), new ZlibPool({ maxLeased: 1 })];
    collect(one, { name: 'one' });
    collect(two, { name: 'with "quotes", a \\ and\na line' });
    for (const [pool, times] of [
      [one, 1],
      [two, 2],
      [other, 5],
    ] as Array<[Pool, number]>) {
      for (let i = 0; i < times; i++) await pool.decompress(Buffer.from('bad'), 'gzip').catch(() => {});
      const held = pool.tryLease('gzip');
      const waits = pool === two ? undefined : pool.lease('gzip');
      held?.release();
      (await waits)?.release();
    }
    const scrape = await read(register);
    expect(statsIn(scrape, { pool: 'one' })).to.deep.equal(one.stats);
    expect(statsIn(scrape, { pool: 'with "quotes", a \\ and\na line' })).to.deep.equal(two.stats);
    expect(sumOf(scrape, 'zlease_leases_failed_total')).to.equal(3);
    expect(sumOf(scrape, 'zlease_lease_waits_total')).to.equal(1);
    expect(sumOf(scrape, 'zlease_lease_wait_seconds_count')).to.equal(6);
  });

  it('has one pool in several registries, and under several prefixes, each for itself', async () => {
    const pool = new ZlibPool();
    const second = new client.Registry();
    collect(pool);
    collect(pool, { prefix: 'app_' });
    const undo = collect(pool, { register: second });
    await pool.decompress(data, 'gzip');
    undo();
    await pool.decompress(data, 'gzip');
    const scrape = await read(register);
    for (const name of ['zlease_engines_created_total', 'app_zlease_engines_created_total']) {
      expect(sumOf(scrape, name), name).to.equal(1);
    }
    for (const name of ['zlease_lease_wait_seconds_count', 'app_zlease_lease_wait_seconds_count']) {
      expect(sumOf(scrape, name), name).to.equal(2);
    }
    expect(second.getMetricsAsArray()).to.have.length(0);
  });

  it('refuses a name, a pool or metrics that the registry has already, and changes nothing then', async () => {
    const pool = new ZlibPool();
    collect(pool, { name: 'mine' });
    await pool.decompress(data, 'gzip');
    const before = await register.metrics();
    expect(errorOf(() => collectPool(new ZlibPool(), { register, name: 'mine' }))).to.equal('ERR_METRICS_TAKEN');
    expect(errorOf(() => collectPool(pool, { register, name: 'mine' }))).to.equal('ERR_METRICS_TAKEN');
    expect(errorOf(() => collectPool(pool, { register, name: 'again' }))).to.equal('ERR_METRICS_TAKEN');
    expect(await register.metrics()).to.equal(before);

    const foreign = new client.Registry();
    new client.Gauge({ name: 'zlease_engines_idle', help: 'of somebody else', registers: [foreign] });
    const failure = thrownBy(() => collectPool(pool, { register: foreign }));
    expect(failure?.code).to.equal('ERR_METRICS_TAKEN');
    expect(failure?.message).to.include('zlease_engines_idle');
    expect(foreign.getMetricsAsArray()).to.have.length(1);
    collect(pool, { register: foreign, prefix: 'mine_' });
    expect(sumOf(await read(foreign), 'mine_zlease_engines_idle')).to.equal(1);
  });

  describe('the undo', () => {
    it('ends the series of its pool and of no other, and with the last takes the metrics out', async () => {
      const [one, two] = [new ZlibPool(), new ZlibPool()];
      const undoOne = collect(one, { name: 'one' });
      const undoTwo = collect(two, { name: 'two' });
      await Promise.all([one.decompress(data, 'gzip'), two.decompress(data, 'gzip')]);
      undoOne();
      for (const { name, series } of (await read(register)).values()) {
        expect(new Set(series.map(({ labels }) => labels.pool)), name).to.deep.equal(new Set(['two']));
      }
      for (const name of channels) expect(channel(name).hasSubscribers).to.equal(true);
      undoTwo();
      expect(register.getMetricsAsArray()).to.have.length(0);
      for (const name of channels) expect(channel(name).hasSubscribers).to.equal(false);
    });

    it('frees name and pool, and does nothing the second time', async () => {
      const [one, two] = [new ZlibPool(), new ZlibPool()];
      collect(new ZlibPool(), { name: 'another' });
      const undo = collect(one, { name: 'same' });
      await one.decompress(data, 'gzip');
      undo();
      collect(two, { name: 'same' });
      collect(one, { name: 'other' });
      undo();
      const scrape = await read(register);
      expect(statsIn(scrape, { pool: 'same' })).to.deep.equal(two.stats);
      expect(statsIn(scrape, { pool: 'other' })).to.deep.equal(one.stats);
      await one.decompress(data, 'gzip');
      expect(sumOf(await read(register), 'zlease_lease_wait_seconds_count', { pool: 'other' })).to.equal(1);
    });

    it('leaves the metrics alone that came after register.clear()', async () => {
      const pool = new ZlibPool();
      const undo = collect(pool);
      register.clear();
      expect(errorOf(() => collect(pool))).to.equal(undefined);
      undo();
      await pool.decompress(data, 'gzip');
      expect(statsIn(await read(register))).to.deep.equal(pool.stats);
      expect(sumOf(await read(register), 'zlease_lease_wait_seconds_count')).to.equal(1);
    });
  });

  it('keeps no pool alive, though the undo is kept: its series end, and its name is free', async () => {
    let undo: (() => void) | undefined;
    const gone = await (async () => {
      const pool = new ZlibPool({ idleTimeoutMs: 0 });
      undo = collect(pool, { name: 'gone' });
      await pool.decompress(data, 'gzip');
      return new WeakRef(pool);
    })();
    const here = new ZlibPool();
    collect(here, { name: 'here' });
    await until(() => gone.deref() === undefined, collectGarbage);
    expect(sumOf(await read(register), 'zlease_engines_created_total', { pool: 'gone' })).to.equal(undefined);
    expect(sumOf(await read(register), 'zlease_engines_created_total', { pool: 'here' })).to.equal(0);
    const next = new ZlibPool();
    collect(next, { name: 'gone' });
    undo?.();
    await next.decompress(data, 'gzip');
    expect(statsIn(await read(register), { pool: 'gone' })).to.deep.equal(next.stats);
  });

  it('goes on telling of a pool that is closed', async () => {
    const pool = new ZlibPool();
    collect(pool);
    await pool.decompress(data, 'gzip');
    await pool.close();
    expect(statsIn(await read(register))).to.deep.equal(pool.stats);
    expect(pool.stats.evicted).to.equal(1);
  });

  it('stays right after register.resetMetrics(): the pool has done what it has done', async () => {
    const pool = new ZlibPool();
    collect(pool);
    await bytesOf(pool.createGunzip(), data);
    register.resetMetrics();
    expect(statsIn(await read(register))).to.deep.equal(pool.stats);
    const stream = pool.createGunzip();
    await bytesOf(stream, data);
    await closed(stream);
    expect(statsIn(await read(register))).to.deep.equal(pool.stats);
  });

  it('answers as prom-client’s own metrics do: getSingleMetric(), JSON, default labels, and sums over the workers of a cluster', async () => {
    const pool = new ZlibPool();
    collect(pool);
    register.setDefaultLabels({ region: 'north' });
    await pool.decompress(data, 'gzip');
    const leases = await (register.getSingleMetric('zlease_leases_total') as client.Counter).get();
    expect(leases).to.include({ name: 'zlease_leases_total', type: 'counter', aggregator: 'sum' });
    expect(sumOf(await read(register), 'zlease_engines_created_total', { region: 'north' })).to.equal(1);
    // What each worker of a cluster sends to the first, as prom-client adds it up.
    const worker = JSON.parse(JSON.stringify(await register.getMetricsAsJSON()));
    const two = client.AggregatorRegistry.aggregate([worker, structuredClone(worker)]) as client.Registry;
    const scrape = await read(two);
    expect(sumOf(scrape, 'zlease_engines_created_total')).to.equal(2);
    expect(sumOf(scrape, 'zlease_lease_wait_seconds_bucket', { le: '0' })).to.equal(2);
    expect(sumOf(scrape, 'zlease_lease_wait_seconds_count')).to.equal(2);
  });

  it('speaks OpenMetrics where the registry does, scrape after scrape', async () => {
    const open = new client.Registry();
    open.setContentType(client.openMetricsContentType as never);
    const pool = new ZlibPool();
    const undo = collect(pool, { register: open });
    await pool.decompress(data, 'gzip');
    for (let i = 0; i < 2; i++) {
      const text = await open.metrics();
      expect(text).to.include(
        '# TYPE zlease_engines_created counter\nzlease_engines_created_total{pool="default"} 1\n',
      );
      expect(text).to.match(/zlease_lease_wait_seconds_bucket\{pool="default",le="\+Inf"\} 1\n/);
      expect(text).to.match(/\n# EOF\n$/);
    }
    undo();
    expect(open.getMetricsAsArray()).to.have.length(0);
  });

  it('takes the registry of whichever copy of prom-client it is given', async () => {
    const path = require.resolve('prom-client');
    const load = (): typeof client => {
      for (const file of Object.keys(require.cache)) {
        if (file.includes('prom-client')) delete require.cache[file];
      }
      return require(path);
    };
    const [one, two] = [load(), load()];
    expect(one.register).not.to.equal(two.register);
    const pool = new ZlibPool();
    collect(pool, { register: two.register });
    await pool.decompress(data, 'gzip');
    expect(statsIn(await read(two.register))).to.deep.equal(pool.stats);
    expect(one.register.getMetricsAsArray()).to.have.length(0);
  });

  const nonsense: Array<[what: string, code: string, act: (register: client.Registry) => unknown]> = [
    ['no pool', 'ERR_INVALID_ARG_TYPE', (register) => collectPool(undefined as never, { register })],
    ['a lease', 'ERR_INVALID_ARG_TYPE', (register) => collectPool(Lease as never, { register })],
    ['no options', 'ERR_INVALID_ARG_TYPE', () => collectPool(new ZlibPool(), undefined as never)],
    ['no registry', 'ERR_INVALID_ARG_TYPE', () => collectPool(new ZlibPool(), {} as never)],
    ['null', 'ERR_INVALID_ARG_TYPE', () => collectPool(new ZlibPool(), { register: null as never })],
    ['prom-client itself', 'ERR_INVALID_ARG_TYPE', () => collectPool(new ZlibPool(), { register: client as never })],
    ['a number', 'ERR_INVALID_ARG_TYPE', (register) => collectPool(new ZlibPool(), { register, name: 7 as never })],
    ['no name', 'ERR_INVALID_ARG_VALUE', (register) => collectPool(new ZlibPool(), { register, name: '' })],
    [
      'a prefix of null',
      'ERR_INVALID_ARG_TYPE',
      (r) => collectPool(new ZlibPool(), { register: r, prefix: null as never }),
    ],
    ['a dash', 'ERR_INVALID_ARG_VALUE', (register) => collectPool(new ZlibPool(), { register, prefix: 'my-' })],
    ['a figure', 'ERR_INVALID_ARG_VALUE', (register) => collectPool(new ZlibPool(), { register, prefix: '1_' })],
    ['a typo', 'ERR_INVALID_ARG_VALUE', (r) => collectPool(new ZlibPool(), { register: r, prefx: 'a_' } as never)],
  ];
  for (const [what, code, act] of nonsense) {
    it(`throws ${code} for ${what}`, () => {
      expect(errorOf(() => act(register))).to.equal(code);
      expect(register.getMetricsAsArray()).to.have.length(0);
    });
  }
});

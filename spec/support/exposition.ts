/**
 * Reads what /metrics serves, text format 0.0.4 (https://prometheus.io/docs/instrumenting/exposition_formats), and lets nothing pass that a
 * scrape would refuse or that the conventions forbid.
 */
import assert from 'node:assert/strict';

export type Labels = Record<string, string>;

export interface Series {
  name: string;
  labels: Labels;
  value: number;
}

export interface Family {
  name: string;
  type: string;
  help: string;
  series: Series[];
}

const SAMPLE = /^([a-zA-Z_:][a-zA-Z0-9_:]*)(?:\{(.*)\})? (\S+)$/;
const LABEL = /([a-zA-Z_][a-zA-Z0-9_]*)="((?:[^"\\\n]|\\[\\"n])*)"(?:,|$)/y;
const ESCAPES: Labels = { '\\\\': '\\', '\\"': '"', '\\n': '\n' };

function labelsOf(text: string): Labels {
  const labels: Labels = {};
  LABEL.lastIndex = 0;
  while (LABEL.lastIndex < text.length) {
    const [, name, value] = LABEL.exec(text) ?? assert.fail(`labels: ${text}`);
    assert.ok(!((name as string) in labels), `${name} twice in: ${text}`);
    labels[name as string] = (value as string).replaceAll(/\\[\\"n]/g, (escaped) => ESCAPES[escaped] as string);
  }
  return labels;
}

function numberOf(text: string): number {
  if (/^[+-]Inf$/.test(text)) return text === '+Inf' ? Number.POSITIVE_INFINITY : Number.NEGATIVE_INFINITY;
  assert.match(text, /^-?\d+(\.\d+)?(e[+-]?\d+)?$/, 'a number');
  return Number(text);
}

/** Of one name and these labels there is one series. */
export function keyOf({ name, labels }: Omit<Series, 'value'>): string {
  return JSON.stringify([name, Object.entries(labels).sort()]);
}

function checkHistogram({ name, series }: Family): void {
  const without = ({ le: _, ...labels }: Labels): string => keyOf({ name, labels });
  for (const group of new Set(series.map(({ labels }) => without(labels)))) {
    const own = series.filter(({ labels }) => without(labels) === group);
    const buckets = own.filter((one) => one.name === `${name}_bucket`);
    const ends = buckets.map(({ labels }) => numberOf(labels.le as string));
    assert.ok(
      ends.every((end, i) => i === 0 || end > (ends[i - 1] as number)),
      `${name}: the buckets are in order`,
    );
    assert.equal(ends.at(-1), Number.POSITIVE_INFINITY, `${name}: the last bucket takes all`);
    assert.ok(
      buckets.every(({ value }, i) => i === 0 || value >= (buckets[i - 1] as Series).value),
      `${name}: each bucket has those before it`,
    );
    const [sum, count] = ['_sum', '_count'].map((suffix) => own.filter((one) => one.name === name + suffix));
    assert.equal(sum?.length, 1, `${name}: one _sum`);
    assert.equal(count?.length, 1, `${name}: one _count`);
    assert.equal(count?.[0]?.value, buckets.at(-1)?.value, `${name}: _count is the last bucket`);
  }
}

/** All families, by name. */
export function parse(text: string): Map<string, Family> {
  assert.ok(text.endsWith('\n'), 'the last line ends');
  const families = new Map<string, Family>();
  let family: Family | undefined;
  const seen = new Set<string>();
  for (const line of text.split('\n')) {
    const [, kind, name, rest] = /^# (HELP|TYPE) (\S+) (.+)$/.exec(line) ?? [];
    if (kind === 'HELP') {
      assert.ok(!families.has(name as string), `${name} comes once`);
      family = { name: name as string, help: rest as string, type: '', series: [] };
      families.set(family.name, family);
    } else if (kind === 'TYPE') {
      assert.equal(name, family?.name, 'TYPE follows its HELP');
      assert.match(rest as string, /^(counter|gauge|histogram)$/);
      (family as Family).type = rest as string;
    } else if (line !== '') {
      const [, sample, labels = '', value] = SAMPLE.exec(line) ?? assert.fail(`a sample: ${line}`);
      const series = { name: sample as string, labels: labelsOf(labels), value: numberOf(value as string) };
      assert.ok(family !== undefined && family.type !== '', `${line}: what is it?`);
      const suffix = series.name.slice(family.name.length);
      assert.ok(series.name.startsWith(family.name), `${line}: among those of ${family.name}`);
      assert.match(suffix, family.type === 'histogram' ? /^_(bucket|sum|count)$/ : /^$/, line);
      assert.ok(!seen.has(keyOf(series)), `${line}: once`);
      seen.add(keyOf(series));
      family.series.push(series);
    }
  }
  for (const each of families.values()) {
    assert.ok(
      each.type !== 'counter' || (each.name.endsWith('_total') && each.series.every(({ value }) => value >= 0)),
    );
    if (each.type === 'histogram') checkHistogram(each);
  }
  return families;
}

/** What the series of `name` with these labels add up to; undefined where there is none. */
export function sumOf(families: Map<string, Family>, name: string, labels: Labels = {}): number | undefined {
  const values = [...families.values()]
    .flatMap(({ series }) => series)
    .filter((one) => one.name === name && Object.entries(labels).every(([label, value]) => one.labels[label] === value))
    .map(({ value }) => value);
  return values.length === 0 ? undefined : values.reduce((sum, value) => sum + value);
}

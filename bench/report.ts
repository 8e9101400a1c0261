/** docs/benchmarks.md and its charts, from what was found. */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Bars, bars } from './charts.ts';
import { type Figure, show } from './contest.ts';
import type { Findings, Standing } from './main.ts';
import type { ServiceRow } from './pairs.ts';
import { type Group, groups } from './workloads.ts';

const docs = new URL('../docs/', import.meta.url);

/** A figure of a goal, and what it is to be at least or at most. */
interface Part {
  value(found: Findings): number | undefined;
  least?: number | ((found: Findings) => number);
  most?: number;
}

/** The goals that the library was written to: several figures, where a row has several. */
interface Goal {
  work: string;
  goal: string;
  parts: readonly Part[];
}

const major = ({ node }: Findings): string => node.split('.')[0] as string;

function standing(findings: Findings, group: Group, name: string, rival = 'zlease'): Standing | undefined {
  return findings.results.find((result) => result.group === group && result.name === name)?.standings[rival];
}

const two = (figure: Figure | undefined): string => figure?.median.toFixed(2) ?? '-';

const speed = (group: Group, name: string, least?: Part['least']): Part => ({
  value: (found) => standing(found, group, name)?.speed.median,
  ...(least === undefined ? {} : { least }),
});
const cpu = (group: Group, name: string, most?: number): Part => ({
  value: (found) => standing(found, group, name)?.cpu.median,
  ...(most === undefined ? {} : { most }),
});
const ofLeast = (group: Group, name: string, most: number): Part => ({
  value: (found) => standing(found, group, name)?.ofLeast?.median,
  most,
});
const main = (group: Group, name: string, most: number): Part => ({
  value: (found) => standing(found, group, name)?.main?.median,
  most,
});
const serviceRow = ({ services }: Findings, name: string) => services?.find((each) => each.name === name);

/** Parts of the row of a grpc-js pair: times as fast as stock, and its speed, of that without compression. */
const pair = (name: string, least: number): Part[] => [
  { value: (found) => serviceRow(found, name)?.speed.median, least },
  {
    value(found) {
      const row = serviceRow(found, name);
      return row && row.speed.median / row.none.speed.median;
    },
    least: 0.6,
  },
];

const goals: Goal[] = [
  {
    work: 'decompressing stream, 1 KB, 1 and 64 at a time: its time, of the least stream',
    goal: 'at most 1.1',
    parts: [ofLeast('streams', '1 KB × 1', 1.1), ofLeast('streams', '1 KB × 64', 1.1)],
  },
  {
    work: 'compressing stream, 1 KB, 64 at a time and 1: times as fast',
    goal: '3.5; 6',
    parts: [speed('encoders', '1 KB × 64', 3.5), speed('encoders', '1 KB × 1', 6)],
  },
  {
    work: 'the same: its time, of the least stream; CPU, of stock',
    goal: 'at most 1.15; at most 0.2',
    parts: [
      ofLeast('encoders', '1 KB × 64', 1.15),
      ofLeast('encoders', '1 KB × 1', 1.15),
      cpu('encoders', '1 KB × 64', 0.2),
      cpu('encoders', '1 KB × 1', 0.2),
    ],
  },
  {
    work: '`gunzip`, `inflate`, 1 KB, 64 at a time, and 1 at a time: times as fast',
    goal: '5; 10',
    parts: [
      ...['gunzip', 'inflate'].map((name) => speed('oneShots', `${name}, 1 KB × 64`, 5)),
      ...['gunzip', 'inflate'].map((name) => speed('oneShots', `${name}, 1 KB × 1`, 10)),
    ],
  },
  {
    work: '`gzip`, `deflate`, 1 KB, 64 at a time, and 1 at a time: times as fast',
    goal: '4.5; 7',
    parts: [
      ...['gzip', 'deflate'].map((name) => speed('oneShots', `${name}, 1 KB × 64`, 4.5)),
      ...['gzip', 'deflate'].map((name) => speed('oneShots', `${name}, 1 KB × 1`, 7)),
    ],
  },
  {
    work: 'the same: CPU, of stock',
    goal: 'at most 0.15',
    parts: ['1 KB × 64', '1 KB × 1'].flatMap((size) =>
      ['gzip', 'deflate'].map((name) => cpu('oneShots', `${name}, ${size}`, 0.15)),
    ),
  },
  {
    work: '`gzipSync`, 1 KB: times as fast',
    goal: '1.2',
    parts: [speed('syncOneShots', 'gzipSync, 1 KB × 1', 1.2)],
  },
  {
    work: 'compressing stream, 4, 16 and 256 KB, 64 at a time: times as fast',
    goal: '2.5; 1.4; 1',
    parts: [
      speed('encoders', '4 KB × 64', 2.5),
      speed('encoders', '16 KB × 64', 1.4),
      speed('encoders', '256 KB × 64', 1),
    ],
  },
  {
    work: 'the same: CPU, of stock',
    goal: 'at most 0.45; 0.65; 0.95',
    parts: [
      cpu('encoders', '4 KB × 64', 0.45),
      cpu('encoders', '16 KB × 64', 0.65),
      cpu('encoders', '256 KB × 64', 0.95),
    ],
  },
  {
    work: 'decompressing stream, 8 and 16 KB, 64 at a time: times as fast',
    goal: '1.2; 1.9',
    parts: [speed('streams', '8 KB × 64', 1.2), speed('streams', '16 KB × 64', 1.9)],
  },
  {
    work: "the same: the main thread's CPU, of stock",
    goal: 'at most 0.9; 0.6',
    parts: [main('streams', '8 KB × 64', 0.9), main('streams', '16 KB × 64', 0.6)],
  },
  {
    work: '64 KB and 1 MB, decompressing, 1 and 64 at a time: times as fast',
    goal: '2 each',
    parts: ['64 KB × 1', '64 KB × 64', '1 MB × 1', '1 MB × 64'].map((name) => speed('streams', name, 2)),
  },
  {
    work: 'a bad message (header, checksum, cut), 64 at a time: CPU, of stock',
    goal: 'at most 1',
    parts: ['a bad header', 'a bad checksum', 'cut short'].map((what) => cpu('bad', `1 KB × 64, ${what}`, 1)),
  },
  {
    work: 'grpc-js pair, 1 KB, 50 calls, bidi: times as fast; its speed, of no compression',
    goal: '5; 0.6',
    parts: pair('grpc-js, bidi, 1 KB × 50', 5),
  },
  {
    work: 'grpc-js pair, 1 KB, 50 calls, unary: times as fast; its speed, of no compression',
    goal: '1.4; 0.6',
    parts: pair('grpc-js, unary, 1 KB × 50', 1.4),
  },
  {
    work: 'peak memory, 20,000 gzips of 16 KB at once, of stock',
    goal: 'at most 0.05',
    parts: [{ value: ({ memory }) => memory && memory.gzipBurst.pooled / memory.gzipBurst.stock, most: 0.05 }],
  },
  {
    work: 'peak memory, 20,000 gunzips of 16 KB at once, of stock',
    goal: 'at most 0.25',
    parts: [{ value: ({ memory }) => memory && memory.burst.unbounded / memory.burst.stock, most: 0.25 }],
  },
  {
    work: '10,000 open streams that wait for input, MB',
    goal: 'at most 20',
    parts: [{ value: ({ memory }) => memory && memory.open.zlease / 2 ** 20, most: 20 }],
  },
  {
    work: "the main thread's CPU, 64 at a time, of stock: decompressing 1, 8, 16 and 64 KB",
    goal: 'at most 1',
    parts: ['1 KB', '8 KB', '16 KB', '64 KB'].map((size) => main('streams', `${size} × 64`, 1)),
  },
  {
    work: 'the same: compressing 1, 4 and 16 KB',
    goal: 'at most 1',
    parts: ['1 KB', '4 KB', '16 KB'].map((size) => main('encoders', `${size} × 64`, 1)),
  },
  {
    work: 'event-loop delay p99 at the same load, of stock: 1, 8, 64 KB and 1 MB',
    goal: 'at most 1',
    parts: ['1 KB', '8 KB', '64 KB', '1 MB'].map((size) => ({
      value(found: Findings) {
        const [stock, own] = ['stock', 'zlease'].map((rival) => standing(found, 'paced', size, rival)?.delayMs.median);
        return stock && own && own / stock;
      },
      most: 1,
    })),
  },
];

/** The figures of a goal on one Node; a ✗ behind one that misses it. */
function reached({ parts }: Goal, found: Findings): string {
  return parts
    .map(({ value, least, most }) => {
      const figure = value(found);
      if (figure === undefined) return '-';
      const atLeast = typeof least === 'function' ? least(found) : (least ?? Number.NEGATIVE_INFINITY);
      const isMet = figure >= atLeast && figure <= (most ?? Number.POSITIVE_INFINITY);
      return `${figure.toFixed(2)}${isMet ? '' : ' ✗'}`;
    })
    .join(', ');
}

const megabytes = (bytes: number): string => (bytes / 2 ** 20).toFixed(0);

function table(head: string[], rows: string[][]): string {
  const line = (cells: string[]) => `| ${cells.join(' | ')} |`;
  return [line(head), line(head.map(() => '---')), ...rows.map(line)].join('\n');
}

function tableOf(all: Findings[], group: Group): string {
  const rows: string[][] = [];
  for (const { name, standings } of all[0]?.results.filter((result) => result.group === group) ?? []) {
    for (const rival of Object.keys(standings).slice(1)) {
      if (group !== 'everybody' && (rival === 'rawSync' || rival === 'least stream')) continue;
      const of = all.map((found) => standing(found, group, name, rival));
      const first = Object.keys(standings)[0] as string;
      rows.push([
        group === 'everybody' || group === 'ablation' || group === 'defaults' ? `${name}: ${rival}` : name,
        ...of.map((each) => (each === undefined ? '-' : show(each.speed))),
        of.map((each) => two(each?.cpu)).join(', '),
        all
          .map((found, i) => {
            const [stock, own] = [standing(found, group, name, first), of[i]];
            return `${stock?.delayMs.median.toFixed(1) ?? '-'} / ${own?.delayMs.median.toFixed(1) ?? '-'}`;
          })
          .join(', '),
      ]);
    }
  }
  const nodes = all.map((found) => `times as fast, Node ${major(found)}`);
  return table(['', ...nodes, 'CPU, of stock', 'delay p99 in ms, stock / this'], rows);
}

/** Where zlease is behind stock by more than the spread. */
function behind(all: Findings[]): string[] {
  return all.flatMap((found) =>
    found.results.flatMap(({ group, name, standings: { stock, zlease } }) => {
      if (stock === undefined || zlease === undefined) return [];
      // A rate says how long it takes.
      const slow = group !== 'paced' && zlease.speed.high < 1;
      const costly = zlease.cpu.low > 1;
      const late = zlease.delayMs.low > stock.delayMs.high;
      const what = [
        ...(slow ? [`speed ${show(zlease.speed)}`] : []),
        ...(costly ? [`CPU ${show(zlease.cpu)}`] : []),
        ...(late ? [`delay p99 ${show(zlease.delayMs)} ms, stock ${show(stock.delayMs)} ms`] : []),
      ];
      return what.length === 0 ? [] : [`- Node ${major(found)}, ${groups[group]}, ${name}: ${what.join(', ')}`];
    }),
  );
}

async function chart(name: string, content: Bars): Promise<string> {
  const folder = new URL('charts/', docs);
  await mkdir(folder, { recursive: true });
  for (const theme of ['light', 'dark'] as const) {
    await writeFile(new URL(`${name}-${theme}.svg`, folder), bars(content, theme));
  }
  return [
    '<picture>',
    `  <source media="(prefers-color-scheme: dark)" srcset="charts/${name}-dark.svg">`,
    `  <img src="charts/${name}-light.svg" alt="${content.title}">`,
    '</picture>',
  ].join('\n');
}

const byNode = (all: Findings[], value: (found: Findings, category: string) => number | undefined, of: string[]) =>
  all.map((found) => ({ name: `Node ${major(found)}`, values: of.map((category) => value(found, category) ?? 0) }));

/** Returns a row for each service, for the chart: its shortest messages, with most of them at the same time. */
function oneOfEach(names: readonly string[]): string[] {
  const rows = new Map<string, string>();
  for (const name of names) {
    const [title, size] = [name.replace(/, [^,]*$/, ''), name.replace(/ × \d+$/, '')];
    if (rows.get(title)?.startsWith(`${size} `) ?? true) rows.set(title, name);
  }
  return [...rows.values()];
}

async function charts(
  all: Findings[],
): Promise<Record<'speed' | 'cpu' | 'everybody' | 'ablation' | 'burst' | 'services', string>> {
  const sizes = ['1 KB × 1', '1 KB × 64', '8 KB × 64', '64 KB × 1', '64 KB × 64', '1 MB × 1', '1 MB × 64'];
  const rest = all[0]?.results.find(({ group }) => group === 'everybody')?.standings ?? {};
  const rivals = Object.keys(rest);
  const parts = Object.keys(all[0]?.results.find(({ group }) => group === 'ablation')?.standings ?? {});
  const who = ['stock', 'unbounded', 'bounded'] as const;
  const services = oneOfEach(all[0]?.services?.map(({ name }) => name) ?? []);
  return {
    speed: await chart('speed', {
      title: 'A stream per message: times as fast as zlib.createGunzip()',
      categories: sizes,
      series: byNode(all, (found, name) => standing(found, 'streams', name)?.speed.median, sizes),
      line: { at: 1, name: 'stock' },
    }),
    cpu: await chart('cpu', {
      title: 'CPU per message, of that of zlib.createGunzip()',
      categories: sizes,
      series: byNode(all, (found, name) => standing(found, 'streams', name)?.cpu.median, sizes),
      line: { at: 1, name: 'stock' },
    }),
    everybody: await chart('everybody', {
      title: '1 KB, one at a time: times as fast as zlib.createGunzip()',
      categories: rivals,
      series: byNode(all, (found, name) => standing(found, 'everybody', '1 KB × 1', name)?.speed.median, rivals),
      line: { at: 1, name: 'stock' },
    }),
    ablation: await chart('ablation', {
      title: '1 KB, 64 at a time: gain of each part, times as fast as stock',
      categories: parts,
      series: byNode(all, (found, name) => standing(found, 'ablation', '1 KB × 64', name)?.speed.median, parts),
      line: { at: 1, name: 'stock' },
    }),
    services: await chart('services', {
      title: 'Services under zlease/register: times as fast as with node:zlib',
      categories: services,
      series: byNode(all, (found, name) => serviceRow(found, name)?.speed.median, services),
      line: { at: 1, name: 'stock' },
    }),
    burst: await chart('burst', {
      title: '20,000 gunzips of 16 KB at once: peak memory in MB',
      categories: ['stock', 'zlease', 'zlease, maxLeased: 64'],
      series: all.map((found) => ({
        name: `Node ${major(found)}`,
        values: who.map((name) => Math.round((found.memory?.burst[name] ?? 0) / 2 ** 20)),
      })),
    }),
  };
}

/** Returns the table of services: all Nodes, one figure each. */
function servicesTable(all: Findings[]): string {
  const names = all[0]?.services?.map(({ name }) => name) ?? [];
  const cells = (name: string, of: (row: ServiceRow) => number): string =>
    all
      .map((found) => {
        const row = serviceRow(found, name);
        return row === undefined ? '-' : of(row).toFixed(2);
      })
      .join(', ');
  return table(
    ['service', 'times as fast', 'CPU', 'memory', 'delay p99', 'without compression: times as fast', 'CPU'],
    names.map((name) => [
      name,
      cells(name, ({ speed }) => speed.median),
      cells(name, ({ cpu }) => cpu.median),
      cells(name, ({ memory }) => memory.median),
      cells(name, ({ delay }) => delay.median),
      cells(name, ({ none }) => none.speed.median),
      cells(name, ({ none }) => none.cpu.median),
    ]),
  );
}

/** Returns the rows of figures that are worse than stock's, of a service. */
function behindServices(all: Findings[]): string[] {
  return all.flatMap((found) =>
    (found.services ?? []).flatMap(({ name, speed, cpu }) => [
      ...(speed.high < 1 ? [`- Node ${major(found)}, ${name}: speed ${show(speed)}`] : []),
      ...(cpu.low > 1 ? [`- Node ${major(found)}, ${name}: CPU ${show(cpu)}`] : []),
    ]),
  );
}

export async function report(all: Findings[]): Promise<void> {
  const [first] = all as [Findings];
  const pictures = await charts(all);
  const slower = [...behindServices(all), ...behind(all)];
  const nodes = all.map((found) => `Node ${major(found)}`);
  const text = `# Benchmarks

Written by \`npm run bench -- --full --report --nodes 20,22,24,26\` on ${first.date}:
Node ${all.map(({ node }) => node).join(', ')}, on ${first.machine}.
Rounds of each contest, at most: ${all.map(({ rounds }) => rounds).join(', ')}. Seed ${first.seed}.

All figures are ratios. Rivals take turns, a round each. Each round gives a ratio. A figure is the
median of the ratios, with the quartiles in brackets. The output of each rival is compared before it
is timed. Figures of several Nodes are in the order 20, 22, 24, 26. Each table has a process of its
own. Once a process has freed blocks of megabytes, malloc no longer returns the memory of an engine
to the kernel. New engines of \`node:zlib\` then cost less.

## Services

Server and client run in separate processes, with stock \`node:zlib\`, under \`zlease/register\`, and
without compression. Each round has new processes. "× 50" is 50 calls or connections at the same
time. CPU, memory and delay are ratios of \`zlease/register\` to stock: CPU and peak memory of both
processes, and the 99th percentile of the event loop's delay at the same load. The last two columns
are ratios of the service without compression to stock.

${pictures.services}

${servicesTable(all)}

grpc-js compresses requests and no replies. The peer of mongodb, and the record that it returns, are
those of the specs.

## ${groups.streams}

"Stock" is \`zlib.createGunzip()\` for each message. "× 64" is 64 messages at a time.

${pictures.speed}

${pictures.cpu}

${tableOf(all, 'streams')}

## ${groups.encoders}

"Stock" is \`zlib.createGzip()\` for each message.

${tableOf(all, 'encoders')}

## ${groups.oneShots}

${tableOf(all, 'oneShots')}

## ${groups.syncOneShots}

${tableOf(all, 'syncOneShots')}

## ${groups.options}

The packages are undici, compression (express), and connect-node. The calls are theirs, and each has
a new object of their options. "× 8" is 8 at a time.

${tableOf(all, 'options')}

## ${groups.promises}

${tableOf(all, 'promises')}

## ${groups.sync}

${tableOf(all, 'sync')}

## ${groups.kinds}

All other tables use JSON records. "text" is prose, "code" JavaScript, "binary" the Node
executable.

${tableOf(all, 'kinds')}

## ${groups.formats}

${tableOf(all, 'formats')}

## ${groups.bad}

Streams of gzip whose message is bad.

${tableOf(all, 'bad')}

## ${groups.paced}

Messages arrive at half of the rate that stock reaches with 64 at a time. They do not wait for
earlier messages. The delays of the event loop can be compared here. In the tables above, the faster
rival ends more messages in the same time, and each end is work for the reader.

${tableOf(all, 'paced')}

## ${groups.long}

Slow streams get 200 bytes a millisecond each. With 500 of them the main thread is always busy.
\`node:zlib\` uses other threads besides, for more CPU.

${tableOf(all, 'long')}

## Memory

${pictures.burst}

${table(
  ['', ...nodes],
  [
    [
      'peak of 20,000 gunzips of 16 KB, MB: stock, zlease, `maxLeased: 64`',
      ...all.map(({ memory }) =>
        memory === undefined
          ? '-'
          : [memory.burst.stock, memory.burst.unbounded, memory.burst.bounded].map(megabytes).join(', '),
      ),
    ],
    [
      'peak of 20,000 gzips of 16 KB, MB: stock, zlease',
      ...all.map(({ memory }) =>
        memory === undefined ? '-' : [memory.gzipBurst.stock, memory.gzipBurst.pooled].map(megabytes).join(', '),
      ),
    ],
    [
      '10,000 open streams, MB: stock, zlease',
      ...all.map(({ memory }) =>
        memory === undefined ? '-' : [memory.open.stock, memory.open.zlease].map(megabytes).join(', '),
      ),
    ],
    [
      'on the JavaScript heap, for a stream of 1 KB: stock, zlease',
      ...all.map(({ memory }) =>
        memory === undefined
          ? '-'
          : [memory.allocation.stock, memory.allocation.zlease]
              .map(({ bytes, objects }) => `${bytes} bytes in ${objects} objects`)
              .join(', '),
      ),
    ],
  ],
)}

## ${groups.everybody}

${pictures.everybody}

${tableOf(all, 'everybody')}

## ${groups.ablation}

"Fresh engine" creates one for each stream (\`maxIdle: 0\`). "Main thread" and "threadpool" send all
work there.

${pictures.ablation}

${tableOf(all, 'ablation')}

## ${groups.defaults}

The default lengths of \`inline\` (128 KB a turn, 16 KB of input, 64 KB of output), beside others. A
slower one may hold the event loop for less time.

${tableOf(all, 'defaults')}

## Goals

rawSync, the floor, is one native handle on the main thread, without a stream, a pool or a check.
The least stream is a Transform with that handle, one tick for its chunk and one for its end, which
\`node:zlib\`'s order of events needs. Figures of one row are in the order of its words. A ✗ marks a
figure that misses its goal. [Speed](speed.md) has the reasons, and what was tried.

${table(
  ['work', 'goal', ...nodes],
  goals.map((goal) => [goal.work, goal.goal, ...all.map((found) => reached(goal, found))]),
)}

## Where zlease is behind

zlease is behind stock by more than the spread, in time, CPU or the delay of the event loop, in these
contests. The list does not consider "${groups.everybody}":

${slower.length === 0 ? 'nowhere.' : slower.join('\n')}
`;
  await writeFile(fileURLToPath(new URL('benchmarks.md', docs)), text);
}

/** docs/benchmarks.md and its charts, from what was found. */
import { mkdir, writeFile } from 'node:fs/promises';
import { fileURLToPath } from 'node:url';
import { type Bars, bars } from './charts.ts';
import { type Figure, show } from './contest.ts';
import type { Findings, Standing } from './main.ts';
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
const ofRaw = (group: Group, name: string, most: number): Part => ({
  value: (found) => standing(found, group, name)?.ofRaw?.median,
  most,
});
const ofLeast = (name: string): Part => ({ value: (found) => standing(found, 'streams', name)?.ofLeast?.median });
const grpcRow = ({ grpc }: Findings, name: string) => grpc?.find((each) => each.name === name);

const server = 'server, of a raw sender, 1 KB';
const client = 'client, of a raw sender, 1 KB';

const goals: Goal[] = [
  {
    work: 'a stream per message, 1 KB, one at a time: times as fast as stock',
    goal: '15',
    parts: [speed('streams', '1 KB × 1', 15)],
  },
  { work: 'the same: its time, of rawSync', goal: 'at most 1.7', parts: [ofRaw('streams', '1 KB × 1', 1.7)] },
  { work: 'the same: its time, of the least that a stream takes', goal: '-', parts: [ofLeast('1 KB × 1')] },
  {
    work: 'the same, 64 at a time: times as fast as stock',
    goal: '4 on Node 20, 3.3 on 22 to 26',
    parts: [speed('streams', '1 KB × 64', (found) => (major(found) === '20' ? 4 : 3.3))],
  },
  { work: 'the same: its time, of rawSync', goal: 'at most 1.25', parts: [ofRaw('streams', '1 KB × 64', 1.25)] },
  { work: 'the same: its time, of the least that a stream takes', goal: '-', parts: [ofLeast('1 KB × 64')] },
  {
    work: 'the same: how many times as fast as stock rawSync is, and its CPU, of stock',
    goal: '-',
    parts: [
      { value: (found) => standing(found, 'streams', '1 KB × 64', 'rawSync')?.speed.median },
      { value: (found) => standing(found, 'streams', '1 KB × 64', 'rawSync')?.cpu.median },
    ],
  },
  {
    work: 'CPU per 1 KB message, 64 at a time, of stock',
    goal: 'at most 0.2',
    parts: [cpu('streams', '1 KB × 64', 0.2)],
  },
  {
    work: '8 KB, 64 at a time: times as fast; CPU of stock',
    goal: 'at least 1; at most 0.6',
    parts: [speed('streams', '8 KB × 64', 1), cpu('streams', '8 KB × 64', 0.6)],
  },
  {
    work: '64 KB, 1 and 64 at a time; 1 MB, 1 and 64 at a time: times as fast',
    goal: '2 each',
    parts: ['64 KB × 1', '64 KB × 64', '1 MB × 1', '1 MB × 64'].map((name) => speed('streams', name, 2)),
  },
  {
    work: '16 MB, 1 and 64 at a time: times as fast',
    goal: '2; 1.3',
    parts: [speed('streams', '16 MB × 1', 2), speed('streams', '16 MB × 64', 1.3)],
  },
  {
    work: '`decompressSync` 256 B, 1 KB, 8 KB, 64 KB: time, of rawSync',
    goal: 'at most 1.15',
    parts: ['256 B', '1 KB', '8 KB', '64 KB'].map((size) => ofRaw('sync', `${size} × 1`, 1.15)),
  },
  {
    work: '`decompressSync` 1 KB: times as fast as `gunzipSync`',
    goal: '1.5',
    parts: [speed('sync', '1 KB × 1', 1.5)],
  },
  { work: '`decompress` 1 KB: time, of rawSync', goal: 'at most 1.4', parts: [ofRaw('promises', '1 KB × 1', 1.4)] },
  {
    work: 'grpc-js server receiving 1 KB under `register`: times as fast; CPU',
    goal: '1.8; 0.4',
    parts: [
      { value: (found) => grpcRow(found, server)?.speed.median, least: 1.8 },
      { value: (found) => grpcRow(found, server)?.cpu.median, most: 0.4 },
    ],
  },
  {
    work: 'grpc-js client receiving 1 KB under `register`, one call and 50: times as fast; without compression it is',
    goal: '8 each; -',
    parts: [
      ...[`${client}, one call`, client].map((name) => ({
        value: (found: Findings) => grpcRow(found, name)?.speed.median,
        least: 8,
      })),
      ...[`${client}, one call`, client].map((name) => ({
        value: (found: Findings) => grpcRow(found, name)?.uncompressed.speed.median,
      })),
    ],
  },
  {
    work: 'peak memory, 20,000 gunzips of 16 KB at once, of stock: unbounded, `maxLeased: 64`',
    goal: 'at most 0.4',
    parts: (['unbounded', 'bounded'] as const).map((who) => ({
      value: ({ memory }) => memory && memory.burst[who] / memory.burst.stock,
      most: 0.4,
    })),
  },
  {
    work: '10,000 open streams that wait for input, MB',
    goal: 'at most 20',
    parts: [{ value: ({ memory }) => memory && memory.open.zlease / 2 ** 20, most: 20 }],
  },
  {
    work: 'allocated on the JavaScript heap by a stream of 1 KB, of stock: bytes, objects',
    goal: 'at most 0.5',
    parts: (['bytes', 'objects'] as const).map((what) => ({
      value: ({ memory }) => memory && memory.allocation.zlease[what] / memory.allocation.stock[what],
      most: 0.5,
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

async function charts(all: Findings[]): Promise<Record<'speed' | 'cpu' | 'everybody' | 'ablation' | 'burst', string>> {
  const sizes = ['1 KB × 1', '1 KB × 64', '8 KB × 64', '64 KB × 1', '64 KB × 64', '1 MB × 1', '1 MB × 64'];
  const rest = all[0]?.results.find(({ group }) => group === 'everybody')?.standings ?? {};
  const rivals = Object.keys(rest);
  const parts = Object.keys(all[0]?.results.find(({ group }) => group === 'ablation')?.standings ?? {});
  const who = ['stock', 'unbounded', 'bounded'] as const;
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
      title: '1 KB, 64 at a time: which part gives what, times as fast as stock',
      categories: parts,
      series: byNode(all, (found, name) => standing(found, 'ablation', '1 KB × 64', name)?.speed.median, parts),
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

export async function report(all: Findings[]): Promise<void> {
  const [first] = all as [Findings];
  const pictures = await charts(all);
  const slower = behind(all);
  const grpc = first.grpc?.map(({ name }) => [
    name,
    ...all.map((found) => {
      const row = found.grpc?.find((each) => each.name === name);
      return row === undefined
        ? '-'
        : `${show(row.speed)}; ${show(row.cpu)}; ${two(row.uncompressed.speed)}, ${two(row.uncompressed.cpu)}`;
    }),
  ]);
  const nodes = all.map((found) => `Node ${major(found)}`);
  const text = `# Benchmarks

Written by \`npm run bench -- --full --report --nodes 20,22,24,26\` on ${first.date}: Node ${all.map(({ node }) => node).join(', ')}, on ${first.machine}. Seed ${first.seed},
up to ${first.rounds} rounds.

Rivals take turns in one process, a round each. Each round gives a ratio, and a figure is the median of these, with the quartiles in brackets. Every rival's output was
compared with the plain bytes before it was timed. Absolute times of a machine like this mean little, and are left out. "Stock" is \`zlib.createGunzip()\` for each message unless a
table says otherwise; "× 64" is 64 messages at a time. rawSync, the floor, is one native handle driven on the main thread, with no stream, pool or check around it;
the least that a stream takes is a Transform with that inside, a tick for its chunk and one for its end, which node:zlib's order of events needs. CPU and
delay of several Nodes stand in their order.

## Goals

A ✗ marks what misses its goal: [Speed](speed.md) says why, and what was tried.

${table(
  ['work', 'goal', ...nodes],
  goals.map((goal) => [goal.work, goal.goal, ...all.map((found) => reached(goal, found))]),
)}

## Where zlease is behind

By more than the spread, in time, CPU or the event loop's delay, in any contest below but "everybody" and "which part gives what":

${slower.length === 0 ? 'nowhere.' : slower.join('\n')}

## ${groups.streams}

${pictures.speed}

${pictures.cpu}

${tableOf(all, 'streams')}

## ${groups.kinds}

JSON records are the rest of this page. "text" is prose, "code" JavaScript, "binary" the Node executable.

${tableOf(all, 'kinds')}

## ${groups.formats}

${tableOf(all, 'formats')}

## ${groups.promises}

${tableOf(all, 'promises')}

## ${groups.sync}

${tableOf(all, 'sync')}

## ${groups.paced}

Messages come at a rate, whether or not those before them are done: half of what stock can do 64 at a time. Whoever is faster has nothing more to do for it, so
that this is where delays can be compared: above, the faster one ends more messages in the same time, and each end is work for the reader too.

${tableOf(all, 'paced')}

## ${groups.long}

Slow streams get 200 bytes a millisecond each. With so many of them the thread is busy all the time; node:zlib has others besides, at the price of more CPU.

${tableOf(all, 'long')}

## ${groups.everybody}

${pictures.everybody}

${tableOf(all, 'everybody')}

## ${groups.ablation}

"Fresh engine" makes one for each stream (\`maxIdle: 0\`); "main thread" and "threadpool" send all work there.

${pictures.ablation}

${tableOf(all, 'ablation')}

## ${groups.defaults}

The lengths of \`inline\` that zlease comes with (128 KB a turn, 16 KB of input, 64 KB of output), beside others. What is slower may still hold the event loop for less.

${tableOf(all, 'defaults')}

## grpc-js

Times as fast as stock grpc-js; CPU of the receiver, of stock's. Server and client are processes of their own, with 50 calls in flight or one. Behind it the same without
compression: no decompression could be faster.

${grpc === undefined ? 'Not measured.' : table(['', ...nodes], grpc)}

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
`;
  await writeFile(fileURLToPath(new URL('benchmarks.md', docs)), text);
}

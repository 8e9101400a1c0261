/** Each script that takes arguments prints its usage with `--help`, and says what is wrong with others. */
import { execFile, spawn } from 'node:child_process';
import { once } from 'node:events';
import { readdir, readFile } from 'node:fs/promises';
import { availableParallelism } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { expect } from 'chai';
import pLimit from 'p-limit';
import { positiveNumber, seed, text, wholeNumber } from '../../examples/command.ts';

const top = fileURLToPath(new URL('../..', import.meta.url));

interface Script {
  /** What its usage begins with. */
  usage: string;
  /** Without `--help`: what the line of each says at least, of its meaning, unit and default. */
  options: Record<string, string>;
  /** Arguments that it can't take, and the line that says so. */
  wrong: Array<[args: string[], message: string]>;
}

const least = (number: number): string => `It must be a whole number of at least ${number}.`;
const aboveZero = 'It must be a number above 0, of at most 1000000.';
const wrongSeed = 'It must be a whole number from -2147483648 to 2147483647.';
const seconds = 'It must be a number above 0, of at most 1000000.';

const scripts: Record<string, Script> = {
  'examples/grpc-pair/main.ts': {
    usage: 'npm start -- [options] [file...]',
    options: {
      '--json': 'print the result as one line of JSON',
      '--only': 'run one of the two (default: both) (choices: "node:zlib", "zlease")',
      '--messages': 'messages of each job (default: 8000)',
      '--at-a-time': 'calls in flight (default: 16)',
      '--part-length': 'in bytes (default: 262144)',
    },
    wrong: [
      [
        ['--at-a-time', 'many', 'package.json'],
        "option '--at-a-time <number>' argument 'many' is invalid. It must be a whole number from 1 to 10000.",
      ],
      [['--part-length', '0'], `option '--part-length <number>' argument '0' is invalid. ${least(1)}`],
    ],
  },
  'examples/batches/stock.ts': {
    usage: 'npx tsx examples/batches/stock.ts [options] [file...]',
    options: {},
    wrong: [],
  },
  'examples/batches/pooled.ts': {
    usage: 'npx tsx examples/batches/pooled.ts [options] [file...]',
    options: {},
    wrong: [],
  },
  'examples/files/gunzip.ts': {
    usage: 'npx tsx examples/files/gunzip.ts [options] <in.gz> <out>',
    options: { '--max-output-length': 'in bytes (default: unlimited)' },
    wrong: [
      [[], "missing required argument 'in.gz'"],
      [['in.gz', 'out', 'more'], 'too many arguments. Expected 2 arguments but got 3.'],
      [
        ['in.gz', 'out', '--max-output-length', 'long'],
        `option '--max-output-length <number>' argument 'long' is invalid. ${least(0)}`,
      ],
    ],
  },
  'examples/iteration/find.ts': {
    usage: 'npx tsx examples/iteration/find.ts [options] <text> <file.gz...>',
    options: {},
    wrong: [
      [['needle'], "missing required argument 'file.gz'"],
      [['', 'README.md'], "command-argument value '' is invalid for argument 'text'. Its value is missing."],
    ],
  },
  'examples/iteration/head.ts': {
    usage: 'npx tsx examples/iteration/head.ts [options] [file.gz]',
    options: { '--lines': 'how many lines (default: 3)' },
    wrong: [
      [['-n', 'few'], `option '-n, --lines <number>' argument 'few' is invalid. ${least(1)}`],
      [['a', 'b'], 'too many arguments. Expected 1 argument but got 2.'],
    ],
  },
  'examples/metrics/opentelemetry.ts': {
    usage: 'npx tsx examples/metrics/opentelemetry.ts [options]',
    options: { '--seconds': 'in seconds (default: 1, env: SECONDS)' },
    wrong: [[['--seconds', '0'], `option '--seconds <number>' argument '0' is invalid. ${seconds}`]],
  },
  'examples/metrics/prometheus.ts': {
    usage: 'npx tsx examples/metrics/prometheus.ts [options]',
    options: {
      '--port': 'the port on 127.0.0.1, 0 for any (default: 9464, env: PORT)',
      '--seconds': 'in seconds (default: until Ctrl+C) (env: SECONDS)',
    },
    wrong: [
      [
        ['--port', '70000'],
        "option '--port <number>' argument '70000' is invalid. It must be a whole number from 0 to 65535.",
      ],
    ],
  },
  'examples/through2/main.ts': {
    usage: 'npx tsx examples/through2/main.ts [options] [file...]',
    options: {},
    wrong: [],
  },
  'bench/main.ts': {
    usage: 'npm run bench -- [options]',
    options: {
      '--full': 'every contest, memory and services',
      '--report': 'docs/benchmarks.md',
      '--nodes': 'major versions of Node, as in 20,22,24,26 (default: this Node)',
      '--rounds': '(default: 11, 15 with --full)',
      '--seed': '(default: 1)',
      '--only': '(default: all) (choices: "streams", ',
      '--json': 'write all figures there',
    },
    wrong: [
      [['--json', '--full'], "option '--json <file>' argument '--full' is invalid. Its value is missing."],
      [['--nodes', '20,x'], `option '--nodes <majors>' argument '20,x' is invalid. ${least(20)}`],
      [['--report'], '--report needs --full'],
      [['--only', 'long'], "only --full has contests of 'long'"],
    ],
  },
  'bench/pairs.ts': {
    usage: 'npm run bench:services -- [options]',
    options: {
      '--rounds': 'rounds of each workload (default: 6)',
      '--only': '(default: all) (choices: "grpcUnary", ',
      '--json': 'write all figures there',
    },
    wrong: [[['--rounds', '1.5'], `option '--rounds <number>' argument '1.5' is invalid. ${least(1)}`]],
  },
  'bench/metrics.ts': {
    usage: 'npm run bench:metrics -- [options]',
    options: { '--rounds': 'rounds of each contest (default: 21)' },
    wrong: [[['--rounds'], "option '--rounds <number>' argument missing"]],
  },
  'spec/fuzz/main.ts': {
    usage: 'npm run fuzz -- [options]',
    options: {
      '--minutes': 'in minutes (default: 1)',
      '--cases': 'how many scripts or calls, rounded up to whole batches (default: unlimited)',
      '--seed': '(default: random)',
      '--together': 'scripts or calls that run at the same time (default: 64)',
      '--only': '(default: scripts with both) (choices: "streams", "messages")',
      '--direction': '(default: both in turn) (choices: "decompress", "compress")',
      '--mode': '(default: all in turn) (choices: "native, all on the main thread", ',
    },
    wrong: [
      [['--minutes', 'long'], `option '--minutes <number>' argument 'long' is invalid. ${aboveZero}`],
      [['--seed', 'x'], `option '--seed <number>' argument 'x' is invalid. ${wrongSeed}`],
    ],
  },
  'spec/model/main.ts': {
    usage: 'npm run model -- [options]',
    options: {
      '--minutes': 'in minutes (default: 1)',
      '--runs': 'how many runs (default: unlimited)',
      '--seed': '(default: random)',
    },
    wrong: [[['--runs', '0'], `option '--runs <number>' argument '0' is invalid. ${least(1)}`]],
  },
  'spec/soak/main.ts': {
    usage: 'npm run soak -- [options]',
    options: { '--minutes': 'in minutes (default: 1', '--jobs': '(default: unlimited)', '--seed': '(default: random)' },
    wrong: [[['--minutes'], "option '--minutes <number>' argument missing"]],
  },
  'spec/matrix.js': {
    usage: 'npm run test:matrix -- [options] [major...]',
    options: { '--tier': '(choices: "test", "deep", "docs", ' },
    wrong: [
      [['24', 'x'], "command-argument value 'x' is invalid for argument 'major'. Allowed choices are 20, 22, 24, 26."],
    ],
  },
  'spec/node-suite.js': {
    usage: 'node spec/node-suite.js [options] <directory>',
    options: {
      '--preload': 'the module to preload (default: dist/register.js)',
      '--web': 'only the tests of DecompressionStream',
      '--flag': '(choices: "import", "require", default: "import")',
      '--filter': '(default: all)',
      '--json': 'write all results there',
      '--env': '(default: none)',
    },
    wrong: [
      [[], "missing required argument 'directory'"],
      [['spec'], `${join(top, 'spec')} is not the test folder of a Node source tree`],
      [
        ['spec', '--filter', '('],
        "option '--filter <regex>' argument '(' is invalid. Invalid regular expression: /(/: Unterminated group.",
      ],
      [
        ['spec', '--env', 'K'],
        "option '--env <name=value>' argument 'K' is invalid. It must be a name, = and a value.",
      ],
      [['spec', '--web', '--preload', 'x'], "option '--web' cannot be used with option '--preload <file>'"],
    ],
  },
};

interface Ended {
  code: number;
  stdout: string;
  stderr: string;
}

const limit = pLimit(availableParallelism());

function run(file: string, args: readonly string[], env: NodeJS.ProcessEnv = {}): Promise<Ended> {
  // What plain `node` runs is not to need anything else.
  const loader = file.endsWith('.ts') ? ['--import=tsx'] : [];
  const options = {
    cwd: top,
    env: { ...process.env, NODE_OPTIONS: '--disable-warning=ExperimentalWarning', ...env },
    timeout: 60_000,
  };
  return limit(
    () =>
      new Promise<Ended>((resolve) => {
        execFile(process.execPath, [...loader, join(top, file), ...args], options, (error, stdout, stderr) => {
          resolve({ code: Number(error?.code ?? (error === null ? 0 : -1)), stdout, stderr });
        });
      }),
  );
}

/** Each option that a usage tells of, and its line. */
function optionsIn(usage: string): Record<string, string> {
  const lines = usage.slice(usage.indexOf('\nOptions:\n')).split('\n').slice(2, -1);
  return Object.fromEntries(lines.map((line) => [/^ {2}(?:-\w, )?(--[a-z-]+)/.exec(line)?.[1] ?? line, line]));
}

describe('Scripts', function () {
  this.timeout(120_000);
  this.slow(30_000);

  for (const [file, { usage, options, wrong }] of Object.entries(scripts)) {
    it(`print their usage with --help, and after what is wrong (${file})`, async () => {
      const lines: typeof wrong = [[['--no-such-option'], "unknown option '--no-such-option'"], ...wrong];
      const [help, ...ended] = (await Promise.all([
        run(file, ['--help']),
        ...lines.map(([args]) => run(file, args)),
      ])) as [Ended, ...Ended[]];

      expect(help).to.include({ code: 0, stderr: '' });
      expect(help.stdout.split('\n', 1)).to.deep.equal([`Usage: ${usage}`]);
      const told = optionsIn(help.stdout);
      expect(Object.keys(told)).to.deep.equal([...Object.keys(options), '--help']);
      for (const [name, meaning] of Object.entries(options)) expect(told[name]).to.include(meaning);
      for (const line of Object.values(told)) expect(line).to.match(/^ {2}(-\w, )?--[a-z-]+( <\S+>)? {2,}\S/);

      expect(ended).to.deep.equal(
        lines.map(([, message]) => ({ code: 2, stdout: '', stderr: `error: ${message}\n\n${help.stdout}` })),
      );
    });
  }

  it('say what is wrong with a variable of the environment', async () => {
    const { code, stderr } = await run('examples/metrics/prometheus.ts', [], { PORT: 'x' });
    expect(code).to.equal(2);
    expect(stderr.split('\n', 1)).to.deep.equal([
      "error: option '--port <number>' value 'x' from env 'PORT' is invalid. It must be a whole number from 0 to 65535.",
    ]);
  });

  it('are all of this list, if they take arguments', async () => {
    const found: string[] = [];
    const others: string[] = [];
    for (const folder of ['bench', 'docs', 'examples', 'spec']) {
      for (const name of await readdir(join(top, folder), { recursive: true })) {
        const file = join(folder, name);
        if (!/\.[jt]s$/.test(name) || file === 'spec/docs/scripts.mocha.ts') continue;
        const source = await readFile(join(top, file), 'utf8');
        if (/\/command\.ts'/.test(source)) found.push(file);
        // Those of spec/ that specs start are not for people.
        else if (folder !== 'spec' && /process\.argv\.slice|parseArgs/.test(source)) others.push(file);
      }
    }
    const halves = ['examples/batches/stock.ts', 'examples/batches/pooled.ts'];
    const listed = Object.keys(scripts).filter((file) => !halves.includes(file));
    expect(found).to.have.members([...listed, 'examples/batches/consume.ts']);
    // bench/main.ts starts it.
    expect(others).to.deep.equal(['bench/memory.ts']);
  });

  it('are started by package.json as their usage says', async () => {
    const manifest = JSON.parse(await readFile(join(top, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    const started: string[] = [];
    for (const [file, { usage }] of Object.entries(scripts)) {
      const [, name] = /^npm (?:run )?([\w:]+) -- /.exec(usage) ?? [];
      if (name === undefined) continue;
      started.push(name);
      expect(manifest.scripts[name]?.split(' ').at(-1)).to.equal(file);
    }
    expect(started).to.have.members([
      'start',
      'bench',
      'bench:services',
      'bench:metrics',
      'fuzz',
      'model',
      'soak',
      'test:matrix',
    ]);
  });

  // What these measure is made by hand: bad data, and a peer.
  for (const [file, ...args] of [
    ['bench/main.ts', '--full', '--only', 'bad'],
    ['bench/main.ts', '--full', '--only', 'syncOneShots'],
    ['bench/pairs.ts', '--only', 'mongodb'],
  ] as const) {
    it(`measure (${[file, ...args].join(' ')})`, async () => {
      const { code, stdout, stderr } = await run(file, [...args, '--rounds', '1']);
      expect({ code, stderr }).to.deep.equal({ code: 0, stderr: '' });
      expect(stdout).to.match(/\d\.\d\d \(\d/);
    });
  }

  it('that serve say how to stop them, and stop', async () => {
    const child = spawn(
      process.execPath,
      ['--import=tsx', join(top, 'examples/metrics/prometheus.ts'), '--port', '0'],
      { cwd: top, stdio: ['ignore', 'pipe', 'inherit'], timeout: 60_000, killSignal: 'SIGKILL' },
    );
    const exit = once(child, 'exit');
    const lines: string[] = [];
    createInterface(child.stdout).on('line', (line) => {
      lines.push(line);
      if (line === 'Ctrl+C stops the server') child.kill('SIGINT');
    });
    expect(await exit).to.deep.equal([0, null]);
    expect(lines[0]).to.match(/^http:\/\/127\.0\.0\.1:\d+\/metrics$/);
  });
});

describe('Values of options', () => {
  for (const [name, parse, good, bad] of [
    ['whole numbers', wholeNumber(1), { '1': 1, '1e3': 1_000 }, ['0', '-1', '1.5', '', ' ', 'x', '1x', 'Infinity']],
    ['whole numbers of a range', wholeNumber(0, 9), { '0': 0, '9': 9 }, ['-1', '10', '']],
    ['seeds', seed, { '-5': -5, '2147483647': 2_147_483_647 }, ['2147483648', '0.5', '']],
    ['numbers above 0', positiveNumber(9), { '0.05': 0.05, '9': 9 }, ['0', '-1', '9.1', '', 'NaN', 'Infinity', '1 m']],
    ['texts', text, { 'a b': 'a b', '-': '-' }, ['', '--full']],
  ] as Array<[string, (value: string) => unknown, Record<string, unknown>, string[]]>) {
    it(`are checked (${name})`, () => {
      for (const [value, parsed] of Object.entries(good)) expect(parse(value)).to.equal(parsed);
      for (const value of bad)
        expect(() => parse(value), value)
          .to.throw()
          .with.property('code', 'commander.invalidArgument');
    });
  }
});

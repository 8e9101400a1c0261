// Node's own tests of decompression, first as they are and then with zlease preloaded, by the Node that runs this script.
// Ends with an exit code of 1 if a test that passes as it is fails with the preload. `node spec/node-suite.js --help`
// prints the usage.
import { spawn } from 'node:child_process';
import { existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { constants, tmpdir } from 'node:os';
import { join, resolve } from 'node:path';
import { fileURLToPath, pathToFileURL } from 'node:url';
import { InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { tsImport } from 'tsx/esm/api';

const { command, text } = await tsImport('../examples/command.ts', import.meta.url);

const major = Number.parseInt(process.versions.node, 10);
const concurrency = 2;
const reruns = 3;
const tailLength = 2_000;
const listedSubtests = 50;
const webPlatform = ['wpt/test-compression.js', 'wpt/test-streams.js'];

const program = command(
  'node spec/node-suite.js',
  "Runs Node's own tests of zlib, as they are and with zlease preloaded.",
)
  .argument('<directory>', 'the `test` folder of a Node source tree', text)
  .addOption(
    new Option('--preload <file>', 'the module to preload')
      .default(built('register.js'), 'dist/register.js')
      .argParser(text),
  )
  .addOption(
    new Option('--web', "run only the tests of DecompressionStream, with dist/web.js in place of Node's").conflicts(
      'preload',
    ),
  )
  .addOption(new Option('--flag <name>', 'how to preload it').choices(['import', 'require']).default('import'))
  .option('--filter <regex>', "only tests whose names match, as in 'parallel/test-zlib.js' (default: all)", regex)
  .option('--json <file>', 'write all results there, with the output of the tests that did not pass', text)
  .addOption(
    new Option('--env <name=value>', 'set for every test, may be repeated').default([], 'none').argParser(assignments),
  )
  .parse();
const options = program.opts();
const directory = resolve(program.args[0]);
const needed = options.web ? built('web.js') : resolve(options.preload);
if (!existsSync(join(directory, 'parallel'))) {
  program.error(`error: ${directory} is not the test folder of a Node source tree`);
}
if (!existsSync(needed)) program.error(`error: ${needed} does not exist: npm run build`);

const scratch = mkdtempSync(join(tmpdir(), 'node-suite-'));
// What no preload can help: some tests count on being the first to load zlib.
const control = join(scratch, 'control.cjs');
writeFileSync(control, `require('node:zlib');`);
const preload = options.web ? join(scratch, 'web.mjs') : needed;
if (options.web) {
  writeFileSync(
    preload,
    `import module from 'node:module';
import web from 'node:stream/web';
import { DecompressionStream as value } from ${JSON.stringify(pathToFileURL(needed))};
for (const where of [globalThis, web]) {
  Object.defineProperty(where, 'DecompressionStream', { configurable: true, writable: true, value });
}
module.syncBuiltinESMExports();`,
  );
}
const running = new Set();
process.on('exit', () => {
  for (const { pid } of running) killGroup(pid, 'SIGKILL');
  rmSync(scratch, { recursive: true, force: true });
});
for (const signal of ['SIGINT', 'SIGTERM']) process.on(signal, () => process.exit(128 + constants.signals[signal]));

const tests = [...namesIn('parallel'), ...namesIn('sequential'), ...webPlatform]
  .filter((test) => !options.web || /-(de)?compression/.test(test))
  .filter((test) => (options.filter?.test(test) ?? true) && existsSync(join(directory, test)))
  .map((name) => ({ name, source: readFileSync(join(directory, name), 'utf8') }))
  .filter(({ name, source }) => /^wpt|zlib|compression/.test(name) || /zlib|CompressionStream/i.test(source));
if (tests.length === 0) program.error('error: no test to run');

console.log(`Node ${process.version}, ${directory}, --${options.flag} ${preload}\n`);
console.log(row('', 'stock', 'ours', ''));
const results = [];
const together = tests.filter(({ name }) => name.startsWith('parallel/'));
const alone = tests.filter((test) => !together.includes(test));
await Promise.all(Array.from({ length: concurrency }, (_, slot) => drain(together, slot)));
await drain(alone, 0);
report();

/** One test after another until the queue is empty. Two slots share no port and no folder. */
async function drain(queue, slot) {
  for (let test = queue.shift(); test !== undefined; test = queue.shift()) {
    const result = await compare(test, slot);
    results.push(result);
    const { name, stock, ours, lost, flaky, anyPreload } = result;
    const note = anyPreload ? 'LOST, to any preload' : lost.length > 0 ? 'LOST' : flaky ? 'flaky' : '';
    console.log(row(name, label(stock), label(ours), note));
  }
}

/**
 * A test both ways. What seems lost is tried again, what ran late only once: it must pass every time as it is and never
 * with the preload.
 */
async function compare({ name, source }, slot) {
  let stock;
  let ours;
  let lost;
  let attempt = 0;
  do {
    stock = await run(name, source, slot);
    ours = await run(name, source, slot, preload);
    const losses = missing(stock, ours);
    lost = lost?.filter((part) => losses.includes(part)) ?? losses;
  } while (lost.length > 0 && attempt++ < (ours.status === 'late' ? 1 : reruns));
  if (lost.length === 0) return { name, stock, ours, lost, flaky: attempt > 0, anyPreload: false };
  const loaded = missing(stock, await run(name, source, slot, control));
  return { name, stock, ours, lost, flaky: false, anyPreload: lost.every((part) => loaded.includes(part)) };
}

/** What passed in one outcome and didn't in another. */
function missing(before, after) {
  const passed = new Set(passing(after));
  return passing(before).filter((part) => !passed.has(part));
}

/** What passed: subtests, or where there are none the file. */
function passing({ status, subtests }) {
  if (subtests !== undefined) return Object.keys(subtests).filter((key) => subtests[key]);
  return status === 'pass' ? ['the file'] : [];
}

async function run(name, source, slot, file) {
  const web = name.startsWith('wpt/');
  const folder = join(scratch, `${slot}`);
  rmSync(folder, { recursive: true, force: true });
  mkdirSync(join(folder, 'out/wpt'), { recursive: true });
  const env = {
    ...process.env,
    NODE_OPTIONS: undefined,
    NODE_TEST_DIR: folder,
    NODE_COMMON_PORT: `${12_346 + 100 * slot}`,
    TEST_SERIAL_ID: `${slot}`,
    TEST_THREAD_ID: `${slot}`,
    TEST_PARALLEL: name.startsWith('parallel/') ? '1' : undefined,
    ...Object.fromEntries(words(source, 'Env').map(assignment)),
    ...Object.fromEntries(options.env.map(assignment)),
  };
  const flags =
    file === undefined ? [] : [`--${options.flag}`, options.flag === 'import' ? `${pathToFileURL(file)}` : file];
  const args = [...words(source, 'Flags'), join(directory, name)];
  if (web) {
    // These run in workers with flags of their own, which only NODE_OPTIONS reaches. The report is written at exit.
    env.WPT_REPORT = '1';
    if (flags.length > 0) env.NODE_OPTIONS = `${env.NODE_OPTIONS ?? ''} ${flags[0]} ${JSON.stringify(flags[1])}`;
    args.unshift('--import', "data:text/javascript,process.on('SIGTERM',()=>process.exit(1))");
  } else {
    args.unshift(...flags);
  }
  // Without a file Node 25+ warns as test/common looks at localStorage, and test-zlib.js fails for the warning.
  if (major >= 25) args.unshift(`--localstorage-file=${join(folder, 'storage')}`);
  const outcome = await execute(args, { cwd: folder, env }, web ? 240_000 : 60_000);
  if (web) outcome.subtests = subtestsIn(join(folder, 'out/wpt'));
  return outcome;
}

function execute(args, settings, limitMs) {
  return new Promise((done) => {
    // In a group of its own, so that what a test leaves behind can be ended with it.
    const child = spawn(process.execPath, args, { ...settings, detached: true, stdio: ['ignore', 'pipe', 'pipe'] });
    const output = { stdout: '', stderr: '' };
    for (const name of ['stdout', 'stderr']) {
      child[name].setEncoding('utf8').on('data', (text) => {
        output[name] = (output[name] + text).slice(-1_000_000);
      });
    }
    const start = performance.now();
    let late = false;
    let last;
    const first = setTimeout(() => {
      late = true;
      killGroup(child.pid, 'SIGTERM');
      last = setTimeout(killGroup, 5_000, child.pid, 'SIGKILL');
    }, limitMs);
    running.add(child);
    child.on('exit', () => {
      clearTimeout(first);
      clearTimeout(last);
      killGroup(child.pid, 'SIGKILL');
      running.delete(child);
    });
    child.on('close', (code, signal) => {
      const skipped = /^1\.\.0 # Skipped/m.test(output.stdout);
      const status = late ? 'late' : code !== 0 ? 'fail' : skipped ? 'skip' : 'pass';
      const outcome = { status, code, signal, durationMs: Math.round(performance.now() - start) };
      if (status !== 'pass') outcome.tail = (output.stderr.trim() || output.stdout.trim()).slice(-tailLength);
      done(outcome);
    });
  });
}

/** Which subtests of the web platform tests passed, by name, and of each of their files whether it came to its end. */
function subtestsIn(folder) {
  const passed = {};
  for (const file of readdirSync(folder)) {
    for (const { test, status, subtests } of JSON.parse(readFileSync(join(folder, file), 'utf8')).results) {
      passed[`${test}: completes`] = status === 'OK';
      for (const { name, status } of subtests) {
        const key = `${test}: ${name}`;
        passed[key] = (passed[key] ?? true) && status === 'PASS';
      }
    }
  }
  return passed;
}

function report() {
  const lost = results.filter((result) => result.lost.length > 0);
  console.log(`\n${results.length} tests`);
  for (const side of ['stock', 'ours']) {
    const of = (status) => results.filter((result) => result[side].status === status).length;
    console.log(`${side}: ${of('pass')} pass, ${of('fail')} fail, ${of('skip')} skip, ${of('late')} late`);
  }
  const better = results.filter(({ stock, ours }) => stock.status !== 'pass' && ours.status === 'pass');
  console.log(`${results.filter(({ flaky }) => flaky).length} flaky, ${better.length} pass only with the preload`);
  console.log(`${lost.length} lost`);
  for (const { name, ours, lost: parts, anyPreload } of lost) {
    console.log(`\n=== ${name}: ${ours.status}, ${ours.signal ?? `exit code ${ours.code}`}`);
    if (anyPreload) console.log('So it is with a preload that only loads node:zlib.');
    if (ours.subtests !== undefined) {
      for (const part of parts.slice(0, listedSubtests)) console.log(`  ${part}`);
      if (parts.length > listedSubtests) console.log(`  and ${parts.length - listedSubtests} more`);
    }
    console.log(ours.tail ?? '');
  }
  if (options.json !== undefined) {
    const { version, execPath, arch } = process;
    const { flag, env } = options;
    const run = { version, execPath, arch, directory, preload, flag, env, results };
    writeFileSync(options.json, `${JSON.stringify(run, null, 2)}\n`);
  }
  // Of a folder whose tests don't run at all, nothing would ever be lost.
  const half = results.filter(({ stock }) => passing(stock).length > 0).length >= results.length / 2;
  if (!half) console.log('Most tests fail as they are: this comparison says nothing');
  if (lost.length > 0 || !half) process.exitCode = 1;
}

function regex(value) {
  try {
    return new RegExp(value);
  } catch ({ message }) {
    throw new InvalidArgumentError(`${message}.`);
  }
}

function assignments(value, before) {
  if (!/^[^=]+=/.test(value)) throw new InvalidArgumentError('It must be a name, = and a value.');
  return [...before, value];
}

function built(file) {
  return fileURLToPath(new URL(`../dist/${file}`, import.meta.url));
}

function namesIn(folder) {
  const path = join(directory, folder);
  if (!existsSync(path)) return [];
  const files = readdirSync(path).filter((file) => /^test-.*\.[cm]?js$/.test(file));
  return files.map((file) => `${folder}/${file}`);
}

/** The words of a test's leading `// Flags: ...` or `// Env: ...`. */
function words(source, header) {
  const line = new RegExp(`^//\\s+${header}:\\s+(.+)`, 'm').exec(source);
  return line?.[1].trim().split(/\s+/) ?? [];
}

function assignment(text) {
  const at = text.indexOf('=');
  return [text.slice(0, at), text.slice(at + 1)];
}

function label({ status, subtests }) {
  if (subtests === undefined) return status;
  const passed = Object.values(subtests).filter(Boolean).length;
  return `${status} ${passed}/${Object.keys(subtests).length}`;
}

function row(name, stock, ours, note) {
  return `${name.padEnd(66)} ${stock.padEnd(14)} ${ours.padEnd(14)} ${note}`.trimEnd();
}

function killGroup(pid, signal) {
  try {
    process.kill(-pid, signal);
  } catch {
    // Nothing of it is left.
  }
}

// `npm run test:matrix`: tiers of the specs on each supported Node. A Node that does not run this script comes as an npm
// package. Ends with an exit code of 1 if any of them failed. `npm run test:matrix -- --help` prints the usage.
import { spawnSync } from 'node:child_process';
import { Argument, InvalidArgumentError, Option } from '@commander-js/extra-typings';
import { tsImport } from 'tsx/esm/api';

const { command } = await tsImport('../examples/command.ts', import.meta.url);

const supported = ['20', '22', '24', '26'];
const tiers = ['test', 'deep', 'docs', 'broken', 'ecosystem', 'grpc', 'interop'];

const program = command('npm run test:matrix --', 'Runs tiers of the specs on several Nodes.')
  .addArgument(new Argument('[major...]', 'major versions of Node').choices(supported).default(supported))
  .addOption(
    new Option('--tier <name>', 'tiers to run, may be repeated, default test and deep; test is what npm test runs')
      .choices(tiers)
      .argParser((name, before = []) => {
        if (!tiers.includes(name)) throw new InvalidArgumentError(`Allowed choices are ${tiers.join(', ')}.`);
        return [...before, name];
      }),
  )
  .parse();

const own = process.versions.node.split('.')[0];
const failed = [];
for (const major of program.args.length > 0 ? program.args : supported) {
  for (const tier of program.opts().tier ?? ['test', 'deep']) {
    const script = tier === 'test' ? tier : `test:${tier}`;
    console.log(`\n=== Node ${major}, npm run ${script}`);
    const [executable, ...args] =
      major === own
        ? ['npm', 'run', script]
        : [
            'npx',
            '--yes',
            '--package',
            `node-${process.platform}-${process.arch}@${major}`,
            '--call',
            `node --version && npm run ${script}`,
          ];
    const { status } = spawnSync(executable, args, { stdio: 'inherit' });
    if (status !== 0) failed.push(`${script} on Node ${major}`);
  }
}
if (failed.length > 0) {
  console.error(`\nFailed: ${failed.join(', ')}`);
  process.exitCode = 1;
}

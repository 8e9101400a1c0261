// `npm run test:matrix`: the specs on each supported Node. One that is not running this script comes as an npm package.
// Ends with an exit code of 1 if any of them failed. `npm run test:matrix -- --help` prints the usage.
// What the broken surroundings prove of the specs is the same on each Node, and `npm test` has done it on one.
import { spawnSync } from 'node:child_process';
import { tsImport } from 'tsx/esm/api';

const { command, wholeNumber } = await tsImport('../cli/command.ts', import.meta.url);

const supported = ['20', '22', '24', '26'];
const whole = wholeNumber(20);
const { args: given } = command('npm run test:matrix --', 'Runs the specs on several Nodes.')
  .argument('[major...]', `major versions of Node (default: ${supported.join(' ')})`, (value, before) => [
    ...(before ?? []),
    whole(value),
  ])
  .parse();
const majors = given.length > 0 ? given : supported;
const mocha = ['node_modules/mocha/bin/mocha.js', '--ignore', 'spec/broken-surroundings.spec.ts'];
const own = process.versions.node.split('.')[0];
const failed = [];
for (const major of majors) {
  console.log(`\n=== Node ${major}`);
  const [executable, ...args] =
    major === own
      ? [process.execPath, ...mocha]
      : [
          'npx',
          '--yes',
          '--package',
          `node-${process.platform}-${process.arch}@${major}`,
          '--call',
          `node --version && node ${mocha.join(' ')}`,
        ];
  const { status } = spawnSync(executable, args, { stdio: 'inherit' });
  if (status !== 0) failed.push(major);
}
if (failed.length > 0) {
  console.error(`\nFailed on Node ${failed.join(', ')}`);
  process.exitCode = 1;
}

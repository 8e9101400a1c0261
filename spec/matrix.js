// `npm run test:matrix [-- MAJOR...]`: the specs on each supported Node. One that is not running this script comes as
// an npm package. Ends with an exit code of 1 if any of them failed.
// What the broken surroundings prove of the specs is the same on each Node, and `npm test` has done it on one.
import { spawnSync } from 'node:child_process';

const majors = process.argv.length > 2 ? process.argv.slice(2) : ['20', '22', '24', '26'];
const mocha = ['node_modules/mocha/bin/mocha.js', '--ignore', 'spec/broken-surroundings.spec.ts'];
const own = process.versions.node.split('.')[0];
const failed = [];
for (const major of majors) {
  console.log(`\n=== Node ${major}`);
  const [command, ...args] =
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
  const { status } = spawnSync(command, args, { stdio: 'inherit' });
  if (status !== 0) failed.push(major);
}
if (failed.length > 0) {
  console.error(`\nFailed on Node ${failed.join(', ')}`);
  process.exitCode = 1;
}

/**
 * `run.ts GREP FILE...`: runs the tests of spec files that have GREP in their titles, in this process, up to the first
 * failure. Exit code: 1 if there was one.
 */
import Mocha from 'mocha';

const [grep = '', ...files] = process.argv.slice(2);
const mocha = new Mocha({ bail: true, timeout: Number(process.env.SPEC_TIMEOUT_MS ?? 20_000), reporter: 'dot' });
if (grep !== '') mocha.fgrep(grep);
for (const file of files) mocha.addFile(file);
await mocha.loadFilesAsync();
mocha.run((failures) => process.exit(failures === 0 ? 0 : 1));

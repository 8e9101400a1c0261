/** Runs the spec files it is given, in this process, up to the first failure. Exit code: 1 if there was one. */
import Mocha from 'mocha';

const mocha = new Mocha({ bail: true, timeout: Number(process.env.ZLEASE_SPEC_TIMEOUT_MS ?? 20_000), reporter: 'dot' });
for (const file of process.argv.slice(2)) mocha.addFile(file);
await mocha.loadFilesAsync();
mocha.run((failures) => process.exit(failures === 0 ? 0 : 1));

/**
 * Loaded before every spec. Nothing may go wrong behind a spec's back: a rejection or an error that nobody
 * listens to fails the run (mocha does that), and so does a process warning, such as of too many listeners.
 */
// Coverage is that of this process: what other processes of the specs run is not merged exactly.
delete process.env.NODE_V8_COVERAGE;

const warnings: Error[] = [];
process.on('warning', (warning) => {
  if (warning.name !== 'ExperimentalWarning' && warning.name !== 'DeprecationWarning') warnings.push(warning);
});

export const mochaHooks = {
  afterEach(): void {
    const [first] = warnings.splice(0);
    if (first !== undefined) throw first;
  },
};

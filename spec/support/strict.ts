/**
 * Loaded before every spec. Nothing may go wrong behind a spec's back: a rejection or an error that nobody
 * listens to fails the run (mocha does that), and so does a process warning, such as of too many listeners.
 * A timeout names the conditions that the test waited for.
 */
import { takeCoverage } from 'node:v8';
import Mocha from 'mocha';
import { endWaits } from './until.ts';

const warnings: Error[] = [];
process.on('warning', (warning) => {
  if (warning.name !== 'ExperimentalWarning' && warning.name !== 'DeprecationWarning') warnings.push(warning);
});

// Mocha has no public way to add to the error of a timeout, of a hook too, before the reporter has it.
const { prototype } = Mocha.Runnable as never as { prototype: { _timeoutError(timeoutMs: number): Error } };
const { _timeoutError: timeoutError } = prototype;
prototype._timeoutError = function (timeoutMs) {
  const error = timeoutError.call(this, timeoutMs);
  error.message = `${error.message} ${endWaits()}`.trimEnd();
  return error;
};

export const mochaHooks = {
  /** In a process that runs specs. Coverage is that of this process: that of its children is not merged exactly. */
  beforeAll(): void {
    delete process.env.NODE_V8_COVERAGE;
  },

  afterEach(): void {
    // A test that has failed may have left some.
    endWaits();
    const [first] = warnings.splice(0);
    if (first !== undefined) throw first;
  },

  /** Mocha ends its workers by a signal, and Node writes the coverage of a process only when it exits by itself. */
  afterAll(): void {
    takeCoverage();
  },
};

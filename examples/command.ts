/**
 * The command line of a script of this repository. One table of options gives its usage, its values and its errors. May not
 * import anything of the library.
 */
import { Command, InvalidArgumentError } from '@commander-js/extra-typings';

const WRONG_USAGE = 2;

/**
 * Returns a command without options and arguments. `--help` prints its usage and exits with 0. A wrong command line prints one
 * line and the usage to stderr, and exits with 2. So does its `error()`.
 *
 * @param start - how the script is started, for example `npm run fuzz --`
 */
export function command(start: string, description: string): Command {
  return new Command(start)
    .description(description)
    .helpOption('-h, --help', 'print this usage')
    .showHelpAfterError()
    .showSuggestionAfterError(false)
    .configureOutput({
      // An option a line: a terminal wraps it, a file does not.
      getOutHelpWidth: () => process.stdout.columns ?? Infinity,
      getErrHelpWidth: () => process.stderr.columns ?? Infinity,
    })
    .exitOverride(({ exitCode }) => process.exit(exitCode === 0 ? 0 : WRONG_USAGE));
}

/** Returns a parser of whole numbers from `least` to `most`, both included. */
export function wholeNumber(least: number, most = Number.MAX_SAFE_INTEGER): (value: string) => number {
  const range = most === Number.MAX_SAFE_INTEGER ? `of at least ${least}` : `from ${least} to ${most}`;
  return (value) => {
    const number = value.trim() === '' ? Number.NaN : Number(value);
    if (!Number.isInteger(number) || number < least || number > most) {
      throw new InvalidArgumentError(`It must be a whole number ${range}.`);
    }
    return number;
  };
}

/** Parses a seed. The range is that of fast-check's. */
export const seed = wholeNumber(-(2 ** 31), 2 ** 31 - 1);

/** Returns a seed that differs from run to run. */
export function randomSeed(): number {
  return Math.floor(Math.random() * 2 ** 31);
}

/** Returns a parser of numbers above 0, of at most `most`. */
export function positiveNumber(most: number): (value: string) => number {
  return (value) => {
    const number = Number(value);
    if (!(number > 0 && number <= most)) {
      throw new InvalidArgumentError(`It must be a number above 0, of at most ${most}.`);
    }
    return number;
  };
}

/** Parses a text. Throws if it is empty, or if an option is in its place. */
export function text(value: string): string {
  if (value === '' || value.startsWith('--')) throw new InvalidArgumentError('Its value is missing.');
  return value;
}

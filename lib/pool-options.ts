/**
 * The options of a pool: one function turns them into a frozen, fully defaulted copy, and throws on what
 * makes no sense. Nothing is corrected silently.
 */
import { constants } from 'node:buffer';
import { codedError } from './errors.ts';

/** How much a stream may inflate on the main thread; what is over goes to the threadpool. Bytes. */
export interface InlineOptions {
  /** The longest input that is inflated on the main thread. Default 16384; 0 sends all to the threadpool. */
  inputLength?: number;
  /** The most output of one chunk of input that is made on the main thread. Default 65536; 0 as above. */
  outputLength?: number;
  /** The most that all streams of the thread make on the main thread in one turn of the event loop. Default 131072; 0 as above. */
  turnLength?: number;
}

export interface ZlibPoolOptions {
  /** How many idle engines are kept for reuse, of all kinds together. Default 256; `Infinity` keeps all, 0 turns pooling off. */
  maxIdle?: number;
  /** An engine that was idle for this long is closed, at the latest after twice as long. Milliseconds, default 30000; 0 for never. */
  idleTimeoutMs?: number;
  /** The most bytes that a stream of this pool may make, unless its own option says so. Default `Infinity`. */
  maxOutputLength?: number;
  inline?: InlineOptions;
  /**
   * Which engine drives the streams. 'native': handles of node:zlib driven directly; 'public': node:zlib streams
   * through documented API, threadpool only; 'auto' (default): native on the Node majors it was tested on, if it
   * passes a probe at load, else public.
   */
  engine?: 'auto' | 'native' | 'public';
}

/** The same, with every default in its place. */
export type PoolSettings = Readonly<Required<Omit<ZlibPoolOptions, 'inline'>>> & {
  readonly inline: Readonly<Required<InlineOptions>>;
};

/** The longest delay that a timer of Node takes. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const engines = ['auto', 'native', 'public'] as const;

/**
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE` for an option that does not exist,
 * is no number, is negative, a fraction or `NaN`.
 */
export function poolSettings(options: ZlibPoolOptions = {}): PoolSettings {
  const { maxIdle, idleTimeoutMs, maxOutputLength, inline, engine = 'auto', ...rest } = record(options, 'options');
  refuse(rest, 'options');
  const { inputLength, outputLength, turnLength, ...restInline } = record(inline ?? {}, 'options.inline');
  refuse(restInline, 'options.inline');
  if (!engines.includes(engine)) {
    throw codedError(
      'ERR_INVALID_ARG_VALUE',
      `options.engine must be one of ${engines.join(', ')}. Received ${String(engine)}`,
    );
  }
  return Object.freeze({
    maxIdle: count(maxIdle, 'options.maxIdle', 256, Number.POSITIVE_INFINITY),
    idleTimeoutMs: count(idleTimeoutMs, 'options.idleTimeoutMs', 30_000, MAX_TIMER_MS),
    maxOutputLength: outputLimit(maxOutputLength, 'options.maxOutputLength', Number.POSITIVE_INFINITY),
    inline: Object.freeze({
      inputLength: count(inputLength, 'options.inline.inputLength', 16_384),
      outputLength: count(outputLength, 'options.inline.outputLength', 65_536, constants.MAX_LENGTH),
      turnLength: count(turnLength, 'options.inline.turnLength', 131_072),
    }),
    engine,
  });
}

function record<T extends object>(value: T, name: string): T {
  if (typeof value !== 'object' || value === null) {
    throw codedError('ERR_INVALID_ARG_TYPE', `${name} must be an object. Received ${String(value)}`);
  }
  return value;
}

function refuse(rest: object, name: string): void {
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw codedError('ERR_INVALID_ARG_VALUE', `${name} has no ${unknown}`);
}

/** @throws `ERR_INVALID_ARG_TYPE` or `ERR_OUT_OF_RANGE` for what is no whole number from 1 on */
export function outputLimit(value: number | undefined, name: string, standard: number): number {
  const limit = count(value, name, standard, Number.POSITIVE_INFINITY);
  if (limit === 0) throw codedError('ERR_OUT_OF_RANGE', `${name} must be at least 1. Received 0`);
  return limit;
}

function count(value: number | undefined, name: string, standard: number, most = Number.MAX_SAFE_INTEGER): number {
  if (value === undefined) return standard;
  if (typeof value !== 'number') {
    throw codedError('ERR_INVALID_ARG_TYPE', `${name} must be a number. Received ${String(value)}`);
  }
  const whole = Number.isInteger(value) || value === Number.POSITIVE_INFINITY;
  if (!whole || value < 0 || value > most) {
    throw codedError('ERR_OUT_OF_RANGE', `${name} must be a whole number from 0 to ${most}. Received ${value}`);
  }
  return value;
}

/**
 * The options of a pool: one function turns them into a frozen, fully defaulted copy, and throws on what
 * makes no sense. Nothing is corrected silently.
 */
import { constants } from 'node:buffer';
import { codedError, limitError, tooLarge } from '../errors.ts';
import type { LeakDetection } from '../observe/origin.ts';
import { shown } from '../validate.ts';

/** How much a stream may inflate on the main thread; what is over goes to the threadpool. Bytes. */
export interface InlineOptions {
  /** The longest input that is inflated on the main thread. Default 16384; 0 sends all to the threadpool. */
  inputLength?: number;
  /** The most output of one chunk of input that is made on the main thread. Default 65536; 0 as above. */
  outputLength?: number;
  /** The most that all streams of the thread make on the main thread in one turn of the event loop, a step of less than 2048 counted as that. Default 131072; 0 as above. */
  turnLength?: number;
}

/** How much may be made of one stream's or message's data. A stream counts from one explicit `flush()` to the next. */
export interface Limits {
  /** The most bytes that may come out; one more is `ERR_BUFFER_TOO_LARGE`, as with `maxOutputLength` of node:zlib's one-shot functions. Default `Infinity`. */
  maxOutputLength?: number;
  /**
   * How many times as long as the input it was made of the output may be; more is `ERR_RATIO_TOO_HIGH`. Deflate makes at most 1032 of 1.
   * Looked at after each step, from `ratioFloorLength` on. Default `Infinity`.
   */
  maxRatio?: number;
  /** Output of up to this length is allowed whatever its ratio: what is short is no bomb. Bytes, default 1048576. */
  ratioFloorLength?: number;
}

/** Of `new ZlibPool()`. The limits are for streams and messages that have none of their own. */
export interface ZlibPoolOptions extends Limits {
  /** How many engines may be out at the same time, of all kinds together; who wants one more waits. Default `Infinity`. */
  maxLeased?: number;
  /** How many may wait; one more fails with `ERR_POOL_QUEUE_FULL`. Default `Infinity`; 0 for no waiting. */
  maxWaiting?: number;
  /** How long one waits before it fails with `ERR_POOL_TIMEOUT`. Milliseconds, default 30000; 0 for ever. */
  leaseTimeoutMs?: number;
  /** How many idle engines are kept for reuse, of all kinds together. Default 256; `Infinity` keeps all, 0 turns pooling off. */
  maxIdle?: number;
  /** An engine that was idle for this long is closed, at the latest after twice as long. Milliseconds, default 30000; 0 for never. */
  idleTimeoutMs?: number;
  /**
   * Whether the stack that asked for a lease is taken down, to be shown when the lease was lost: 'all' for each, 'sampled' for one in 128,
   * 'off' (default) for none. What was lost is taken back and counted in any case.
   */
  leakDetection?: LeakDetection;
  /** What is inflated on the main thread. Default: that of each of its options. */
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
const detections = ['off', 'sampled', 'all'] as const;

/** What holds where nothing is said. */
const noLimits: Required<Limits> = Object.freeze({
  maxOutputLength: Number.POSITIVE_INFINITY,
  maxRatio: Number.POSITIVE_INFINITY,
  ratioFloorLength: 1_048_576,
});

/**
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE` for an option that does not exist,
 * is no number, is negative, a fraction or `NaN`.
 */
export function poolSettings(options: ZlibPoolOptions = {}): PoolSettings {
  const { maxLeased, maxWaiting, leaseTimeoutMs, maxIdle, idleTimeoutMs, ...others } = record(options, 'options');
  const { maxOutputLength, maxRatio, ratioFloorLength, ...more } = others;
  const { inline, engine, leakDetection, ...rest } = more;
  refuse(rest, 'options');
  const { inputLength, outputLength, turnLength, ...restInline } = record(inline ?? {}, 'options.inline');
  refuse(restInline, 'options.inline');
  return Object.freeze({
    maxLeased: atLeastOne(maxLeased, 'options.maxLeased', Number.POSITIVE_INFINITY),
    maxWaiting: count(maxWaiting, 'options.maxWaiting', Number.POSITIVE_INFINITY, Number.POSITIVE_INFINITY),
    leaseTimeoutMs: count(leaseTimeoutMs, 'options.leaseTimeoutMs', 30_000, MAX_TIMER_MS),
    maxIdle: count(maxIdle, 'options.maxIdle', 256, Number.POSITIVE_INFINITY),
    idleTimeoutMs: count(idleTimeoutMs, 'options.idleTimeoutMs', 30_000, MAX_TIMER_MS),
    ...limits({ maxOutputLength, maxRatio, ratioFloorLength }, noLimits),
    leakDetection: oneOf(leakDetection, 'options.leakDetection', detections),
    inline: Object.freeze({
      inputLength: count(inputLength, 'options.inline.inputLength', 16_384),
      outputLength: count(outputLength, 'options.inline.outputLength', 65_536, constants.MAX_LENGTH),
      turnLength: count(turnLength, 'options.inline.turnLength', 131_072),
    }),
    engine: oneOf(engine, 'options.engine', engines),
  });
}

/**
 * The limits of one stream or message.
 * @param standard what holds where `options` say nothing
 * @throws `ERR_INVALID_ARG_TYPE` or `ERR_OUT_OF_RANGE` for what makes no sense
 */
export function limits(
  options: { [K in keyof Limits]?: number | undefined },
  standard: Required<Limits>,
): Required<Limits> {
  const { maxOutputLength, maxRatio, ratioFloorLength } = options;
  return {
    maxOutputLength: atLeastOne(maxOutputLength, 'options.maxOutputLength', standard.maxOutputLength),
    maxRatio: ratio(maxRatio, 'options.maxRatio', standard.maxRatio),
    ratioFloorLength: count(ratioFloorLength, 'options.ratioFloorLength', standard.ratioFloorLength),
  };
}

/** The most that may come out of a message of so much. Bytes. */
export function outputLimit(
  { maxOutputLength, maxRatio, ratioFloorLength }: Required<Limits>,
  inputLength: number,
): number {
  if (maxRatio === Number.POSITIVE_INFINITY) return maxOutputLength;
  return Math.min(maxOutputLength, Math.max(ratioFloorLength, Math.floor(maxRatio * inputLength)));
}

/** The error for so much of so much, if it is over a limit that can be told so. */
export function overLimit(
  { maxOutputLength, maxRatio, ratioFloorLength }: Required<Limits>,
  inputLength: number,
  outputLength: number,
): Error | undefined {
  if (outputLength > maxOutputLength) {
    return tooLarge(maxOutputLength);
  }
  if (outputLength > ratioFloorLength && outputLength > maxRatio * inputLength) {
    return limitError('ERR_RATIO_TOO_HIGH', `The data expands by more than ${maxRatio} times`);
  }
  return undefined;
}

function oneOf<T extends string>(value: T | undefined, name: string, values: readonly [T, ...T[]]): T {
  if (value === undefined) return values[0];
  if (values.includes(value)) return value;
  throw codedError('ERR_INVALID_ARG_VALUE', `${name} must be one of ${values.join(', ')}. Received ${shown(value)}`);
}

/** @throws `ERR_INVALID_ARG_TYPE` for what is no object */
export function record<T extends object>(value: T, name: string): T {
  if (typeof value !== 'object' || value === null) {
    throw codedError('ERR_INVALID_ARG_TYPE', `${name} must be an object. Received ${shown(value)}`);
  }
  return value;
}

/** @throws `ERR_INVALID_ARG_VALUE` where options are left that there are not */
export function refuse(rest: object, name: string): void {
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw codedError('ERR_INVALID_ARG_VALUE', `${name} has no ${shown(unknown)}`);
}

/** @throws `ERR_INVALID_ARG_TYPE` or `ERR_OUT_OF_RANGE` for what is no whole number from 1 on */
export function atLeastOne(value: number | undefined, name: string, standard: number): number {
  const limit = count(value, name, standard, Number.POSITIVE_INFINITY);
  if (limit === 0) throw codedError('ERR_OUT_OF_RANGE', `${name} must be at least 1. Received 0`);
  return limit;
}

function ratio(value: number | undefined, name: string, standard: number): number {
  if (value === undefined) return standard;
  if (typeof value !== 'number') {
    throw codedError('ERR_INVALID_ARG_TYPE', `${name} must be a number. Received ${shown(value)}`);
  }
  if (value >= 1) return value;
  throw codedError('ERR_OUT_OF_RANGE', `${name} must be at least 1. Received ${value}`);
}

function count(value: number | undefined, name: string, standard: number, most = Number.MAX_SAFE_INTEGER): number {
  if (value === undefined) return standard;
  if (typeof value !== 'number') {
    throw codedError('ERR_INVALID_ARG_TYPE', `${name} must be a number. Received ${shown(value)}`);
  }
  const whole = Number.isInteger(value) || value === Number.POSITIVE_INFINITY;
  if (!whole || value < 0 || value > most) {
    throw codedError('ERR_OUT_OF_RANGE', `${name} must be a whole number from 0 to ${most}. Received ${value}`);
  }
  return value;
}

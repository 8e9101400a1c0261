/**
 * Options of a pool. `poolSettings()` returns a frozen copy with all defaults, and throws on an
 * invalid value. It never corrects a value silently.
 */
import { constants } from 'node:buffer';
import { codedError, limitError, tooLarge } from '../errors.ts';
import type { LeakDetection } from '../observe/origin.ts';
import { shown } from '../validate.ts';

/**
 * Limits of inflating on the main thread, in bytes. Work over a limit runs in the threadpool, or
 * waits for a later turn of the event loop.
 */
export interface InlineOptions {
  /**
   * Longest input of one chunk or message that the main thread inflates. Default 16384 bytes. 0
   * sends all work to the threadpool.
   */
  inputLength?: number;
  /**
   * Most output of one chunk or message that the main thread makes. Default 65536 bytes. 0 sends
   * all work to the threadpool. While other work waits, work that takes longer than to inflate 3/16
   * of this length goes to the threadpool.
   */
  outputLength?: number;
  /**
   * Most bytes that all streams and messages of the thread inflate on the main thread in one turn
   * of the event loop. A step counts as 2048 bytes at least. Default 131072 bytes. 0 sends all work
   * to the threadpool.
   */
  turnLength?: number;
}

/**
 * Limits of the output of one stream or message. A stream counts from one explicit `flush()` to the
 * next.
 */
export interface Limits {
  /**
   * Most output, in bytes. One byte more fails with `ERR_BUFFER_TOO_LARGE`, as with
   * `maxOutputLength` of node:zlib's one-shot functions. Default `Infinity`.
   */
  maxOutputLength?: number;
  /**
   * Highest ratio of the length of the output to the length of its input. A higher ratio fails with
   * `ERR_RATIO_TOO_HIGH`. The ratio is checked after each step, if the output is longer than
   * `ratioFloorLength`. Deflate expands 1032 times at most. Default `Infinity`.
   */
  maxRatio?: number;
  /**
   * Longest output for which any ratio is allowed: short output is no bomb. Default 1048576 bytes.
   */
  ratioFloorLength?: number;
}

/**
 * Options of `new ZlibPool()`. The limits apply to streams and messages without limits of their
 * own.
 */
export interface ZlibPoolOptions extends Limits {
  /**
   * Most engines that are leased at the same time, of all kinds together. The next stream, message
   * or caller waits. `decompressSync()` and `_processChunk()` can't wait, and may exceed this
   * number. Default `Infinity`.
   */
  maxLeased?: number;
  /**
   * Most streams, messages and callers that wait for an engine. The next one fails with
   * `ERR_POOL_QUEUE_FULL`. Default `Infinity`. 0: no waiting.
   */
  maxWaiting?: number;
  /**
   * Longest wait for an engine, in milliseconds. A longer one fails with `ERR_POOL_TIMEOUT`.
   * Default 30000. 0: unlimited.
   */
  leaseTimeoutMs?: number;
  /**
   * Most idle engines that the pool keeps for reuse, of all kinds together. Default 256. `Infinity`
   * keeps all. 0 turns pooling off.
   */
  maxIdle?: number;
  /**
   * Most memory of the idle engines that the pool keeps, in bytes, as estimated by the kind of each
   * engine: about 45 KB for a decoder of gzip, 270 KB for an encoder. Default 33554432, 32 MB.
   */
  maxIdleLength?: number;
  /**
   * Idle time after which the pool closes an engine, in milliseconds. The pool closes it after
   * twice that time at the latest. Default 30000. 0: never.
   */
  idleTimeoutMs?: number;
  /**
   * Leases whose origin is recorded: 'all' for each, 'sampled' for one in 128, 'off' (default) for
   * none. The origin is the stack of the call that created the stream or requested the lease. The
   * leak warning shows it. The pool reclaims and counts every leaked engine, with 'off' too.
   */
  leakDetection?: LeakDetection;
  /** Limits of inflating on the main thread. Default: the default of each limit. */
  inline?: InlineOptions;
  /**
   * Engine of the streams. 'native': handles of node:zlib. 'public': streams of node:zlib through
   * documented API, in the threadpool only. 'auto' (default): native on a tested major of Node, if
   * the engine of the format passes a probe at its first use. Otherwise public.
   */
  engine?: 'auto' | 'native' | 'public';
}

/** Options of a pool with all defaults filled in. */
export type PoolSettings = Readonly<Required<Omit<ZlibPoolOptions, 'inline'>>> & {
  readonly inline: Readonly<Required<InlineOptions>>;
};

/** Longest delay of a timer of Node. */
const MAX_TIMER_MS = 2 ** 31 - 1;

const engines = ['auto', 'native', 'public'] as const;
const detections = ['off', 'sampled', 'all'] as const;

/** Default limits of a pool. */
export const noLimits: Required<Limits> = Object.freeze({
  maxOutputLength: Number.POSITIVE_INFINITY,
  maxRatio: Number.POSITIVE_INFINITY,
  ratioFloorLength: 1_048_576,
});

/**
 * Returns the settings for the options of a pool.
 * @throws `ERR_INVALID_ARG_TYPE`, `ERR_INVALID_ARG_VALUE` or `ERR_OUT_OF_RANGE` for an invalid or
 * unknown option
 */
export function poolSettings(options: ZlibPoolOptions = {}): PoolSettings {
  const { maxLeased, maxWaiting, leaseTimeoutMs, maxIdle, maxIdleLength, idleTimeoutMs, ...others } = record(
    options,
    'options',
  );
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
    maxIdleLength: count(maxIdleLength, 'options.maxIdleLength', 33_554_432, Number.POSITIVE_INFINITY),
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
 * Returns the limits of one stream or message.
 * @param standard - limits that `options` does not set
 * @throws `ERR_INVALID_ARG_TYPE` or `ERR_OUT_OF_RANGE` for an invalid limit
 */
export function limits(
  options: { [K in keyof Limits]?: number | undefined },
  standard: Required<Limits>,
): Required<Limits> {
  const { maxOutputLength, maxRatio, ratioFloorLength } = options;
  if (maxOutputLength === undefined && maxRatio === undefined && ratioFloorLength === undefined) return standard;
  return {
    maxOutputLength: atLeastOne(maxOutputLength, 'options.maxOutputLength', standard.maxOutputLength),
    maxRatio: ratio(maxRatio, 'options.maxRatio', standard.maxRatio),
    ratioFloorLength: count(ratioFloorLength, 'options.ratioFloorLength', standard.ratioFloorLength),
  };
}

/** Returns the most output that a message of `inputLength` bytes may have, in bytes. */
export function outputLimit(
  { maxOutputLength, maxRatio, ratioFloorLength }: Required<Limits>,
  inputLength: number,
): number {
  if (maxRatio === Number.POSITIVE_INFINITY) return maxOutputLength;
  return Math.min(maxOutputLength, Math.max(ratioFloorLength, Math.floor(maxRatio * inputLength)));
}

/** Returns the error for output over a limit. Undefined if the output is within the limits. */
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

/** @throws `ERR_INVALID_ARG_TYPE` unless `value` is an object */
export function record<T extends object>(value: T, name: string): T {
  if (typeof value !== 'object' || value === null) {
    throw codedError('ERR_INVALID_ARG_TYPE', `${name} must be an object. Received ${shown(value)}`);
  }
  return value;
}

/** @throws `ERR_INVALID_ARG_VALUE` if `rest`, the unknown options, is not empty */
export function refuse(rest: object, name: string): void {
  const [unknown] = Object.keys(rest);
  if (unknown !== undefined) throw codedError('ERR_INVALID_ARG_VALUE', `${name} has no ${shown(unknown)}`);
}

/**
 * @throws `ERR_INVALID_ARG_TYPE` or `ERR_OUT_OF_RANGE` unless it is a whole number from 1, or
 * Infinity
 */
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

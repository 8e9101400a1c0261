/**
 * Environment variables for the options of the default pool. They suit services whose environment
 * is easier to change than their code. An invalid value throws when the library is loaded.
 */
import { codedError } from '../errors.ts';
import type { ZlibPoolOptions } from '../pool/options.ts';
import { shown } from '../validate.ts';

type Environment = Readonly<Record<string, string | undefined>>;

/** Name of the variable that turns `zlease/register` on or off. */
const SWITCH = 'ZLEASE';
/** Name of the variable that leaves the one-shot functions as they are. */
const ONE_SHOT = 'ZLEASE_ONE_SHOT';
/** Name of the variable that has `zlease/register` print a table when the process exits. */
const REPORT = 'ZLEASE_REPORT';
const PREFIX = 'ZLEASE_';

const readers = new Map<string, (options: ZlibPoolOptions, text: string, name: string) => void>([
  ['ZLEASE_MAX_LEASED', (options, ...text) => Object.assign(options, { maxLeased: count(...text) })],
  ['ZLEASE_MAX_WAITING', (options, ...text) => Object.assign(options, { maxWaiting: count(...text) })],
  ['ZLEASE_LEASE_TIMEOUT_MS', (options, ...text) => Object.assign(options, { leaseTimeoutMs: count(...text) })],
  ['ZLEASE_MAX_IDLE_LENGTH', (options, ...text) => Object.assign(options, { maxIdleLength: count(...text) })],
  ['ZLEASE_MAX_IDLE', (options, ...text) => Object.assign(options, { maxIdle: count(...text) })],
  ['ZLEASE_IDLE_TIMEOUT_MS', (options, ...text) => Object.assign(options, { idleTimeoutMs: count(...text) })],
  ['ZLEASE_MAX_OUTPUT_LENGTH', (options, ...text) => Object.assign(options, { maxOutputLength: count(...text) })],
  ['ZLEASE_MAX_RATIO', (options, ...text) => Object.assign(options, { maxRatio: count(...text) })],
  ['ZLEASE_RATIO_FLOOR_LENGTH', (options, ...text) => Object.assign(options, { ratioFloorLength: count(...text) })],
  ['ZLEASE_LEAK_DETECTION', (options, text) => Object.assign(options, { leakDetection: text })],
  ['ZLEASE_INLINE_INPUT_LENGTH', (options, ...text) => inline(options, { inputLength: count(...text) })],
  ['ZLEASE_INLINE_OUTPUT_LENGTH', (options, ...text) => inline(options, { outputLength: count(...text) })],
  ['ZLEASE_INLINE_TURN_LENGTH', (options, ...text) => inline(options, { turnLength: count(...text) })],
  ['ZLEASE_ENGINE', (options, text) => Object.assign(options, { engine: text })],
]);

/** Names of all variables, for documentation. */
export const variableNames: readonly string[] = Object.freeze([SWITCH, ONE_SHOT, REPORT, ...readers.keys()]);

/**
 * Returns the pool options that the variables set. An empty variable sets nothing. The pool checks
 * the options themselves.
 * @throws `ERR_INVALID_ARG_VALUE` unless the variable of a number is a whole number or Infinity
 */
export function poolOptionsOf(environment: Environment): ZlibPoolOptions {
  const options: ZlibPoolOptions = {};
  for (const [name, read] of readers) {
    const text = environment[name];
    if (text) read(options, text, name);
  }
  return options;
}

/** Returns the names that begin as those of zlease and are unknown: most often typing errors. */
export function unknownVariables(environment: Environment): string[] {
  return Object.keys(environment).filter((name) => name.startsWith(PREFIX) && !variableNames.includes(name));
}

/**
 * Returns the functions that `zlease/register` replaces: all, those that decompress with
 * ZLEASE=decompress, none with ZLEASE=off.
 * @throws `ERR_INVALID_ARG_VALUE` unless ZLEASE is on, decompress, off, empty or not set
 */
export function registered(environment: Environment): { decompress: boolean; compress: boolean } {
  const value = environment[SWITCH] || 'on';
  if (value !== 'on' && value !== 'decompress' && value !== 'off') {
    throw codedError('ERR_INVALID_ARG_VALUE', `${SWITCH} must be on, decompress or off. Received ${shown(value)}`);
  }
  return { decompress: value !== 'off', compress: value === 'on' };
}

/**
 * Returns whether `zlease/register` replaces the one-shot functions: always, unless
 * ZLEASE_ONE_SHOT=off.
 * @throws `ERR_INVALID_ARG_VALUE` unless ZLEASE_ONE_SHOT is on, off, empty or not set
 */
export function isOneShotOn(environment: Environment): boolean {
  return isOn(environment, ONE_SHOT);
}

/**
 * Returns whether a report is printed at exit: only with ZLEASE_REPORT=1.
 * @throws `ERR_INVALID_ARG_VALUE` unless ZLEASE_REPORT is 1, 0, empty or not set
 */
export function isReportWanted(environment: Environment): boolean {
  const value = environment[REPORT];
  if (value === '1') return true;
  if (!value || value === '0') return false;
  throw codedError('ERR_INVALID_ARG_VALUE', `${REPORT} must be 1 or 0. Received ${shown(value)}`);
}

function isOn(environment: Environment, name: string): boolean {
  const value = environment[name];
  if (value === 'off') return false;
  if (!value || value === 'on') return true;
  throw codedError('ERR_INVALID_ARG_VALUE', `${name} must be on or off. Received ${shown(value)}`);
}

function inline(options: ZlibPoolOptions, part: ZlibPoolOptions['inline']): void {
  options.inline = { ...options.inline, ...part };
}

function count(text: string, name: string): number {
  if (/^\d+$/.test(text)) return Number(text);
  if (text === 'Infinity') return Number.POSITIVE_INFINITY;
  throw codedError('ERR_INVALID_ARG_VALUE', `${name} must be a whole number or Infinity. Received ${shown(text)}`);
}

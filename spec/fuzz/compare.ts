/** Plays scripts on node:zlib and on zlease beside each other, and says where they differ. */
import { constants } from 'node:zlib';
import { type CompressFormat, stockStream } from '../../lib/engine/codec.ts';
import type { ZlibPool, ZlibPoolOptions } from '../../lib/index.ts';
import { compressScript } from './compress.ts';
import { leaseDifference } from './leases.ts';
import { answersOf } from './messages.ts';
import { eventNames, failureOf, play, type Transcript } from './play.ts';
import { restored } from './restore.ts';
import { codecOf, type Direction, inputOf, isGood, type Script, type Subject, script } from './script.ts';

/** A pool to compare with, and whether its output is cut where node:zlib cuts its own; a message that comes in one chunk is not, unless it is bad. */
export interface Mode {
  name: string;
  pool: ZlibPoolOptions;
  exact: 'always' | 'with chunkSize' | 'never';
}

const { Z_DEFAULT_CHUNK } = constants;
const everything = Number.MAX_SAFE_INTEGER;

export const modes: readonly Mode[] = [
  {
    name: 'native, all on the main thread',
    pool: { engine: 'native', inline: { inputLength: everything, outputLength: 2 ** 30, turnLength: everything } },
    exact: 'always',
  },
  { name: 'native', pool: { engine: 'native' }, exact: 'with chunkSize' },
  {
    name: 'native, all in the threadpool',
    pool: { engine: 'native', inline: { inputLength: 0 } },
    exact: 'with chunkSize',
  },
  { name: 'public', pool: { engine: 'public' }, exact: 'never' },
];

export const scriptsOf = { decompress: script, compress: compressScript } as const;
export const directions = ['decompress', 'compress'] as const satisfies Direction[];

export interface Difference {
  mode: string;
  what: string;
  script: object;
  ours: unknown;
  theirs: unknown;
}

export { failureOf };

/** How much of what led to a difference is shown. */
const LAST = 14;

/** node:zlib itself may answer in more than one way, where threads race: how often it is asked before a difference is one. */
const ATTEMPTS = 6;

/** @param withMessages - whether the one-shot functions play the script too, before the streams */
export async function difference(
  script: Script,
  mode: Mode,
  pool: ZlibPool,
  withMessages = true,
): Promise<Difference | undefined> {
  const suited = suit(script, mode);
  const wrong = withMessages && playsMessages(suited) ? await messageDifference(suited, mode, pool) : undefined;
  if (wrong !== undefined) return wrong;
  const theirs: Transcript[] = [];
  let found: Difference | undefined;
  for (let i = 0; i < ATTEMPTS; i++) {
    const [stock, ours] = await Promise.all([
      play(suited, (options) => stockStream(codecOf(suited), options) as never),
      play(suited, (options) =>
        suited.direction === 'compress'
          ? pool.createCompress(suited.format as CompressFormat, options)
          : pool.createDecompress(suited.format, options),
      ),
    ]);
    theirs.push(stock);
    found = undefined;
    for (const one of theirs) {
      found = differ(suited, mode, ours, one) ?? notRestored(suited, mode, ours);
      if (found === undefined) return undefined;
    }
  }
  return found;
}

/** Whether output of a stream that has ended well does not decompress to its input. */
function notRestored(script: Script, mode: Mode, { bytes, bytesWritten, error, state }: Transcript) {
  const changes = script.plan.some(({ action }) => ['write', 'reset'].includes(action.do));
  if (script.direction === 'decompress' || error !== undefined || !state.readableEnded || changes) return undefined;
  const plain = restored(script, bytes);
  if (plain === undefined || plain.equals(inputOf(script).subarray(0, bytesWritten))) return undefined;
  return { mode: mode.name, what: 'decompressed output', script, ours: plain.length, theirs: bytesWritten };
}

/** Most scripts of encoders are played by streams alone: calls.ts has the other functions, and is cheaper. */
function playsMessages({ direction, maxOutputLength, payload }: Script): boolean {
  return direction === 'decompress' || maxOutputLength !== undefined || payload.length % 8 === 0;
}

async function messageDifference(script: Script, mode: Mode, pool: ZlibPool): Promise<Difference | undefined> {
  const wrong = script.direction === 'compress' ? leaseDifference(script, pool) : undefined;
  if (wrong !== undefined) return { mode: mode.name, script, ...wrong };
  for (const [way, { ours: a, theirs: b }] of Object.entries(await answersOf(script, pool))) {
    const [errorA, errorB] = [errorOf(script, a.error), errorOf(script, b.error)];
    const hasTwoFaults = mayHaveTwoFaults(script, script.maxOutputLength) && a.error && b.error;
    if (!hasTwoFaults && JSON.stringify(errorA) !== JSON.stringify(errorB)) {
      return { mode: mode.name, what: `error of ${way}()`, script, ours: errorA, theirs: errorB };
    }
    if (a.output !== undefined && !a.output.equals(b.output as Buffer)) {
      const [lengthA, lengthB] = [a.output.length, b.output?.length];
      return { mode: mode.name, what: `output of ${way}()`, script, ours: lengthA, theirs: lengthB };
    }
  }
  return undefined;
}

function isExact(script: Script, mode: Mode): boolean {
  if (script.direction === 'compress') return mode.exact !== 'never' && !hasDataAtAnotherTime(script);
  return mode.exact === 'always' || (mode.exact === 'with chunkSize' && script.options?.chunkSize !== undefined);
}

/**
 * Where output is cut elsewhere than in node:zlib, what is done at a length of output is done in the middle of something else,
 * and zlib notices elsewhere, or not at all, that data reaches back further than its window.
 */
function suit(script: Script, mode: Mode): Script {
  if (script.direction === 'compress') {
    if (isExact(script, mode)) return script;
    // The stream inside has chunks of its own. zlib repeats a flush that has filled a chunk.
    const { chunkSize: _chunkSize, ...options } = script.options ?? {};
    return {
      ...script,
      options: mode.pool.engine === 'public' ? script.options && options : script.options,
      plan: script.plan.filter(({ moment }) => moment.on !== 'output'),
    };
  }
  if (isExact(script, mode)) {
    return comesWhole(script)
      ? { ...script, plan: script.plan.filter(({ moment }) => moment.on !== 'output') }
      : script;
  }
  const { windowBits, ...options } = script.options ?? {};
  // On Node 26 some of it is found by the engine, some after it: from outside there is no telling which.
  if (mode.pool.engine === 'public') delete options.rejectGarbageAfterEnd;
  const endsFull = endsWithFullChunk(script, mode);
  return {
    ...script,
    ...(endsFull ? { fault: { kind: 'none' }, payload: { ...script.payload, second: 'none' } } : {}),
    options: script.options && options,
    plan: script.plan.filter(({ moment, action }) => moment.on !== 'output' && !(endsFull && action.do === 'write')),
  };
}

/**
 * Where zstd data ends with a full chunk, node:zlib goes on to what is behind it, and fails. So does
 * the native engine. A stream on the public engine has chunks of two lengths: of its own, and of the
 * stream inside.
 */
export function endsWithFullChunk(
  { direction, format, payload, options }: Subject & Pick<Script, 'payload' | 'options'>,
  mode: Mode,
): boolean {
  const chunkLengths = [Z_DEFAULT_CHUNK, (options?.chunkSize as number | undefined) ?? Z_DEFAULT_CHUNK];
  return (
    mode.pool.engine === 'public' &&
    direction === 'decompress' &&
    format === 'zstd' &&
    chunkLengths.some((length) => payload.length % length === 0)
  );
}

/**
 * Whether the data of a compressing stream may come at another time: all input since its start or its
 * last reset may come at once, its last write may have begun before end(), or a callback that a flush
 * in 'data' leaves for the next tick may come after it: there may be no tick between two pieces.
 */
function hasDataAtAnotherTime(script: Script): boolean {
  const isWhole = (script.chunks[0] as number) >= inputOf(script).length;
  const isCut = script.plan.some(({ action }) => action.do === 'end' || action.do === 'reset');
  const isFlushedInData = script.plan.some(({ moment, action }) => moment.on === 'output' && action.do === 'flush');
  return script.pace === 'a turn each' || isWhole || isCut || isFlushedInData;
}

/** In one chunk, so that it may be handed out in one piece. */
function comesWhole(script: Script): boolean {
  return (
    codecOf(script).byZlib &&
    script.options?.chunkSize === undefined &&
    (script.chunks[0] as number) >= inputOf(script).length
  );
}

function differ(script: Script, mode: Mode, ours: Transcript, theirs: Transcript): Difference | undefined {
  const exact = isExact(script, mode);
  const give = (what: string, a: unknown, b: unknown): Difference => ({
    mode: mode.name,
    what,
    script,
    ours: a,
    theirs: b,
  });
  const checks: Array<[what: string, of: (transcript: Transcript) => unknown]> = [
    ['error', ({ error }) => errorOf(script, error)],
    ['state', ({ state }) => stateOf(script, theirs, state)],
    ['sequence', ({ seen }) => sequence(script, exact, seen, theirs)],
  ];
  // What was cut short, by an error or by hand, was cut at the end of a write, and theirs are shorter.
  const cutShort = theirs.state.readableEnded !== true || !isAtEnd(script, theirs);
  if (exact || !cutShort) checks.push(['bytesWritten', ({ bytesWritten }) => bytesWritten]);
  for (const [what, of] of checks) {
    const [a, b] = [of(ours), of(theirs)];
    if (JSON.stringify(a) !== JSON.stringify(b))
      return give(what, [a, ours.seen.slice(-LAST)], [b, theirs.seen.slice(-LAST)]);
  }
  const same = isPrompt(script) && (exact || !cutShort);
  const [shorter, longer] = [ours.bytes, theirs.bytes].sort((a, b) => a.length - b.length) as [Buffer, Buffer];
  if (
    ((same || !cutShort) && shorter.length !== longer.length) ||
    !longer.subarray(0, shorter.length).equals(shorter)
  ) {
    return give('bytes', ours.bytes.length, theirs.bytes.length);
  }
  return undefined;
}

/** A reader that takes everything at once: when it sees data does not depend on how fast anything is. */
function isPrompt(script: Script): boolean {
  return script.reader === 'data';
}

/** Whether a reader that takes its time must have come to the end: not where data behind the end is bad. */
function isAtEnd(script: Script, { error }: Transcript): boolean {
  return isPrompt(script) || error === undefined;
}

/**
 * Whether a message may be both bad and above the limit. Which fault is reported depends on the
 * lengths of the writes.
 */
export function mayHaveTwoFaults(
  { direction, options }: Pick<Script, 'direction' | 'options'>,
  limit: unknown,
): boolean {
  return limit !== undefined && (direction === 'decompress' || options?.pledgedSrcSize !== undefined);
}

/** Which of several things is wrong with zstd data shows first depends on the buffers that the engine has, for this message or from one before. */
export function errorOf({ direction, format }: Subject, error: Transcript['error']): Transcript['error'] {
  if (direction === 'compress' || format !== 'zstd' || !String(error?.code).startsWith('ZSTD_error')) return error;
  return { name: 'Error', code: 'ZSTD_error', errno: 0, message: '' };
}

function stateOf(script: Script, theirs: Transcript, state: Transcript['state']): Transcript['state'] {
  const { left, readableEnded, readableAborted, errored, ...rest } = state;
  return {
    ...rest,
    ...(script.format !== 'zstd' || script.direction === 'compress' ? { errored } : {}),
    ...(isAtEnd(script, theirs) ? { readableEnded, readableAborted } : {}),
    ...(isGood(script) ? { left } : {}),
  };
}

/** docs/compatibility.md */
const namedDifferences = new Map([['reset threw ERR_INTERNAL_ASSERTION', 'reset threw ERR_LEASE_SEALED']]);

/** What is seen of a stream, without what depends on time: one or more lists, each in order. */
function sequence(script: Script, exact: boolean, all: string[], theirs: Transcript): unknown {
  const seen = all.map((what) => namedDifferences.get(what) ?? what);
  const data = exact ? [] : ['data'];
  // Whether a buffer was full when it was written to.
  const drain = script.pace === 'a turn each' ? ['drain'] : [];
  if (isPrompt(script)) return answered(script, without(seen, ...data, ...drain));
  // When a slow reader gets to the end has nothing to do with when its writer does.
  const events = without(seen, 'data', 'drain', 'end');
  return [
    answered(script, events).filter((what) => !isEvent(what)),
    events.filter(isEvent),
    isAtEnd(script, theirs) && seen.includes('end'),
  ];
}

/**
 * A write that destroy() cuts short calls back, in node:zlib only where its data turns out good, in the threadpool, by
 * then. Ours was not inflated at all, and calls back. So with bad data, callbacks after the end are not compared.
 */
function answered(script: Script, seen: string[]): string[] {
  if (isGood(script)) return seen;
  if (script.options?.emitClose === false) return seen.filter(isEvent);
  const end = seen.findIndex((what) => what === 'error' || what === 'close');
  if (end === -1) return seen;
  return seen.filter((what, at) => at < end || isEvent(what));
}

function isEvent(what: string): boolean {
  return (eventNames as readonly string[]).includes(what);
}

function without(seen: string[], ...names: string[]): string[] {
  return seen.filter((what) => !names.includes(what));
}

/**
 * Random calls of the one-shot functions, on node:zlib and on a pool beside each other. Each batch
 * has some inputs and some options, and plays most pairs of the two: to make an input costs more
 * than to decompress it. A call that compresses has options of its own.
 */
import { setImmediate as nextTurn } from 'node:timers/promises';
import zlib, { constants } from 'node:zlib';
import fc from 'fast-check';
import type { ZlibPool } from '../../lib/index.ts';
import { type Difference, endsWithFullChunk, errorOf, failureOf, type Mode, mayHaveTwoFaults } from './compare.ts';
import { encoding } from './compress.ts';
import { forSync } from './messages.ts';
import { codecOf, type Direction, dictionaries, inputOf, isNode20, type Script, script, seldom } from './script.ts';

/** Arguments of a call, apart from the data. */
export interface Arguments {
  as: keyof typeof views;
  /** Options of node:zlib. Undefined: the call has none. */
  options: Record<string, unknown> | undefined;
  dictionary: Script['dictionary'];
}

export interface Call extends Arguments {
  direction: Direction;
  format: Script['format'];
  payload: Script['payload'];
  fault: Script['fault'];
}

/** Calls that a batch plays with each of its inputs. */
const ROUNDS = 16;

/** Longest data that is played in each round, in bytes. */
const LONG = 30_000;

const views = {
  Buffer: (data: Buffer): unknown => data,
  Uint8Array: (data: Buffer): unknown => new Uint8Array(data),
  DataView: (data: Buffer): unknown => new DataView(new Uint8Array(data).buffer),
  ArrayBuffer: (data: Buffer): unknown => new Uint8Array(data).buffer,
  SharedArrayBuffer: (data: Buffer): unknown => {
    const shared = new SharedArrayBuffer(data.length);
    new Uint8Array(shared).set(data);
    return shared;
  },
  Uint16Array: (data: Buffer): unknown => new Uint16Array(new Uint8Array(data.subarray(0, data.length & ~1)).buffer),
  string: (data: Buffer): unknown => data.toString('latin1', 0, 100),
};

const flushes = { flush: fc.integer({ min: 0, max: 6 }), finishFlush: fc.integer({ min: 0, max: 6 }) };
const common = {
  chunkSize: fc.constantFrom(64, 1_000, 16_384, 65_536, 300_000, 63),
  info: fc.boolean(),
  highWaterMark: fc.constantFrom(0, 1, 100_000),
};

/** Options with values that most calls don't have. */
const options = fc.option(
  seldom(
    {
      ...flushes,
      ...common,
      windowBits: fc.constantFrom(0, 8, 9, 12, 15, 16),
      level: fc.constantFrom(-1, 3, 10),
      memLevel: fc.constantFrom(1, 9, 10),
      strategy: fc.constantFrom(0, 4, 5),
      params: fc.constantFrom({}, { 0: 1 }, { [constants.BROTLI_DECODER_PARAM_LARGE_WINDOW]: 1 }),
      maxOutputLength: fc.oneof(
        fc.integer({ min: 0, max: 70_000 }),
        fc.constantFrom(1, 16_383, 16_384, 65_536, 2 ** 31, 0.5),
      ),
      // Node 20 does not know it, and ours does.
      ...(isNode20 ? {} : { rejectGarbageAfterEnd: fc.boolean() }),
    },
    5,
  ),
  { nil: undefined },
);

const optionsToCompress = fc.oneof(
  fc.constant({}),
  seldom(
    { ...flushes, ...common, maxOutputLength: fc.oneof(fc.nat(3_000), fc.constantFrom(1, 16_384, 2 ** 31, 0.5)) },
    7,
  ),
);

const as = fc.oneof(fc.constant('Buffer'), fc.constantFrom(...Object.keys(views))) as fc.Arbitrary<Arguments['as']>;

const given: fc.Arbitrary<Arguments> = fc.record({
  as,
  options,
  dictionary: fc.constantFrom('none', 'none', 'none', 'right', 'wrong'),
});

const callToCompress: fc.Arbitrary<Call> = fc
  .record({ as, encoding, options: optionsToCompress })
  .map(({ as, encoding, options }) => {
    const all = { ...encoding.options, ...options };
    const isEmpty = Object.values(all).every((value) => value === undefined);
    return { ...encoding, as, options: isEmpty ? undefined : all, direction: 'compress', fault: { kind: 'none' } };
  });

/** Returns the rounds of a batch. The calls of a round are made at the same time. */
export function callsOf(direction: Direction, seed: number, together: number, rounds = ROUNDS): Call[][] {
  if (direction === 'compress') {
    const calls = fc.sample(callToCompress, { numRuns: together * rounds, seed });
    return Array.from({ length: rounds }, (_, round) => calls.slice(round * together, (round + 1) * together));
  }
  const inputs = fc.sample(script, { numRuns: together, seed });
  const all = fc.sample(given, { numRuns: together, seed });
  return Array.from({ length: rounds }, (_, round) =>
    inputs.flatMap(({ format, payload, fault }, i) =>
      round > 0 && payload.length > LONG
        ? []
        : [{ ...(all[(i + round) % all.length] as Arguments), direction, format, payload: sensible(payload), fault }],
    ),
  );
}

/** Bad data may reach back further than the window that its header declares, which node:zlib reads. */
function sensible(payload: Script['payload']): Script['payload'] {
  return { ...payload, windowBits: 15 };
}

type Answer = { output?: Buffer; engine?: string; error?: ReturnType<typeof failureOf> };
type Functions = Record<string, (...args: unknown[]) => unknown>;

/** Plays calls at the same time. Returns the first difference. */
export async function callDifference(all: Call[], mode: Mode, pool: ZlibPool): Promise<Difference | undefined> {
  const calls = all.map((call) => suited(call, mode));
  const pooled = pool as unknown as Functions;
  const stock = zlib as unknown as Functions;
  const order: number[] = [];
  const counts = calls.map(() => 0);
  const isOnPool = calls.map(() => true);
  const pairs = await Promise.all(
    calls.map(async (call, i) => {
      const data = views[call.as](inputOf(call));
      const args = argumentsOf(call, mode);
      let isWithin = true;
      const [theirs, ours] = [
        answerOf(stock, call, data, args),
        answerOf(pooled, call, data, args, () => {
          if (isWithin) throw new Error('Called back during the call');
          order.push(i);
          (counts[i] as number) += 1;
        }),
      ];
      isWithin = false;
      return { theirs: await theirs, ours: await ours, data, args };
    }),
  );
  for (const [i, { theirs, ours, data, args }] of pairs.entries()) {
    const call = calls[i] as Call;
    const { once, sync } = codecOf(call).names;
    const found =
      differ(call, mode, once, ours, theirs) ??
      differ(call, mode, sync, answerNow(pooled, call, data, args), answerNow(stock, call, data, args));
    if (found !== undefined) return found;
    isOnPool[i] = isFollowed(args[0]);
  }
  await nextTurn();
  const again = counts.findIndex((count, i) => count !== (pairs[i]?.ours.error?.isThrown ? 0 : 1));
  if (again !== -1) return give(calls[again] as Call, mode, 'callbacks', counts[again], 1);
  // Small messages never leave the main thread in this mode. The pool calls back in the order of the
  // calls. It compresses there only what is short.
  const own = order.filter((i) => isOnPool[i] && isSmall(calls[i] as Call));
  const isInOrder = mode.exact === 'always' && calls[0]?.direction === 'decompress';
  const late = isInOrder ? own.findIndex((i, at) => at > 0 && i < (own[at - 1] as number)) : -1;
  return late === -1 ? undefined : give(calls[own[late] as number] as Call, mode, 'order of callbacks', own, []);
}

/** Whether a message is small by its length, and by any length hint. */
function isSmall({ payload, fault, as }: Call): boolean {
  const isGood = fault.kind === 'none' && payload.second === 'none' && payload.kind !== 'not compressed';
  return isGood && payload.length < 1_400 && as !== 'string' && as !== 'Uint16Array';
}

/** Takes out the cases in which the public engine is known to differ. */
function suited(call: Call, mode: Mode): Call {
  return endsWithFullChunk(call, mode)
    ? { ...call, fault: { kind: 'none' }, payload: { ...call.payload, second: 'none' } }
    : call;
}

/** Whether the pool answers a call, and node:zlib's own function does not. */
function isFollowed(options: Record<string, unknown> | undefined): boolean {
  const { info, flush = 0, finishFlush = 0, highWaterMark, maxOutputLength = 0 } = options ?? {};
  const isPlain = !info && highWaterMark === undefined && Number.isInteger(maxOutputLength);
  return isPlain && flush === 0 && Number(finishFlush) <= constants.Z_FINISH;
}

/**
 * Options that are not played on the public engine. Its output is cut at other places, where zlib
 * looks for data that reaches back too far. On Node 26 the engine finds some of the garbage itself.
 * The output of some encoders depends on the cuts.
 */
const NOT_PUBLIC = {
  decompress: new Set(['windowBits', 'rejectGarbageAfterEnd']),
  compress: new Set(['chunkSize']),
};

function argumentsOf({ direction, options, dictionary }: Call, { pool: { engine } }: Mode): [Record<string, unknown>?] {
  if (options === undefined && dictionary === 'none') return [];
  const all: Record<string, unknown> = {};
  for (const [name, value] of Object.entries(options ?? {})) {
    if (value === undefined) continue;
    if (engine !== 'public' || !NOT_PUBLIC[direction].has(name)) all[name] = value;
  }
  if (dictionary !== 'none') all.dictionary = dictionaries[dictionary];
  return [all];
}

function answerOf(
  functions: Functions,
  call: Call,
  data: unknown,
  args: unknown[],
  note?: () => void,
): Promise<Answer> {
  return new Promise((resolve) => {
    const done = (error: Error | null, output: unknown): void => {
      note?.();
      resolve(error === null ? told(output) : { error: failureOf(error) });
    };
    try {
      functions[codecOf(call).names.once]?.(data, ...args, done);
    } catch (error) {
      resolve({ error: { ...failureOf(error), isThrown: true } });
    }
  });
}

function answerNow(functions: Functions, call: Call, data: unknown, [options]: [Record<string, unknown>?]): Answer {
  try {
    return told(functions[codecOf(call).names.sync]?.(data, options && forSync(options)));
  } catch (error) {
    return { error: failureOf(error) };
  }
}

function told(output: unknown): Answer {
  if (Buffer.isBuffer(output)) return { output };
  const { buffer, engine } = output as { buffer: Buffer; engine: object };
  return { output: buffer, engine: engine.constructor.name };
}

function differ(call: Call, mode: Mode, name: string, ours: Answer, theirs: Answer): Difference | undefined {
  const hasTwoFaults = mayHaveTwoFaults(call, call.options?.maxOutputLength) && ours.error && theirs.error;
  const [a, b] = [ours, theirs].map(({ error, engine }) => JSON.stringify([errorOf(call, error), engine]));
  if (!hasTwoFaults && a !== b) return give(call, mode, `answer of ${name}()`, a, b);
  if (ours.output !== undefined && !ours.output.equals(theirs.output as Buffer)) {
    return give(call, mode, `output of ${name}()`, ours.output.length, theirs.output?.length);
  }
  return undefined;
}

function give(call: Call, mode: Mode, what: string, ours: unknown, theirs: unknown): Difference {
  return { mode: mode.name, what, script: call, ours, theirs };
}

/** Options of a pool: bounds, defaults, and errors that name the option. */
import { constants } from 'node:buffer';
import { expect } from 'chai';
import type { ZlibPoolOptions } from '../../lib/index.ts';
import { limits, outputLimit, overLimit, poolSettings } from '../../lib/pool/options.ts';

const most = 2 ** 31 - 1;
const { MAX_SAFE_INTEGER } = Number;
const unlimited = Number.POSITIVE_INFINITY;

/** The least and the most of each option, and what is under and over them. */
const bounds: Record<string, readonly [least: number, most: number, wrong: readonly number[]]> = {
  maxLeased: [1, unlimited, [0, -1, 1.5, Number.NaN]],
  maxWaiting: [0, unlimited, [-1, 0.5]],
  leaseTimeoutMs: [0, most, [-1, 0.5, most + 1, unlimited]],
  maxIdle: [0, unlimited, [-1, 1.5]],
  maxIdleLength: [0, unlimited, [-1, 0.5, Number.NaN]],
  idleTimeoutMs: [0, most, [-1, 0.5, most + 1, unlimited]],
  maxOutputLength: [1, unlimited, [0, -1, 1.5]],
  maxRatio: [1, unlimited, [0.999, 0, -1, Number.NaN]],
  ratioFloorLength: [0, MAX_SAFE_INTEGER, [-1, 0.5, unlimited]],
  'inline.inputLength': [0, MAX_SAFE_INTEGER, [-1, 0.5, unlimited]],
  'inline.outputLength': [0, constants.MAX_LENGTH, [-1, 0.5, constants.MAX_LENGTH + 1, unlimited]],
  'inline.turnLength': [0, MAX_SAFE_INTEGER, [-1, 0.5, unlimited]],
};

function optionsOf(name: string, value: unknown): ZlibPoolOptions {
  const [first = '', second] = name.split('.');
  return { [first]: second === undefined ? value : { [second]: value } };
}

function settingOf(settings: object, name: string): unknown {
  return name.split('.').reduce((of: unknown, key) => (of as Record<string, unknown>)[key], settings);
}

function errorOf(act: () => unknown): NodeJS.ErrnoException {
  try {
    act();
  } catch (error) {
    return error as NodeJS.ErrnoException;
  }
  throw new Error('It throws nothing');
}

describe('The options of a pool', () => {
  for (const [name, [least, largest, wrong]] of Object.entries(bounds)) {
    it(`take ${name} from ${least} to ${largest}`, () => {
      for (const value of [least, largest]) {
        expect(settingOf(poolSettings(optionsOf(name, value)), name)).to.equal(value);
      }
      for (const value of wrong) {
        const error = errorOf(() => poolSettings(optionsOf(name, value)));
        expect(error).to.have.property('code', 'ERR_OUT_OF_RANGE');
        expect(error.message).to.include(`options.${name} must be`).and.include(`Received ${value}`);
      }
      for (const value of ['5', null, 5n, [5]]) {
        const error = errorOf(() => poolSettings(optionsOf(name, value)));
        expect(error).to.have.property('code', 'ERR_INVALID_ARG_TYPE');
        expect(error.message).to.include(`options.${name} must be a number. Received`);
      }
    });
  }

  it('say what the bounds are', () => {
    const messages = [
      { maxIdle: 0.5 },
      { leaseTimeoutMs: -1 },
      { maxLeased: 0 },
      { maxRatio: 0.5 },
      { engine: 'fast' },
      { leakDetection: 'some' },
      { maxIdel: 1 },
      { inline: { length: 1 } },
      { inline: 7 },
    ].map((options) => errorOf(() => poolSettings(options as never)).message);
    expect(messages).to.deep.equal([
      'options.maxIdle must be a whole number from 0 to Infinity. Received 0.5',
      'options.leaseTimeoutMs must be a whole number from 0 to 2147483647. Received -1',
      'options.maxLeased must be at least 1. Received 0',
      'options.maxRatio must be at least 1. Received 0.5',
      'options.engine must be one of auto, native, public. Received fast',
      'options.leakDetection must be one of off, sampled, all. Received some',
      'options has no maxIdel',
      'options.inline has no length',
      'options.inline must be an object. Received 7',
    ]);
    expect(errorOf(() => poolSettings(null as never)).message).to.equal('options must be an object. Received null');
  });

  it('have defaults', () => {
    for (const options of [undefined, {}, { maxIdle: undefined, inline: undefined }, { inline: {} }]) {
      expect(poolSettings(options)).to.deep.equal({
        maxLeased: unlimited,
        maxWaiting: unlimited,
        leaseTimeoutMs: 30_000,
        maxIdle: 256,
        maxIdleLength: 33_554_432,
        idleTimeoutMs: 30_000,
        maxOutputLength: unlimited,
        maxRatio: unlimited,
        ratioFloorLength: 1_048_576,
        leakDetection: 'off',
        inline: { inputLength: 16_384, outputLength: 65_536, turnLength: 131_072 },
        engine: 'auto',
      });
    }
  });

  it('take each engine, and each kind of leak detection', () => {
    for (const engine of ['auto', 'native', 'public'] as const)
      expect(poolSettings({ engine }).engine).to.equal(engine);
    for (const leakDetection of ['off', 'sampled', 'all'] as const) {
      expect(poolSettings({ leakDetection }).leakDetection).to.equal(leakDetection);
    }
  });
});

describe('The limits of a message', () => {
  const standard = { maxOutputLength: 1_000, maxRatio: unlimited, ratioFloorLength: 0 };

  it('are those of its pool where it has none of its own', () => {
    expect(limits({}, standard)).to.deep.equal(standard);
    expect(limits({ maxRatio: 3, ratioFloorLength: 10 }, standard)).to.deep.equal({
      maxOutputLength: 1_000,
      maxRatio: 3,
      ratioFloorLength: 10,
    });
    expect(errorOf(() => limits({ ratioFloorLength: -1 }, standard)).message).to.include('options.ratioFloorLength');
    expect(errorOf(() => limits({ maxOutputLength: 0 }, standard)).message).to.include('options.maxOutputLength');
  });

  it('allow as much output as the smaller of the length and the ratio, and the floor in any case', () => {
    const ratio = { maxOutputLength: 1_000, maxRatio: 2.5, ratioFloorLength: 100 };
    for (const [inputLength, length] of [
      [0, 100],
      [40, 100],
      [41, 102],
      [400, 1_000],
      [500, 1_000],
    ] as const) {
      expect(outputLimit(ratio, inputLength)).to.equal(length);
      expect(overLimit(ratio, inputLength, length)).to.equal(undefined);
      expect(overLimit(ratio, inputLength, length + 1)).to.have.property(
        'code',
        length < 1_000 ? 'ERR_RATIO_TOO_HIGH' : 'ERR_BUFFER_TOO_LARGE',
      );
    }
    expect(outputLimit({ ...ratio, maxRatio: unlimited }, 0)).to.equal(1_000);
    expect(overLimit(ratio, 41, 103)?.message).to.equal('The data expands by more than 2.5 times');
    expect(overLimit(ratio, 999, 1_001)).to.include({
      message: 'Cannot create a Buffer larger than 1000 bytes',
      statusCode: 413,
    });
  });
});

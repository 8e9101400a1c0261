/** The one decision of where a step runs, as a table. */
import { expect } from 'chai';
import { place } from '../support/library.ts';

const limits = { inputLength: 16_384, outputLength: 65_536, turnLength: 131_072 };
const TRIP = 12_288;
const idle = { workLength: 0, isIdle: true };
const busy = { workLength: 0, isIdle: false };
const almostUsedUp = { workLength: 131_071, isIdle: false };
const usedUp = { workLength: 131_072, isIdle: false };
const usedUpAlone = { workLength: 131_072, isIdle: true };

describe('The place of a step', () => {
  const cases: ReadonlyArray<readonly [what: string, args: Parameters<typeof place>, where: ReturnType<typeof place>]> =
    [
      ['a short input of unknown output', [300, -1, 1_200, TRIP, 0, limits, busy], 'main'],
      ['an empty input', [0, -1, 0, TRIP, 0, limits, busy], 'main'],
      ['the longest work beside other work', [300, 12_288, 12_288, TRIP, 0, limits, busy], 'main'],
      ['longer work beside other work', [300, 12_289, 12_289, TRIP, 0, limits, busy], 'threadpool'],
      [
        'longer work beside other work with a higher limit',
        [300, 12_289, 12_289, TRIP, 0, { ...limits, outputLength: 70_000 }, busy],
        'main',
      ],
      [
        'the longest work with a lower limit',
        [300, 1_000, 12_288, TRIP, 0, { ...limits, outputLength: 1_000 }, busy],
        'main',
      ],
      ['longer work alone', [300, 12_289, 12_289, TRIP, 0, limits, idle], 'main'],
      ['the longest input', [16_384, -1, 65_536, TRIP, 0, limits, idle], 'main'],
      ['an input that is a byte longer', [16_385, -1, 65_540, TRIP, 0, limits, idle], 'threadpool'],
      ['the longest expected output', [300, 65_536, 65_536, TRIP, 0, limits, idle], 'main'],
      ['an expected output that is a byte longer', [300, 65_537, 65_537, TRIP, 0, limits, idle], 'threadpool'],
      ['the rest of an output that fills the budget', [300, 1_000, 1_000, TRIP, 64_536, limits, busy], 'main'],
      ['the rest of an output that does not fit', [300, 1_001, 1_001, TRIP, 64_536, limits, busy], 'threadpool'],
      ['a trailer behind a full budget', [8, 0, 0, TRIP, 65_536, limits, busy], 'main'],
      ['an unknown rest behind a full budget', [8, -1, 32, TRIP, 65_536, limits, busy], 'threadpool'],
      ['a turn with a byte left', [300, -1, 1_200, TRIP, 0, limits, almostUsedUp], 'main'],
      ['short work in a turn that is used up', [9_000, 12_288, 12_288, TRIP, 0, limits, usedUp], 'turn'],
      ['longer work in a turn that is used up', [300, 12_289, 12_289, TRIP, 0, limits, usedUp], 'threadpool'],
      ['longer work that is alone', [2_049, -1, 16_000, TRIP, 0, limits, usedUpAlone], 'turn'],
      ['the longest work that is alone', [16_384, -1, 131_072, TRIP, 0, limits, idle], 'main'],
      ['work that is alone and longer than a turn', [16_384, -1, 131_073, TRIP, 0, limits, idle], 'threadpool'],
      [
        'work that is alone, as long as its output may be',
        [300, -1, 131_073, TRIP, 0, { ...limits, outputLength: 131_073 }, idle],
        'main',
      ],
      ['work as long as a longer trip', [3_072, -1, 18_432, 18_432, 0, limits, busy], 'main'],
      ['work that is longer than a longer trip', [3_072, -1, 18_433, 18_432, 0, limits, busy], 'threadpool'],
      ['stored data in a turn that is used up', [9_000, 9_000, 0, TRIP, 0, limits, usedUp], 'turn'],
      ['stored data beside other work', [9_000, 9_000, 0, TRIP, 0, limits, busy], 'main'],
      ['an inputLength of 0', [0, -1, 0, TRIP, 0, { ...limits, inputLength: 0 }, idle], 'threadpool'],
      ['an outputLength of 0', [300, -1, 1_200, TRIP, 0, { ...limits, outputLength: 0 }, idle], 'threadpool'],
      ['a turnLength of 0', [300, -1, 1_200, TRIP, 0, { ...limits, turnLength: 0 }, idle], 'threadpool'],
    ];
  for (const [what, args, where] of cases) {
    it(`is ${where} for ${what}`, () => {
      expect(place(...args)).to.equal(where);
    });
  }
});

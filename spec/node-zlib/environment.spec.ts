/** The environment variables, and their documentation. */
import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import {
  isOneShotOn,
  isReportWanted,
  poolOptionsOf,
  registered,
  unknownVariables,
  variableNames,
} from '../../lib/node-zlib/environment.ts';
import { poolSettings } from '../../lib/pool/options.ts';

describe('The environment', () => {
  it('sets every option of the default pool that a pool has', () => {
    const options = poolOptionsOf({
      ZLEASE_MAX_LEASED: '4',
      ZLEASE_MAX_WAITING: '5',
      ZLEASE_LEASE_TIMEOUT_MS: '6',
      ZLEASE_MAX_IDLE: '7',
      ZLEASE_MAX_IDLE_LENGTH: '10',
      ZLEASE_IDLE_TIMEOUT_MS: '0',
      ZLEASE_MAX_OUTPUT_LENGTH: 'Infinity',
      ZLEASE_MAX_RATIO: '8',
      ZLEASE_RATIO_FLOOR_LENGTH: '9',
      ZLEASE_LEAK_DETECTION: 'all',
      ZLEASE_INLINE_INPUT_LENGTH: '1',
      ZLEASE_INLINE_OUTPUT_LENGTH: '2',
      ZLEASE_INLINE_TURN_LENGTH: '3',
      ZLEASE_ENGINE: 'public',
    });
    expect(options).to.deep.equal({
      maxLeased: 4,
      maxWaiting: 5,
      leaseTimeoutMs: 6,
      maxIdle: 7,
      maxIdleLength: 10,
      idleTimeoutMs: 0,
      maxOutputLength: Number.POSITIVE_INFINITY,
      maxRatio: 8,
      ratioFloorLength: 9,
      leakDetection: 'all',
      inline: { inputLength: 1, outputLength: 2, turnLength: 3 },
      engine: 'public',
    });
    expect(poolSettings(options)).to.deep.equal(options);
    expect(Object.keys(options).sort()).to.deep.equal(Object.keys(poolSettings()).sort());
  });

  it('sets nothing by what is empty, missing or not ours', () => {
    expect(poolOptionsOf({ ZLEASE_MAX_IDLE: '', ZLEASE_ENGINE: '', ZLEASE_FOO: '1', PATH: '/' })).to.deep.equal({});
    expect(poolOptionsOf({ ZLEASE_INLINE_TURN_LENGTH: '9' })).to.deep.equal({ inline: { turnLength: 9 } });
  });

  it('refuses what is no number, in the name of the variable', () => {
    for (const text of ['many', '-1', '1.5', '1e3', ' ', 'NaN', '0x10']) {
      expect(() => poolOptionsOf({ ZLEASE_MAX_IDLE: text }))
        .to.throw(`ZLEASE_MAX_IDLE must be a whole number or Infinity. Received ${text}`)
        .with.property('code', 'ERR_INVALID_ARG_VALUE');
    }
  });

  it('switches zlease/register', () => {
    for (const ZLEASE of [undefined, '', 'on']) {
      expect(registered({ ZLEASE })).to.deep.equal({ decompress: true, compress: true });
    }
    expect(registered({ ZLEASE: 'decompress' })).to.deep.equal({ decompress: true, compress: false });
    expect(registered({ ZLEASE: 'off' })).to.deep.equal({ decompress: false, compress: false });
    expect(() => registered({ ZLEASE: 'no' }))
      .to.throw('ZLEASE must be on, decompress or off')
      .with.property('code', 'ERR_INVALID_ARG_VALUE');
  });

  it('leaves the one-shot functions alone, and has a report printed', () => {
    expect([undefined, '', 'on', 'off'].map((value) => isOneShotOn({ ZLEASE_ONE_SHOT: value }))).to.deep.equal([
      true,
      true,
      true,
      false,
    ]);
    expect([undefined, '', '0', '1'].map((value) => isReportWanted({ ZLEASE_REPORT: value }))).to.deep.equal([
      false,
      false,
      false,
      true,
    ]);
    expect(() => isOneShotOn({ ZLEASE_ONE_SHOT: '1' })).to.throw('ZLEASE_ONE_SHOT must be on or off');
    expect(() => isReportWanted({ ZLEASE_REPORT: 'yes' })).to.throw('ZLEASE_REPORT must be 1 or 0');
  });

  it('knows the variables that are not its own', () => {
    expect(unknownVariables({ ZLEASE_MAX_IDEL: '1', ZLEASE_MAX_IDLE: '1', ZLEASE: 'on', PATH: '/' })).to.deep.equal([
      'ZLEASE_MAX_IDEL',
    ]);
  });

  it('has each of its variables in the docs', async () => {
    const text = await readFile(new URL('../../docs/tuning.md', import.meta.url), 'utf8');
    for (const name of variableNames) expect(text).to.include(`| \`${name}\``);
  });
});

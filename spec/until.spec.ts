/** Waiting in specs: as long as the test may take, and a timeout that says for what. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import Mocha from 'mocha';
import { until } from './support/until.ts';

/** What a run of mocha with this one test says of its failure. */
async function failureOf(test: () => Promise<void>): Promise<string> {
  const mocha = new Mocha({ timeout: 20, reporter: class {} as never });
  mocha.suite.addTest(new Mocha.Test('a test', test));
  let message = 'It passed';
  await new Promise<void>((resolve) => {
    mocha
      .run(() => resolve())
      .on('fail', (_test, error) => {
        message = error.message;
      });
  });
  return message;
}

describe('until()', () => {
  it('resolves when the condition is true, at once if it is already', async () => {
    let looks = 0;
    await until(() => {
      looks += 1;
      return true;
    });
    expect(looks).to.equal(1);
    await until(() => ++looks === 50);
    expect(looks).to.equal(50);
  });

  it('calls what is to be done between two looks', async () => {
    const calls: string[] = [];
    await until(
      () => calls.push('look') > 4,
      () => void calls.push('between'),
    );
    expect(calls).to.deep.equal(['look', 'between', 'look', 'between', 'look']);
  });

  it('fails with its test, whose error names the condition, and looks no more', async () => {
    let looks = 0;
    let reason: unknown;
    const neverTrue = (): boolean => {
      looks += 1;
      return false;
    };
    const message = await failureOf(() =>
      until(() => neverTrue()).catch((error) => {
        reason = error;
        throw error;
      }),
    );
    expect(message).to.match(/^Timeout of 20ms exceeded.* It waited until .*neverTrue\(\)\.$/);
    await until(() => reason !== undefined);
    expect(String(reason)).to.match(/The test has ended\. .*neverTrue/);
    const before = looks;
    await delay(20);
    expect(looks).to.equal(before);
  });

  it('fails with what the condition throws', async () => {
    const error = await until(() => {
      throw new Error('of the condition');
    }).catch((reason) => reason);
    expect(error).to.have.property('message', 'of the condition');
  });
});

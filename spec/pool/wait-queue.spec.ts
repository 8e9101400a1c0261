/** The queue of those who wait for an engine. */
import { setTimeout as delay } from 'node:timers/promises';
import { expect } from 'chai';
import { WaitQueue } from '../../lib/pool/wait-queue.ts';
import { withClock } from '../support/clock.ts';
import { uncaughtDuring } from '../support/uncaught.ts';

const late = (waitedMs: number) => Object.assign(new Error('late'), { waitedMs });

/** A waiter that notes what it is told. */
function waiter(name: string, told: string[]) {
  return {
    admit: () => void told.push(`${name} in`),
    refuse: ({ message }: Error) => void told.push(`${name} ${message}`),
  };
}

describe('WaitQueue', () => {
  it('lets in who came first', () => {
    const told: string[] = [];
    const queue = new WaitQueue(0, late);
    for (const name of ['a', 'b', 'c']) queue.join(waiter(name, told));
    expect(queue.length).to.equal(3);
    for (let i = 0; i < 5; i++) queue.admit();
    expect(told).to.deep.equal(['a in', 'b in', 'c in']);
    expect(queue.length).to.equal(0);
  });

  it('forgets who leaves, at whatever place, and lets nobody leave twice', () => {
    const told: string[] = [];
    const queue = new WaitQueue(0, late);
    const leave = ['a', 'b', 'c', 'd'].map((name) => queue.join(waiter(name, told)));
    for (const i of [1, 1, 3, 0]) leave[i]?.();
    expect(queue.length).to.equal(1);
    queue.admit();
    leave[2]?.();
    queue.refuseAll(new Error('x'));
    expect(told).to.deep.equal(['c in']);
  });

  it('refuses all with the same error, also those who come back while it does', () => {
    const told: string[] = [];
    const queue = new WaitQueue(0, late);
    queue.join({
      admit: () => {},
      refuse: (error) => {
        waiter('a', told).refuse(error);
        queue.join(waiter('a again', told));
      },
    });
    queue.join(waiter('b', told));
    queue.refuseAll(new Error('closed'));
    expect(told).to.deep.equal(['a closed', 'b closed']);
    expect(queue.length).to.equal(1);
  });

  it('refuses each when its time is up, not before, and in order', () => {
    withClock((clock) => {
      const told: Array<[name: string, waitedMs: number]> = [];
      const queue = new WaitQueue(40, late);
      const join = (name: string) =>
        queue.join({
          admit: () => {},
          refuse: (error) => void told.push([name, (error as ReturnType<typeof late>).waitedMs]),
        });
      join('a');
      const leaveB = join('b');
      clock.pass(20);
      join('c');
      leaveB();
      clock.pass(19);
      expect(told).to.deep.equal([]);
      clock.pass(1);
      expect(told).to.deep.equal([['a', 40]]);
      clock.pass(19);
      expect(told).to.have.length(1);
      clock.pass(1);
      expect(told.slice(1)).to.deep.equal([['c', 40]]);
      expect(queue.length).to.equal(0);
    });
  });

  it('goes on after a request that throws, admitted or refused, whose error is not lost', async () => {
    const told: string[] = [];
    const queue = new WaitQueue(0, late);
    const errors = await uncaughtDuring(async () => {
      for (const name of ['a', 'b']) {
        const throws = () => {
          throw new Error(name);
        };
        queue.join({ admit: throws, refuse: throws });
        queue.join(waiter(name, told));
      }
      for (let i = 0; i < 2; i++) queue.admit();
      queue.refuseAll(new Error('closed'));
      expect(queue.length).to.equal(0);
      await delay(0);
    });
    expect(told).to.deep.equal(['a in', 'b closed']);
    expect(errors).to.deep.equal(['Error: a', 'Error: b']);
  });

  it('times who joins out of a refusal', () => {
    withClock((clock) => {
      const told: string[] = [];
      const queue = new WaitQueue(10, late);
      queue.join({ admit: () => {}, refuse: () => void queue.join(waiter('again', told)) });
      queue.join(waiter('b', told));
      clock.pass(10);
      expect(told).to.deep.equal(['b late']);
      clock.pass(10);
      expect(told).to.deep.equal(['b late', 'again late']);
    });
  });

  it('times nobody with a timeout of 0, and keeps no timer once nobody waits', async () => {
    const timers = () => process.getActiveResourcesInfo().filter((name) => name === 'Timeout').length;
    const before = timers();
    const forever = new WaitQueue(0, late);
    const told: string[] = [];
    forever.join(waiter('a', told));
    expect(timers()).to.equal(before);
    const timed = new WaitQueue(10_000, late);
    const leave = timed.join(waiter('b', told));
    timed.join(waiter('c', told));
    expect(timers()).to.equal(before + 1);
    leave();
    timed.admit();
    expect(timers()).to.equal(before);
    await delay(5);
    expect(told).to.deep.equal(['c in']);
  });

  it('says how long one waited', () => {
    withClock((clock) => {
      const queue = new WaitQueue(0, late);
      let waited = 0;
      queue.join({
        admit(waitedMs) {
          waited = waitedMs;
        },
        refuse: () => {},
      });
      clock.pass(15);
      queue.admit();
      expect(waited).to.equal(15);
    });
  });
});

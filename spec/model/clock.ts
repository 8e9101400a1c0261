/**
 * Time as a run sees it: stands still until a command lets some pass, so that no load of the machine makes a waiter late. It takes
 * the place of the library's own `clock`; ticks, immediates and threads are real.
 */
import { clock } from '../support/library.ts';

interface Timer {
  at: number;
  task: () => void;
}

const real = { ...clock };

export class Clock {
  #now = 1_000;
  readonly #timers = new Set<Timer>();

  get now(): number {
    return this.#now;
  }

  /** From here on to `restore()`. Timers belong to one clock: what is left of a run can't reach the next. */
  replace(): void {
    const set = (task: () => void, delayMs = 1): Timer & { unref(): unknown; ref(): unknown } => {
      // Node's timers take whole milliseconds, at least one.
      const timer = { at: this.#now + Math.max(1, Math.trunc(delayMs)), task, unref: () => timer, ref: () => timer };
      this.#timers.add(timer);
      return timer;
    };
    clock.setTimeout = set as never;
    clock.clearTimeout = ((timer: Timer) => this.#timers.delete(timer)) as never;
    clock.now = () => this.#now;
  }

  restore(): void {
    Object.assign(clock, real);
  }

  /** Calls whatever is due on the way, in order. */
  pass(ms: number): void {
    const until = this.#now + ms;
    for (;;) {
      const [next] = [...this.#timers].filter(({ at }) => at <= until).sort((a, b) => a.at - b.at);
      if (next === undefined) break;
      this.#timers.delete(next);
      this.#now = next.at;
      next.task();
    }
    this.#now = until;
  }
}

/** Specs of timeouts: time passes when the spec says so, not while the machine is busy with others. */
import { Clock } from '../model/clock.ts';

/** Calls `act` with a clock by which the library tells time, and which stands still by itself. */
export function withClock(act: (clock: Clock) => void): void {
  const clock = new Clock();
  clock.replace();
  try {
    act(clock);
  } finally {
    clock.restore();
  }
}

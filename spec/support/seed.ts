/** The seed of a random spec: in its title, and settable by SPEC_SEED to see a failure again. */
import { random } from './samples.ts';

export const seed = Number(process.env.SPEC_SEED ?? Math.floor(Math.random() * 2 ** 31));

export interface Dice {
  /** A whole number below `end`. */
  below(end: number): number;
  one<T>(of: readonly T[]): T;
  /** True once in `n`. */
  onceIn(n: number): boolean;
}

export function dice(from = seed): Dice {
  const next = random(from);
  const below = (end: number): number => Math.floor(next() * end);
  return { below, one: (of) => of[below(of.length)] as never, onceIn: (n) => below(n) === 0 };
}

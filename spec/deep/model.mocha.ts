/** P1 to P5, bounds and numbers of a pool at random: a longer run than that of `npm test`. */
import { describeModel } from '../model/specs.ts';

describeModel(1_000);

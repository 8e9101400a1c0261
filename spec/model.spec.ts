/** P1 to P5, bounds and numbers of a pool at random: a short run of `npm run model`. `npm run test:deep` has a longer one. */
import { describeModel } from './model/specs.ts';

describeModel(300);

/** P8 same as zlib, at random: a short run of `npm run fuzz`. `npm run test:deep` has a longer one. */
import { describeScripts } from './fuzz/specs.ts';

describeScripts(64);

/** P8 same as zlib, at random: a longer run than that of `npm test`. */
import { describeScripts } from '../fuzz/specs.ts';

describeScripts(256);

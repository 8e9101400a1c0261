/** The same for what is around streams and pools. No engine is in it: one Node tells as much as all of them. */
import { describeCaught } from './caught.ts';
import { surroundings } from './surroundings.ts';

describeCaught('The specs of the surroundings', surroundings);

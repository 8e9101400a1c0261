/** The promise specs, proven: each broken variant of the library makes them fail, an unbroken copy does not. */
import { describeCaught } from './caught.ts';
import { variants } from './variants.ts';

describeCaught('The promise specs', variants);

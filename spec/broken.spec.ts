/** The promise specs, proven: each broken variant of the library makes them fail, an unbroken copy does not. */
import { describeCaught } from './broken/caught.ts';
import { variants } from './broken/variants.ts';

describeCaught('The promise specs', variants);

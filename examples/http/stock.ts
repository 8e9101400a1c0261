/** `npx tsx examples/http/stock.ts`: body-parser inflates, one coding at a time; whoever reads the request itself gets it as it was sent. */
import { serve } from './service.ts';

await serve();

/** `npx tsx examples/http/stock.ts`: body-parser inflates one coding. A handler that reads the request gets it as it was sent. */
import { serve } from './service.ts';

await serve();

/** `npx tsx examples/fastify/stock.ts`: @fastify/compress as it is. Under `--import zlease/register` it runs on the pool. */
import { serve } from './service.ts';

await serve({});

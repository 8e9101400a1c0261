/** `npx tsx examples/connect/stock.ts`: Connect on its own compressions. See pooled.ts. */
import { compressionBrotli, compressionGzip } from '@connectrpc/connect-node';
import { call } from './calls.ts';

await call([compressionGzip, compressionBrotli]);

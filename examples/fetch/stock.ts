/** `npx tsx examples/fetch/stock.ts`: with undici's own interceptor. Under `--import zlease/register` it runs on the pool as it is. */
import { interceptors } from 'undici';
import { get, MAX_BODY_LENGTH } from './get.ts';

await get(interceptors.decompress({ maxSize: MAX_BODY_LENGTH }));

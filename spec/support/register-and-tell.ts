/** Imported before an example: zlease/register, and what its pool has done, as JSON in the last line of stderr. */
import { pathToFileURL } from 'node:url';

const folder = process.env.SPEC_LIB === undefined ? '../../lib' : pathToFileURL(process.env.SPEC_LIB).href;

await import(`${folder}/register.ts`);
const { defaultPool } = (await import(`${folder}/index.ts`)) as typeof import('../../lib/index.ts');

process.on('exit', () => console.error(JSON.stringify(defaultPool.stats)));

/**
 * `npm run test:ecosystem`: packages that decompress, unchanged, on plain Node and under zlease/register. What
 * they make of good and bad data is to be the same.
 */
import { describeProgram } from './alike.ts';

describe('The ecosystem, on the pool', () => {
  describeProgram({ name: 'ws', row: 'ws' });
  describeProgram({ name: 'express', row: 'express (body-parser)', leaks: true });
  describeProgram({ name: 'http' });
  describeProgram({
    name: 'web',
    row: '`DecompressionStream` of Node',
    without: hasBrotliStream() ? [] : ['createBrotliDecompress'],
  });
  describeProgram({
    name: 'fetch',
    row: '`fetch` of Node',
    // Node 22 has Zstandard, and its fetch does not use it.
    without: process.versions.node.startsWith('22.') ? ['createZstdDecompress'] : [],
    leaks: true,
  });
  describeProgram({ name: 'undici', row: 'undici', leaks: true });
  describeProgram({ name: 'axios', row: 'axios' });
  describeProgram({ name: 'got', row: 'got', leaks: true });
});

/** Node has it since 24.7. Its types don't know it. */
function hasBrotliStream(): boolean {
  try {
    return new DecompressionStream('brotli' as 'gzip') !== undefined;
  } catch {
    return false;
  }
}

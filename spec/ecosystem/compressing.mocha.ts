/** Part of `npm run test:ecosystem`: packages that compress, unchanged, on plain Node and under zlease/register. */
import { describeProgram } from './alike.ts';

describe('Packages that compress, on the pool', () => {
  describeProgram({ name: 'compression', row: 'compression', leaks: true });
  describeProgram({ name: 'fastify-compress', row: '@fastify/compress', leaks: true });
  // Its own ends send each other nothing that is bad. With other wrong bytes it waits for messages that never come.
  describeProgram({ name: 'engine-io', row: 'engine.io', kinds: ['compressed'] });
  describeProgram({ name: 'yazl', row: 'yazl' });
});

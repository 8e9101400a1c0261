/**
 * Part of `npm run test:ecosystem`: drivers and clients that decompress whole messages by node:zlib's one-shot
 * functions, and packages that use its classes, unchanged, on plain Node and under zlease/register.
 */
import { expect } from 'chai';
import { entryPointsOf } from '../support/entry-points.ts';
import { describeProgram } from './alike.ts';
import { differences, register, run } from './run.ts';

describe('Drivers, on the pool', () => {
  describeProgram({ name: 'kafkajs', row: 'kafkajs' });
  describeProgram({ name: 'mongodb', row: 'mongodb' });
  describeProgram({ name: 'connect-node', row: '@connectrpc/connect-node' });
  describeProgram({ name: 'elastic', row: '@elastic/transport' });
  describeProgram({ name: 'nock', row: 'nock' });
});

describe('Packages that use the classes of node:zlib', () => {
  const pooledClasses = new URL('pooled-classes-preload.mjs', import.meta.url).href;

  it('are not touched by zlease/register: tar and minizlib', async () => {
    const [plain, registered] = await Promise.all([run('tar'), run('tar', register)]);
    expect(plain.end).to.equal('0 ');
    expect(plain.results.size).to.be.above(10);
    const different = differences('tar', plain, registered);
    expect(different, `\n${different.join('\n')}\n`).to.have.lengthOf(0);
    expect(plain).to.have.property('stock', true);
    expect(registered).to.have.property('stock', false);
    expect(registered.stats).to.include({ created: 0, reused: 0 });
    expect(registered.report).to.include({ peak: 0, failed: 0 });
    for (const row of ['tar', 'minizlib']) {
      expect(Object.keys(registered.report?.rows ?? {}), row).to.deep.equal(entryPointsOf(row));
    }
  });

  it('would have leases in the report if the classes were pooled', async () => {
    const { end, report } = await run('tar', pooledClasses);
    expect(end).to.equal('0 ');
    expect(Object.keys(report?.rows ?? {})).to.include.members([
      'createGunzip',
      'createUnzip',
      'createBrotliDecompress',
    ]);
  });
});

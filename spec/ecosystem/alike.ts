/** The specs that each program of this folder and of spec/interop goes through: plain, under zlease/register, and with a broken node:zlib. */
import { expect } from 'chai';
import { entryPointsOf } from '../support/entry-points.ts';
import { TEST_TIMEOUT_MS } from '../support/script.ts';
import { broken, differences, nearest, type Run, register, run } from './run.ts';

/** Packages whose two streams race each other have more than one result on plain Node, too: how often they are run for all of them. */
const ATTEMPTS = 4;

export interface Program {
  /** File, relative to this folder. */
  name: string;
  /** Row of the table of packages in docs/compatibility.md. Default: no package. */
  row?: string;
  /** Entry points of the row that this Node has no use for. */
  without?: string[];
  /** Whether the package leaves streams open for good, on plain Node too. */
  leaks?: boolean;
  /** Returns environment variables, once the server that the program calls is there. */
  variables?: () => Record<string, string>;
  /** Kinds of damage that it has to notice. Default: those of the functions in its row. */
  kinds?: string[];
  /** Whether it depends on the time which function a message is decompressed by. */
  races?: boolean;
}

/** Whether a function of node:zlib compresses. */
const isCompressing = (entry: string) => /^(create)?(gzip|deflate|brotliCompress|zstdCompress)/i.test(entry);

export function describeProgram({
  name,
  row,
  without = [],
  leaks = false,
  kinds,
  variables,
  races = false,
}: Program): void {
  describe(name.replace('../interop/', ''), function () {
    this.timeout(ATTEMPTS * TEST_TIMEOUT_MS);
    const entries = row === undefined ? [] : entryPointsOf(row).filter((entry) => !without.includes(entry));
    const compresses = entries.some(isCompressing);
    // A program without a row does so.
    const decompresses = row === undefined || !entries.every(isCompressing);
    const damages = kinds ?? [...(decompresses ? ['bytes', 'errors'] : []), ...(compresses ? ['compressed'] : [])];
    let plain: Run;
    let pooled: Run;

    before(async () => {
      [plain, pooled] = await Promise.all([run(name, undefined, variables?.()), run(name, register, variables?.())]);
    });

    it('does what it does on plain Node', async () => {
      expect(plain.end).to.equal('0 ');
      expect(plain.results.size).to.be.above(10);
      const known = [plain];
      let different = differences(name, plain, pooled);
      while (known.length < ATTEMPTS && different.length > 0) {
        known.push(await run(name, undefined, variables?.()));
        different = differences(name, nearest(known, pooled), pooled);
      }
      expect(different, `\n${different.join('\n')}\n`).to.have.lengthOf(0);
    });

    it('runs on pooled engines, and gives them all back', () => {
      expect(plain).to.have.property('stock', true);
      expect(plain.stats).to.include({ created: 0, reused: 0 });
      expect(pooled).to.have.property('stock', false);
      expect(pooled.stats?.created).to.be.above(0);
      expect(pooled.stats?.reused).to.be.above(0);
      expect(pooled.stats).to.have.property('leased', 0);
      if (!leaks) expect(pooled.stats).to.have.property('leaked', 0);
    });

    it('has its leases in the report, by entry point', () => {
      expect(plain.report).to.equal(undefined);
      const rows = Object.entries(pooled.report?.rows ?? {});
      if (row !== undefined) expect(rows.map(([entry]) => entry).sort()).to.deep.equal(entries);
      const { created, reused, failed } = pooled.stats ?? {};
      expect(rows.reduce((sum, [, { made }]) => sum + made, 0)).to.equal(created);
      expect(rows.reduce((sum, [, { reused: again }]) => sum + again, 0)).to.equal(reused);
      expect(pooled.report).to.include({ leasedAtExit: 0, failed });
      // A program that counts has sent so many messages to be decompressed, each by one call.
      if (!races) expect(pooled.calls).to.deep.equal(plain.calls);
      if (pooled.calls !== undefined) {
        expect(Object.fromEntries(rows.map(([entry, { leases }]) => [entry, leases]))).to.deep.equal(pooled.calls);
      }
    });

    it('would do otherwise on functions that give wrong bytes or wrong errors', async () => {
      // Each kind of damage is to be noticed by itself.
      const others = await Promise.all(
        damages.map((kind) => withoutCrash(() => run(name, `${broken}?${kind}`, variables?.()))),
      );
      for (const [i, other] of others.entries()) {
        // A driver may complain of wrong bytes on stderr.
        expect(other.end, damages[i]).to.match(/^0 /);
        expect(other.stats).to.include({ created: 0 });
        const least = damages[i] === 'compressed' || kinds !== undefined ? 1 : 6;
        expect(differences(name, plain, other), damages[i]).to.have.lengthOf.at.least(least);
      }
    });
  });
}

/**
 * Runs a program without zlease again if Node crashes. The HTTP/2 of Node 20 corrupts its memory in
 * one of five runs in which many calls fail at once. That of Node 24 does not.
 */
async function withoutCrash(start: () => Promise<Run>): Promise<Run> {
  for (let attempt = 1; ; attempt++) {
    const ran = await start();
    if (attempt === ATTEMPTS || !/^SIG(SEGV|ABRT) /.test(ran.end)) return ran;
  }
}

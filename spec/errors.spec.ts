/** One table of codes, one spec over it. */
import { readFile } from 'node:fs/promises';
import { expect } from 'chai';
import { codedError, errorCodes } from '../lib/errors.ts';

describe('An error of zlease', () => {
  for (const code of errorCodes) {
    it(`has the code ${code}, a message, a stack and its heading in the docs`, async () => {
      const cause = new Error('why');
      const error = codedError(code, undefined, { cause });
      expect(error).to.be.instanceOf(Error).and.include({ code, cause });
      expect(error.message).to.match(/^[A-Z].{10,}/);
      expect(error.stack).to.include('errors.spec');
      expect(codedError(code, 'in other words').message).to.equal('in other words');
      const docs = await readFile(new URL('../docs/errors.md', import.meta.url), 'utf8');
      expect(docs).to.include(`\n## ${code}\n`);
    });
  }
});

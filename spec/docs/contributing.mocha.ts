/** CONTRIBUTING.md says where an engine is released. `spec/layers.spec.ts` compares its layers with lib/. */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { top } from '../support/markdown.ts';

describe('CONTRIBUTING.md', () => {
  it('says where an engine is released: in the last function of the stream, and in one method of a lease', async () => {
    const text = await readFile(join(top, 'CONTRIBUTING.md'), 'utf8');
    const [, name] = /is in `(\w+)`, at the end of/.exec(text) ?? [];
    const stream = await readFile(join(top, 'lib/streams/zlib-stream.ts'), 'utf8');
    const last = stream.slice(stream.lastIndexOf('\nfunction '));
    expect(last)
      .to.match(new RegExp(`^\\nfunction ${name}\\(`))
      .and.include('lease.release()');
    const lease = await readFile(join(top, 'lib/pool/lease.ts'), 'utf8');
    expect(lease.match(/#home\.takeBack\(/g)).to.have.lengthOf(1);
    expect(lease).to.match(/#end\([^}]*#home\.takeBack\(/s);
  });
});

/** What a Content-Encoding header means: RFC 9110, section 8.4. */
import { expect } from 'chai';
import { acceptEncoding, codingsOf } from '../support/library.ts';
import { formats } from '../support/samples.ts';

function codeOf(header: string): unknown {
  try {
    return codingsOf(header);
  } catch (error) {
    return (error as NodeJS.ErrnoException).code;
  }
}

describe('Content-Encoding', () => {
  const cases: Array<[header: string | string[] | null | undefined, formats: string[]]> = [
    [undefined, []],
    [null, []],
    ['', []],
    [[], []],
    ['identity', []],
    [' , ,identity,\t, IDENTITY', []],
    ['gzip', ['gzip']],
    ['x-gzip', ['gzip']],
    ['X-GZip', ['gzip']],
    ['deflate', ['deflate']],
    ['br', ['br']],
    ['gzip, br', ['br', 'gzip']],
    ['gzip,br\t,  deflate', ['deflate', 'br', 'gzip']],
    [
      ['gzip', 'br, identity', 'deflate'],
      ['deflate', 'br', 'gzip'],
    ],
    ['br,br,br,br,br', ['br', 'br', 'br', 'br', 'br']],
    ['identity,br,identity,br,identity,br,identity,br,identity,br,identity', ['br', 'br', 'br', 'br', 'br']],
  ];
  for (const [header, expected] of cases) {
    it(`${JSON.stringify(header)} is taken off by ${expected.join(', then ') || 'nothing'}`, () => {
      expect(codingsOf(header)).to.deep.equal(expected);
    });
  }

  for (const header of [
    'compress',
    'gzip br',
    'constructor',
    '__proto__',
    'gzip, toString',
    'deflate-raw',
    'unzip',
    '*',
    'gzip;q=0',
    '"gzip"',
  ]) {
    it(`${header} has an unknown coding`, () => {
      expect(codeOf(header)).to.equal('ERR_CODING_UNKNOWN');
    });
  }

  it('has at most five codings', () => {
    expect(codeOf('gzip,gzip,gzip,gzip,gzip,gzip')).to.equal('ERR_TOO_MANY_CODINGS');
    expect(codeOf('gzip,'.repeat(1_000))).to.equal('ERR_TOO_MANY_CODINGS');
  });

  it('has zstd where this Node has it', () => {
    expect(codeOf('zstd')).to.deep.equal(formats.includes('zstd') ? ['zstd'] : 'ERR_CODING_UNKNOWN');
    expect(acceptEncoding).to.equal(formats.includes('zstd') ? 'gzip, deflate, br, zstd' : 'gzip, deflate, br');
  });

  it('is told in an error that names the coding, in short', () => {
    expect(() => codingsOf(`gzip,${'x'.repeat(5_000)}`)).to.throw(
      `The body has the content coding "${'x'.repeat(32)}"`,
    );
  });
});

/** Which engine runs where: the list of tested majors, and the probe at load. */
import { execFile } from 'node:child_process';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';
import { loader } from '../support/script.ts';

const run = promisify(execFile);
const lib = new URL('../../lib/index.ts', import.meta.url).href;
const lease = new URL('../../lib/pool/lease.ts', import.meta.url).href;

/** What Node was changed to be like before zlease was loaded. */
const worlds: Record<string, string> = {
  'as it is': '',
  'a major that was never tested':
    "Object.defineProperty(process, 'versions', { value: { ...process.versions, node: '27.0.0' } });",
  'not Node': "Object.defineProperty(process, 'versions', { value: { ...process.versions, bun: '1.0.0' } });",
  'a handle without writeSync': `
    Object.getPrototypeOf(zlib.createGunzip()._handle).writeSync = undefined;`,
  'a writeSync that does nothing': 'Object.getPrototypeOf(zlib.createGunzip()._handle).writeSync = () => {};',
  'a writeSync that throws':
    "Object.getPrototypeOf(zlib.createGunzip()._handle).writeSync = () => { throw new Error('no'); };",
  'a writeSync that stops short': `
    const proto = Object.getPrototypeOf(zlib.createGunzip()._handle);
    const { writeSync } = proto;
    proto.writeSync = function (flush, input, at, length, ...rest) { return writeSync.call(this, flush, input, at, length - 1, ...rest); };`,
};

async function engineIn(world: string, choice: string): Promise<string> {
  const code = `
    import zlib from 'node:zlib';
    const data = zlib.gzipSync('some text');
    ${world}
    const { ZlibPool } = await import('${lib}');
    const { engineOf } = await import('${lease}');
    const pool = new ZlibPool({ engine: '${choice}' });
    let text = '';
    const stream = pool.createGunzip().on('data', (chunk) => { text += chunk; });
    stream.on('error', (error) => console.log(error.code)).end(data);
    stream.on('end', () => console.log(text, engineOf(pool.tryLease('gzip')).constructor.name));`;
  const { stdout } = await run(process.execPath, [...loader, '--input-type=module', '--eval', code], {
    cwd: fileURLToPath(new URL('../..', import.meta.url)),
  });
  return stdout.trim();
}

describe('The choice of an engine', function () {
  this.timeout(120_000);
  this.slow(5_000);

  it('is the native one on a tested major whose zlib passes the probe', async () => {
    expect(await engineIn(worlds['as it is'] as string, 'auto')).to.equal('some text NativeEngine');
    expect(await engineIn(worlds['as it is'] as string, 'native')).to.equal('some text NativeEngine');
    expect(await engineIn(worlds['as it is'] as string, 'public')).to.equal('some text PublicEngine');
  });

  for (const [name, world] of Object.entries(worlds).slice(1)) {
    it(`is the public one on ${name}, and an error for who insists`, async () => {
      expect(await engineIn(world, 'auto')).to.equal('some text PublicEngine');
      expect(await engineIn(world, 'native')).to.equal('ERR_ENGINE_UNAVAILABLE');
    });
  }
});

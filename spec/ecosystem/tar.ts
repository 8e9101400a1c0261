/** tar and minizlib: they decompress by node:zlib's classes, which zlease/register leaves as they are. */
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import zlib from 'node:zlib';
import { BrotliDecompress, Gunzip, Inflate, InflateRaw, Unzip, ZstdDecompress } from 'minizlib';
import * as tar from 'tar';
import { json } from '../../bench/payloads.ts';
import { encodings } from './bodies.ts';
import { digest, finish, scenario } from './scenario.ts';

const folder = await mkdtemp(join(tmpdir(), 'zlease-tar-'));
const names = ['empty', 'small', 'large'];
for (const [i, length] of [0, 100, 60_000].entries()) {
  await writeFile(join(folder, names[i] as string), json(length, i));
}

const classes = {
  gzip: { Gunzip, Unzip },
  deflate: { Inflate, Unzip },
  'raw deflate': { InflateRaw },
  br: { BrotliDecompress },
  zstd: { ZstdDecompress },
};

function damagesOf(good: Buffer): Record<string, Buffer> {
  const damaged = (at: number) => Buffer.from(good.map((byte, i) => (i >= at && i < at + 8 ? byte ^ 0xff : byte)));
  return {
    good,
    'cut in the middle': good.subarray(0, good.length >> 1),
    'corrupt at the start': damaged(0),
    'corrupt in the middle': damaged(good.length >> 1),
    'with junk behind': Buffer.concat([good, Buffer.from('junk')]),
  };
}

for (const [encoding, { encode }] of Object.entries(encodings)) {
  for (const [what, data] of Object.entries(damagesOf(encode(json(60_000, 7))))) {
    for (const [name, Class] of Object.entries(classes[encoding as keyof typeof classes])) {
      await scenario(`minizlib: ${name}, ${encoding}, ${what}`, async () => {
        const stream = new Class({});
        // Its streams work while they are written.
        const end = stream.concat();
        end.catch(() => {});
        stream.write(data.subarray(0, 1_000));
        stream.end(data.subarray(1_000));
        return digest((await end) as unknown as Buffer);
      });
    }
  }
}

const modes: Record<string, tar.TarOptionsWithAliases> = {
  gzip: { gzip: true },
  br: { brotli: true },
  ...('zstd' in encodings ? { zstd: { zstd: true } } : {}),
};
for (const [mode, options] of Object.entries(modes)) {
  const archive = join(folder, `archive.${mode}`);
  const settings = { cwd: folder, portable: true, mtime: new Date(0), ...options };

  await scenario(`tar: ${mode}, created and listed`, async () => {
    await tar.create({ ...settings, file: archive }, names);
    const entries: unknown[] = [];
    await tar.list({ ...options, file: archive, onReadEntry: ({ path, size }) => entries.push([path, size]) });
    return entries;
  });

  for (const [what, data] of Object.entries(damagesOf(await readFile(archive)))) {
    await scenario(`tar: ${mode}, extracted, ${what}`, async () => {
      const file = join(folder, `damaged.${mode}`);
      await writeFile(file, data);
      const cwd = await mkdtemp(join(folder, 'extracted-'));
      await tar.extract({ ...options, file, cwd, strict: true });
      const files = (await readdir(cwd)).sort();
      return Promise.all(files.map(async (path) => [path, digest(await readFile(join(cwd, path)))]));
    });
  }
}

await scenario('zlib: a class is called with new and without', () => {
  const { Gunzip: Class } = zlib as unknown as { Gunzip: { new (): object; (): object } };
  return [new Class(), Class()].map((stream) => [stream instanceof Class, Object.hasOwn(stream, '_handle')]);
});

await rm(folder, { recursive: true });
await finish();

/** The code blocks of README and docs run, and print what their comments say. */
import { execFile } from 'node:child_process';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { promisify } from 'node:util';
import { expect } from 'chai';

const run = promisify(execFile);
const top = fileURLToPath(new URL('..', import.meta.url));

interface Block {
  file: string;
  code: string;
}

async function blocks(language: string): Promise<Block[]> {
  const files = ['README.md', ...(await readdir(join(top, 'docs'))).map((name) => join('docs', name))];
  const all: Block[] = [];
  for (const file of files.filter((name) => name.endsWith('.md'))) {
    const text = await readFile(join(top, file), 'utf8');
    for (const [, code] of text.matchAll(new RegExp(`\`\`\`${language}\n(.*?)\`\`\``, 'gs')))
      all.push({ file, code: code as string });
  }
  return all;
}

describe('The documentation', () => {
  it('has TypeScript that runs, and prints what its comments say', async function () {
    this.timeout(30_000);
    const all = await blocks('ts');
    expect(all.length).to.be.at.least(2);
    // Inside the project, for the name zlease to be found.
    const folder = await mkdtemp(join(top, 'spec', 'readme-'));
    try {
      for (const { file, code } of all) {
        const script = join(folder, 'block.ts');
        await writeFile(script, code);
        const { stdout } = await run(process.execPath, ['--import=tsx', script], { cwd: top });
        const promised = [
          ...code.matchAll(/console\.log\(.*\);? *(?:\}\); *)?\/\/ (.*)$|console\.log\(.*?\)\); \/\/ (.*)$/gm),
        ];
        expect(stdout.trim().split('\n'), file).to.deep.equal(promised.map(([, a, b]) => a ?? b));
      }
    } finally {
      await rm(folder, { recursive: true });
    }
  });

  it('names only scripts and files that exist', async () => {
    const { scripts } = JSON.parse(await readFile(join(top, 'package.json'), 'utf8')) as {
      scripts: Record<string, string>;
    };
    for (const file of ['README.md', ...(await readdir(join(top, 'docs'))).map((name) => `docs/${name}`)]) {
      const text = await readFile(join(top, file), 'utf8');
      for (const [, name] of text.matchAll(/npm run ([\w:]+)/g)) expect(scripts, file).to.have.property(name as string);
      for (const [, link] of text.matchAll(/\]\((?!https?:)([^)#]+)\)/g)) {
        const target = fileURLToPath(new URL(link as string, new URL(file, new URL('../', import.meta.url))));
        expect((await readFile(target)).length, `${file}: ${link}`).to.be.above(0);
      }
    }
  });

  it('has the two commands for a fresh machine', async () => {
    const [block] = await blocks('sh');
    expect(block?.code).to.match(/^npm ci && npm start .*\nnpm ci && npm test .*\n$/);
  });
});

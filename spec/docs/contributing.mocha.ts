/**
 * CONTRIBUTING.md says where an engine is released, and the workflow runs each tier.
 * `spec/layers.spec.ts` compares the layers with lib/.
 */
import { readFile } from 'node:fs/promises';
import { join } from 'node:path';
import { expect } from 'chai';
import { load } from 'js-yaml';
import { top } from '../support/markdown.ts';

describe('CONTRIBUTING.md', () => {
  it('says where an engine is released: in the last function of the stream, and in one method of a lease', async () => {
    const text = await readFile(join(top, 'CONTRIBUTING.md'), 'utf8');
    const [, name] = /is in\s+`(\w+)`, at\s+the\s+end\s+of/.exec(text) ?? [];
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

interface WorkflowJob {
  strategy?: { matrix: Record<string, Array<string | number>> };
  steps: Array<{ run?: string }>;
}

/** Returns each command of a job, once for each combination of its matrix. */
function commandsOf({ strategy, steps }: WorkflowJob): string[] {
  let all = steps.flatMap(({ run }) => (run === undefined ? [] : [run]));
  for (const [name, values] of Object.entries(strategy?.matrix ?? {})) {
    all = all.flatMap((run) => values.map((value) => run.replaceAll(`\${{ matrix.${name} }}`, String(value))));
  }
  return all;
}

describe('The workflow', () => {
  it('runs each tier and each check of .ci/run, on each Node where .ci/run does', async () => {
    const read = (file: string) => readFile(join(top, file), 'utf8');
    const { jobs } = load(await read('.github/workflows/ci.yml')) as { jobs: Record<string, WorkflowJob> };
    const { scripts } = JSON.parse(await read('package.json')) as { scripts: Record<string, string> };
    const commands = Object.values(jobs).flatMap(commandsOf);
    for (const command of commands) {
      const [, script] = /^npm run ([\w:]+)/.exec(command) ?? [];
      if (script !== undefined) expect(scripts, command).to.have.property(script);
    }
    const ci = await read('.ci/run');
    const [, tiers = ''] = /for tier in ([\w ]+);/.exec(ci) ?? [];
    const [, majors = ''] = /for major in ([\d ]+);/.exec(ci) ?? [];
    expect(tiers.split(' ')).to.include.members(['docs', 'grpc']);
    expect(commands).to.include.members([
      ...tiers.split(' ').map((tier) => `npm run test:${tier}`),
      ...['20', ...majors.split(' ')].flatMap((major) =>
        ['test', 'deep'].map((tier) => `npm run test:matrix -- ${major} --tier ${tier}`),
      ),
      'npm run test:matrix -- 24 --tier broken',
      'npm run lint',
      'npm run types',
    ]);
  });
});

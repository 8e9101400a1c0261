/**
 * Part of `npm run test:interop`: mysql2 with MariaDB, and axios and undici with nginx, the servers from Debian's
 * packages. Each client runs unchanged, on plain Node and under zlease/register.
 */
import { mkdir, mkdtemp, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { expect } from 'chai';
import { describeProgram } from '../ecosystem/alike.ts';
import { Daemon } from './daemon.ts';
import { fill } from './messages.ts';
import { nginx } from './nginx.ts';

/**
 * MariaDB without the tables of its privileges, which need no installation then: any client on the loopback is let in.
 * InnoDB is left out: its files take longer to make than all the queries do.
 */
async function mariadb(folder: string, port: number): Promise<string[]> {
  const data = join(folder, 'data');
  await mkdir(data, { recursive: true });
  return [
    '/usr/sbin/mariadbd',
    '--no-defaults',
    // It refuses to run as root unless told so.
    ...(process.getuid?.() === 0 ? ['--user=root'] : []),
    `--datadir=${data}`,
    `--socket=${join(folder, 'socket')}`,
    `--pid-file=${join(folder, 'pid')}`,
    '--bind-address=127.0.0.1',
    `--port=${port}`,
    '--skip-grant-tables',
    '--skip-innodb',
    '--default-storage-engine=Aria',
  ];
}

const servers = {
  MariaDB: { command: mariadb, fill, programs: [{ name: '../interop/mysql2', row: 'mysql2', races: true }] },
  nginx: {
    command: nginx,
    fill: undefined,
    programs: [
      { name: '../interop/nginx-axios', row: 'axios, from nginx', leaks: true },
      { name: '../interop/nginx-undici', row: 'undici, from nginx', leaks: true },
    ],
  },
};

for (const [name, { command, fill, programs }] of Object.entries(servers)) {
  describe(`Clients of ${name}, on the pool`, () => {
    let folder: string;
    let server: Daemon;

    before(async () => {
      folder = await mkdtemp(join(tmpdir(), 'zlease-server-'));
      server = await Daemon.start((port) => command(folder, port));
      await fill?.(server.port);
    });

    after(async () => {
      const end = await server?.stop();
      await rm(folder, { recursive: true, force: true });
      expect(end).to.equal('0');
    });

    for (const program of programs) {
      describeProgram({ ...program, variables: () => ({ PORT: String(server.port) }) });
    }
  });
}

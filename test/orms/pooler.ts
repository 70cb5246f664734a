import { type ChildProcess, spawn, spawnSync } from 'node:child_process';
import { chmod, mkdtemp, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { waitUntil } from '@recant/test-support';
import pg from 'pg';

export interface Pooler {
  /** The address of the same database and login behind the pooler. */
  through(url: string): string;
  stop(): Promise<void>;
}

/** pgbouncer in transaction mode, with fewer connections than clients. @throws Error if it is not installed and cannot be */
export async function startPooler(ownerUrl: string, roles: readonly string[]): Promise<Pooler> {
  install();
  const { hostname, port } = new URL(ownerUrl);
  const folder = await mkdtemp(join(tmpdir(), 'recant-pooler-'));
  const listen = await freePort();
  const file = (name: string): string => join(folder, name);
  await writeFile(file('users.txt'), roles.map((role) => `"${role}" "${role}"\n`).join(''));
  await writeFile(
    file('pgbouncer.ini'),
    `[databases]
* = host=${hostname} port=${port}
[pgbouncer]
listen_addr = 127.0.0.1
listen_port = ${listen}
unix_socket_dir =
auth_type = trust
auth_file = ${file('users.txt')}
pool_mode = transaction
default_pool_size = 5
ignore_startup_parameters = extra_float_digits
`,
  );
  // pgbouncer refuses to run as root, so that somebody else has to read this.
  await chmod(folder, 0o755);
  const asRoot = process.getuid?.() === 0;
  const process_ = spawn('pgbouncer', [...(asRoot ? ['-u', 'nobody'] : []), '-q', file('pgbouncer.ini')], {
    stdio: ['ignore', 'ignore', 'pipe'],
  });
  let said = '';
  process_.stderr?.on('data', (chunk) => {
    said += chunk;
  });
  const through = (url: string): string => Object.assign(new URL(url), { hostname: '127.0.0.1', port: String(listen) }).href;
  const stop = async (): Promise<void> => {
    await ended(process_);
    await rm(folder, { recursive: true });
  };
  try {
    await waitUntil(() => answers(`postgres://${roles[0]}@127.0.0.1:${listen}/postgres`));
  } catch (cause) {
    await stop();
    throw new Error(`pgbouncer did not start: ${said}`, { cause });
  }
  return { through, stop };
}

function install(): void {
  if (spawnSync('pgbouncer', ['--version']).status === 0) return;
  for (const args of [['update'], ['install', '-y', '--no-install-recommends', 'pgbouncer']]) {
    const { status, stderr } = spawnSync('apt-get', args, { encoding: 'utf8', env: { ...process.env, DEBIAN_FRONTEND: 'noninteractive' } });
    if (status !== 0)
      throw new Error(`pgbouncer is not installed, and "apt-get ${args.join(' ')}" failed: ${stderr ?? 'no apt-get'}. Install it.`);
  }
}

function freePort(): Promise<number> {
  return new Promise((resolve, reject) => {
    const server = createServer().once('error', reject);
    server.listen(0, '127.0.0.1', () => {
      const { port } = server.address() as { port: number };
      server.close(() => resolve(port));
    });
  });
}

async function answers(url: string): Promise<boolean> {
  const client = new pg.Client({ connectionString: url });
  client.on('error', () => undefined);
  try {
    await client.connect();
    await client.query('SELECT 1');
    return true;
  } catch {
    return false;
  } finally {
    await client.end().catch(() => undefined);
  }
}

function ended(child: ChildProcess): Promise<void> {
  return new Promise((resolve) => {
    if (child.exitCode !== null || child.signalCode !== null) return resolve();
    child.once('exit', () => resolve());
    child.kill('SIGKILL');
  });
}

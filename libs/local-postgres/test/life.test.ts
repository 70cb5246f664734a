import { readFile, stat } from 'node:fs/promises';
import { waitUntil } from '@recant/test-support';
import { expect, onTestFinished, test } from 'vitest';
import { type PostgresOptions, type RunningPostgres, startPostgres } from '../src/index.ts';
import { freshPlace, holdFrom, query } from './place.ts';

async function start(dataDir: string, options: Partial<PostgresOptions> = {}): Promise<RunningPostgres> {
  const postgres = await startPostgres({ dataDir, durable: false, ...options });
  onTestFinished(() => postgres.stop());
  return postgres;
}

test('a restart on the same folder keeps data and passwords', async () => {
  const dataDir = await freshPlace();
  const first = await start(dataDir);
  await query(first.ownerUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
  await first.stop();
  const second = await start(dataDir);
  expect(await query(second.ownerUrl, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
  expect(new URL(second.url).password).toBe(new URL(first.url).password);
});

test('only a client with the password connects, over loopback only, and the service is not a superuser', async () => {
  const dataDir = await freshPlace();
  const postgres = await start(dataDir);
  expect((await stat(`${dataDir}.passwords`)).mode & 0o777).toBe(0o600);
  expect(await query(postgres.url, 'SELECT rolsuper FROM pg_roles WHERE rolname = current_user')).toEqual([{ rolsuper: false }]);
  const wrong = new URL(postgres.url);
  wrong.password = 'guess';
  await expect(query(wrong.href, 'SELECT 1')).rejects.toMatchObject({ code: '28P01' });
  expect(await query(postgres.ownerUrl, 'SHOW listen_addresses')).toEqual([{ listen_addresses: '127.0.0.1' }]);
  expect(await query(postgres.ownerUrl, 'SHOW unix_socket_directories')).toEqual([{ unix_socket_directories: '' }]);
});

test('fsync is on unless disabled', async () => {
  const dataDir = await freshPlace();
  const durable = await start(dataDir, { durable: true });
  expect(await query(durable.ownerUrl, 'SHOW fsync')).toEqual([{ fsync: 'on' }]);
  await durable.stop();
  const volatile = await start(dataDir);
  expect(await query(volatile.ownerUrl, 'SHOW fsync')).toEqual([{ fsync: 'off' }]);
});

test('a killed caller takes the server with it, and the next start finds the data', async () => {
  const dataDir = await freshPlace();
  const { process: holder, said } = await holdFrom(dataDir);
  await query(said.ownerUrl ?? '', 'CREATE TABLE kept AS SELECT 42 AS answer');
  holder.kill('SIGKILL');
  await waitUntil(async () => !(await isRunning(said.pid ?? 0)));
  const next = await start(dataDir);
  expect(await query(next.ownerUrl, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
});

test('the next start ends a server whose supervisor was killed too', async () => {
  const dataDir = await freshPlace();
  const { process: holder, said } = await holdFrom(dataDir);
  await query(said.ownerUrl ?? '', 'CREATE TABLE kept AS SELECT 42 AS answer');
  process.kill(await parentOf(said.pid ?? 0), 'SIGKILL');
  holder.kill('SIGKILL');
  const next = await start(dataDir);
  expect(await isRunning(said.pid ?? 0)).toBe(false);
  expect(await query(next.ownerUrl, 'SELECT answer FROM kept')).toEqual([{ answer: 42 }]);
});

test('a killed server restarts on its port with all committed data', async () => {
  const postgres = await start(await freshPlace());
  await query(postgres.ownerUrl, 'CREATE TABLE kept AS SELECT 42 AS answer');
  const { pid } = postgres;
  process.kill(pid, 'SIGKILL');
  const rows = await waitUntil(async () => postgres.pid !== pid && (await query(postgres.ownerUrl, 'SELECT answer FROM kept')));
  expect(rows).toEqual([{ answer: 42 }]);
});

test('a temporary server leaves nothing behind', async () => {
  const dataDir = await freshPlace();
  const postgres = await start(dataDir, { temporary: true });
  await postgres.stop();
  for (const suffix of ['', '.log', '.passwords']) await expect(stat(`${dataDir}${suffix}`)).rejects.toMatchObject({ code: 'ENOENT' });
});

async function parentOf(pid: number): Promise<number> {
  return Number(/^PPid:\s+(\d+)$/m.exec(await readFile(`/proc/${pid}/status`, 'utf8'))?.[1]);
}

/** False for a process that ended, including a zombie. */
async function isRunning(pid: number): Promise<boolean> {
  const status = await readFile(`/proc/${pid}/status`, 'utf8').catch(() => 'State:\tX');
  return !/^State:\s+[ZX]/m.test(status);
}

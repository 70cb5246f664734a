import { chmod, mkdir, rename, rm, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { dirname, join } from 'node:path';
import { expect, onTestFinished, test } from 'vitest';
import { type LocalPostgresErrorCode, startPostgres } from '../src/index.ts';
import { freshPlace, holdFrom, query } from './place.ts';

async function refusal(options: Parameters<typeof startPostgres>[0]): Promise<{ code: LocalPostgresErrorCode; message: string }> {
  return startPostgres({ durable: false, ...options }).then(
    async (postgres) => {
      await postgres.stop();
      throw new Error('expected a refusal');
    },
    (error) => {
      expect(error).toMatchObject({ name: 'LocalPostgresError' });
      expect(error.message).not.toContain('\n');
      return error;
    },
  );
}

test('a stale pid file naming an unrelated live process does not prevent a start', async () => {
  const dataDir = await freshPlace();
  const first = await startPostgres({ dataDir, durable: false });
  await first.stop();
  await writeFile(join(dataDir, 'postmaster.pid'), `${process.pid}\n${dataDir}\n1\n1\n\n127.0.0.1\n0 0\nready   \n`);
  const second = await startPostgres({ dataDir, durable: false });
  onTestFinished(() => second.stop());
  expect(await query(second.ownerUrl, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('a folder in use is refused at once, naming the process that uses it', async () => {
  const dataDir = await freshPlace();
  const first = await startPostgres({ dataDir, durable: false });
  onTestFinished(() => first.stop());
  const { code, message } = await refusal({ dataDir });
  expect(code).toBe('folder_in_use');
  expect(message).toContain(`process ${process.pid}`);
  expect(await query(first.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

test('a port in use is refused', async () => {
  const server = createServer();
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  onTestFinished(() => void server.close());
  const { port } = server.address() as { port: number };
  const { code, message } = await refusal({ dataDir: await freshPlace(), port });
  expect(code).toBe('port_in_use');
  expect(message).toContain(String(port));
});

/** Small file systems, mounted in a namespace of the started process. */
const FULL_DISKS = {
  "too small for the programs' first files": 'mount -t tmpfs -o size=8m,mode=755 tmpfs "$0" && exec "$@"',
  'too small for the first log segment': 'mount -t tmpfs -o size=30m,mode=755 tmpfs "$0" && exec "$@"',
  'filled since the last run':
    'mount -t tmpfs -o size=80m,mode=755 tmpfs "$0" && "$@" > /dev/null && ! cat /dev/zero > "$0/fill" 2> /dev/null && exec "$@"',
};

test.for(Object.entries(FULL_DISKS))('a full disk is refused: %s', async ([, script]) => {
  const dataDir = await freshPlace();
  const folder = dirname(dataDir);
  const prefix = ['unshare', '--user', '--map-root-user', '--mount', 'sh', '-c', script, folder];
  const { said } = await holdFrom(dataDir, { prefix, wait: false });
  expect(said).toMatchObject({ code: 'disk_full', message: expect.stringContaining(folder) });
  expect(said.message).not.toContain('\n');
});

test('data of another major version is refused and not changed', async () => {
  const dataDir = await freshPlace();
  await mkdir(dataDir);
  await writeFile(join(dataDir, 'PG_VERSION'), '15\n');
  await writeFile(`${dataDir}.passwords`, JSON.stringify({ owner: 'a', service: 'b' }));
  const { code, message } = await refusal({ dataDir });
  expect(code).toBe('version_mismatch');
  expect(message).toContain('PostgreSQL 15');
});

test('a missing password file is refused, and the folder starts once it is restored', async () => {
  const dataDir = await freshPlace();
  await (await startPostgres({ dataDir, durable: false })).stop();
  await rename(`${dataDir}.passwords`, `${dataDir}.elsewhere`);
  expect((await refusal({ dataDir })).code).toBe('password_missing');
  await rename(`${dataDir}.elsewhere`, `${dataDir}.passwords`);
  await (await startPostgres({ dataDir, durable: false })).stop();
});

test('for an unreadable data folder the error contains PostgreSQL’s message', async () => {
  const dataDir = await freshPlace();
  await (await startPostgres({ dataDir, durable: false })).stop();
  await rm(join(dataDir, 'global', 'pg_control'));
  const { code, message } = await refusal({ dataDir });
  expect(code).toBe('start_failed');
  expect(message).toMatch(/pg_control|database system/);
});

test('without user namespaces, root runs the server as an existing user, or gets advice', async () => {
  const dataDir = await freshPlace();
  await chmod(dirname(dataDir), 0o755);
  const started = await startPostgres({ dataDir, durable: false, identity: 'user' }).catch((error) => error);
  // Other users may not have access to the checkout.
  if (started instanceof Error)
    return expect(started).toMatchObject({ code: 'root_refused', message: expect.stringContaining('ordinary user') });
  onTestFinished(() => started.stop());
  expect(await query(started.url, 'SELECT 1 AS one')).toEqual([{ one: 1 }]);
});

import { type ChildProcess, spawn } from 'node:child_process';
import { randomBytes } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createInterface } from 'node:readline';
import { fileURLToPath } from 'node:url';
import { listen } from '@recant/service';
import { type TestDatabase, testLedgerDatabase } from '@recant/test-support';
import pg from 'pg';
import { afterAll, afterEach, beforeAll, expect, test } from 'vitest';

const MAIN = fileURLToPath(new URL('../src/main.ts', import.meta.url));
let folder: string;
let keyFile: string;
let database: TestDatabase;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recant-main-'));
  keyFile = join(folder, 'master.key');
  await writeFile(keyFile, `${randomBytes(32).toString('base64')}\n`);
  database = await testLedgerDatabase();
});
afterAll(async () => {
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

const children = new Set<ChildProcess>();
afterEach(() => {
  for (const child of children) child.kill('SIGKILL');
  children.clear();
});

function start(env: Record<string, string>): ChildProcess {
  const child = spawn(process.execPath, [MAIN], {
    env: { PATH: process.env.PATH, RECANT_PORT: '0', ...env },
    stdio: ['ignore', 'pipe', 'pipe'],
  });
  children.add(child);
  return child;
}

async function endOf(child: ChildProcess): Promise<{ code: number | null; stderr: string }> {
  let stderr = '';
  child.stderr?.on('data', (chunk: Buffer) => {
    stderr += chunk;
  });
  const code = await new Promise<number | null>((resolve) => child.once('close', resolve));
  return { code, stderr };
}

const failing = (env: Record<string, string>) => endOf(start(env));
const good = () => ({ DATABASE_URL: database.url, RECANT_MASTER_KEY_FILE: keyFile });

test('a wrong configuration names all problems, one line each', async () => {
  const { code, stderr } = await failing({ KAFKA_BROKERS: 'nowhere', RECANT_PORT: 'x', RECANT_AGENT_LEASE_MS: '20001' });
  expect(code).toBe(1);
  expect(
    stderr
      .trim()
      .split('\n')
      .map((line) => line.split(/[ :]/)[0]),
  ).toEqual(['DATABASE_URL', 'KAFKA_BROKERS', 'RECANT_PORT', 'RECANT_MASTER_KEY_FILE', 'RECANT_AGENT_LEASE_MS']);
});

test.each([
  ['an unreachable database', () => ({ ...good(), DATABASE_URL: 'postgres://u:hunter2@127.0.0.1:1/x' }), /is unreachable .*DATABASE_URL/],
  ['an invalid master key', () => ({ ...good(), RECANT_MASTER_KEY_FILE: MAIN }), /RECANT_MASTER_KEY_FILE: expected keys of 32 bytes/],
])('%s fails the start with one line and a fix', async (_what, env, expected) => {
  const { code, stderr } = await failing(env());
  expect(code).toBe(1);
  expect(stderr.trim().split('\n')).toHaveLength(1);
  expect(stderr).toMatch(expected);
  expect(stderr).not.toContain('hunter2');
});

test('a login without the writer role fails the start with one line and a fix', async () => {
  const owner = new pg.Client({ connectionString: database.ownerUrl });
  await owner.connect();
  const login = `stranger_${database.name}`;
  await owner.query(`CREATE ROLE ${login} LOGIN PASSWORD 'hunter2'`);
  const { code, stderr } = await failing({
    ...good(),
    DATABASE_URL: Object.assign(new URL(database.url), { username: login, password: 'hunter2' }).href,
  });
  await owner.query(`DROP ROLE ${login}`);
  await owner.end();
  expect(code).toBe(1);
  expect(stderr).toMatch(/^[^\n]*GRANT recant_writer, recant_reader[^\n]*\n$/);
  expect(stderr).not.toContain('hunter2');
});

test('a port in use fails the start with one line and a fix', async () => {
  const other = await listen(() => {}, { host: '127.0.0.1', port: 0 });
  const { code, stderr } = await failing({ ...good(), RECANT_PORT: String(other.port) });
  expect(code).toBe(1);
  expect(stderr).toMatch(/^port \d+ on 127\.0\.0\.1 is already in use: .*RECANT_PORT[^\n]*\n$/);
  await other.close(100);
});

test('it logs its URL and shuts down cleanly on SIGTERM', async () => {
  const child = start(good());
  const ended = endOf(child);
  let url = '';
  for await (const line of createInterface({ input: child.stdout as NodeJS.ReadableStream })) {
    url = (JSON.parse(line) as { url?: string }).url ?? '';
    if (url !== '') break;
  }
  expect(await (await fetch(`${url}/health`)).json()).toEqual({ status: 'ok' });
  child.kill('SIGTERM');
  expect(await ended).toEqual({ code: 0, stderr: '' });
});

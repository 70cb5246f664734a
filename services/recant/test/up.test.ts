import { once } from 'node:events';
import { readdir, readFile, stat, writeFile } from 'node:fs/promises';
import { createServer } from 'node:net';
import { userInfo } from 'node:os';
import { join } from 'node:path';
import { createClient } from '@recant/client';
import { testDatabase } from '@recant/test-support';
import { afterEach, beforeEach, expect, test } from 'vitest';
import { openFolder } from '../src/folder/folder.ts';
import { recant, temporaryFolder, type Up, up } from './process.ts';

let folder: Awaited<ReturnType<typeof temporaryFolder>>;
const running: Up[] = [];
beforeEach(async () => {
  folder = await temporaryFolder();
});
afterEach(async () => {
  for (const one of running.splice(0)) if (one.child.exitCode === null && one.child.signalCode === null) await one.end('SIGTERM');
  await folder.remove();
});

async function start(args: readonly string[] = []): Promise<Up> {
  const one = await up(folder.path, args);
  running.push(one);
  return one;
}

async function statusAs({ url }: Up, name: string, password: string): Promise<number> {
  const authorization = `Basic ${Buffer.from(`${name}:${password}`).toString('base64')}`;
  return (await fetch(`${url}/v1/keys`, { headers: { authorization } })).status;
}

const operator = async () => JSON.parse(await readFile(join(folder.path, '.recant/cli.json'), 'utf8')) as { url: string; apiKey: string };

test('the first start makes keys and prints them once; commands in the same directory find the service, a second `up` its address; after kill -9 the next start has all acknowledged events', async () => {
  const first = await start();
  const other = await recant(folder.path, ['up', '--port', '0']);
  expect(other).toMatchObject({ code: 3, err: expect.stringContaining(first.url) });
  expect(first.out).toContain((await operator()).apiKey);
  expect((await stat(join(folder.path, '.recant/cli.json'))).mode & 0o777).toBe(0o600);
  await expectMadeKeysRecorded(first.out);
  const agentKey = /agents\s+(recant_\S+)/.exec(first.out)?.[1] ?? '';
  expect(await recant(folder.path, ['status'])).toMatchObject({ code: 0, out: expect.stringContaining('ok') });
  expect(await recant(folder.path, ['keys', 'list', '--key', agentKey])).toMatchObject({ code: 4 });
  expect(await first.end('SIGINT')).toBe(0);
  expect(await recant(folder.path, ['status'])).toMatchObject({ code: 4, err: expect.stringContaining('recant up') });

  const second = await start();
  expect(second.out).not.toMatch(/recant_[a-z0-9]+_|password/);
  expect(await recant(folder.path, ['status', '--json'])).toMatchObject({ code: 0 });
  const client = createClient(await operator());
  expect(await client.keys()).toHaveLength(3);
  const made = await client.createKey({ roles: ['emit'], agents: ['a'], resources: [], sourcePrefix: 'recant://a' });
  expect(await second.end('SIGKILL')).toBe('SIGKILL');

  const third = await start();
  expect((await createClient(await operator()).keys()).map(({ keyId }) => keyId)).toContain(made.keyId);
  expect(await third.end('SIGTERM')).toBe(0);
}, 180_000);

/** Each key that the first start created is an act of the operator, and no act contains a secret. */
async function expectMadeKeysRecorded(shown: string): Promise<void> {
  const client = createClient(await operator());
  const acts = (await client.acts({})).items.map(({ event }) => event.data);
  const made = acts.filter(({ operation }) => operation === 'createKey');
  expect(made.map(({ actor, outcome }) => [actor, outcome])).toEqual(Array(3).fill([{ id: `local:${userInfo().username}` }, 'done']));
  const keys = (await client.keys()).map(({ keyId, roles }) => expect.objectContaining({ keyId, roles }));
  expect(keys).toHaveLength(3);
  expect(made.map(({ detail }) => detail)).toEqual(expect.arrayContaining(keys));
  const secrets = [...shown.matchAll(/recant_[a-z0-9]+_(\S+)/g)].map(([, secret]) => secret);
  expect(secrets.length).toBeGreaterThan(0);
  for (const secret of secrets) expect(JSON.stringify(acts)).not.toContain(secret);
}

test('a port in use is a one-line error that still shows what the start created, and leaves nothing running; the local person has a password, shown once and stored as a hash; each new one is an act without it: at the first start, at once while running, or at the next start; an act with an unknown outcome is pending', async () => {
  const other = createServer().listen(0, '127.0.0.1');
  await once(other, 'listening');
  const { port } = other.address() as { port: number };
  const refused = await recant(folder.path, ['up', '--port', String(port)]);
  other.close();
  expect(refused.code).toBe(1);
  expect(refused.err).toMatch(new RegExp(`port ${port} .* in use`));
  // Secrets of a first start that failed are valid: they are printed, and the next start creates no others.
  expect(refused.out).toMatch(/won't be shown again:\n {2}operator {2}recant_\S+\n[\s\S]*password {2}\S+/);
  const first = await start();
  expect(first.out).not.toMatch(/recant_[a-z0-9]+_|password/);
  const shown = /password\s+(\S+)/.exec(refused.out)?.[1] ?? '';
  expect(await statusAs(first, 'operator', shown)).toBe(200);
  expect([await statusAs(first, 'operator', `${shown}x`), await statusAs(first, 'root', shown)]).toEqual([401, 401]);
  const file = join(folder.path, '.recant/operator.password');
  expect((await stat(file)).mode & 0o777).toBe(0o600);
  expect(await readFile(file, 'utf8')).not.toContain(shown);
  const acts = async () => {
    const { items } = await createClient(await operator()).acts({ by: [`local:${userInfo().username}`] });
    return items.map(({ event }) => event.data).reverse();
  };
  const ordered = async () => (await acts()).filter(({ operation }) => operation === 'resetPassword').map(({ object }) => object);
  expect(await ordered()).toEqual([{ person: 'operator', time: expect.any(String) }]);
  const online = await recant(folder.path, ['password']);
  expect(online.err).toContain("won't be shown again");
  expect(online.err).not.toContain('next start');
  expect([await statusAs(first, 'operator', shown), await statusAs(first, 'operator', online.out.trim())]).toEqual([401, 200]);
  expect(await recant(folder.path, ['password', '--dir', 'elsewhere'])).toMatchObject({
    code: 2,
    err: expect.stringContaining('recant up'),
  });
  expect(await readdir(folder.path)).not.toContain('elsewhere');
  expect(await ordered()).toHaveLength(2);
  expect(await first.end('SIGTERM')).toBe(0);

  const before = new Date().toISOString();
  const offline = await recant(folder.path, ['password']);
  expect(offline).toMatchObject({ code: 0, err: expect.stringContaining('next start of `recant up`') });
  expect(JSON.parse((await recant(folder.path, ['password', '--json'])).out)).toMatchObject({ name: 'operator', recorded: false });
  const cut = { by: 'local:ada', request: 'r-1', time: '2026-03-01T12:00:00.000Z', done: false };
  await writeFile(join(folder.path, '.recant/password-act.019ca945-0a00-7000-8000-000000000000.json'), JSON.stringify(cut));
  await start();
  const objects = (await ordered()) as { time: string }[];
  expect(objects).toHaveLength(4);
  expect(objects.slice(2).map(({ time }) => time > before)).toEqual([true, true]);
  expect((await readdir(join(folder.path, '.recant'))).filter((name) => name.startsWith('password-act'))).toEqual([]);
  const { items } = await createClient(await operator()).acts({});
  const recorded = JSON.stringify(items);
  const [begun, ...others] = (await createClient(await operator()).acts({ by: ['local:ada'] })).items;
  expect([begun?.event, others]).toMatchObject([{ data: { object: { time: cut.time }, request: 'r-1', outcome: 'pending' } }, []]);
  for (const { operation, outcome } of await acts()) if (operation === 'resetPassword') expect(outcome).toBe('done');
  for (const password of [shown, online.out.trim(), offline.out.trim()]) {
    expect(password).toMatch(/\S{10}/);
    expect(recorded).not.toContain(password);
  }
}, 120_000);

test('a wrong DATABASE_URL, port or lease is a one-line error without the password', async () => {
  const cases: { env: Record<string, string>; args?: string[]; code: number; says: RegExp }[] = [
    { env: { DATABASE_URL: 'postgres://me:s3cret@127.0.0.1:1/none' }, code: 1, says: /127\.0\.0\.1:1.*DATABASE_URL/ },
    { env: { DATABASE_URL: 'mysql://me:s3cret@127.0.0.1/none' }, code: 2, says: /DATABASE_URL: must start with postgres/ },
    { env: { RECANT_PORT: 'many', RECANT_SHARDS: '0' }, code: 2, says: /RECANT_PORT: .*RECANT_SHARDS: / },
    { env: {}, args: ['--agent-lease', '500'], code: 2, says: /RECANT_AGENT_LEASE_MS: must be .* from 1000 to 20000, got "500"/ },
  ];
  for (const { env, args = [], code, says } of cases) {
    const refused = await recant(folder.path, ['up', ...args], env);
    expect(refused.code, refused.err).toBe(code);
    expect(refused.err).toMatch(says);
    expect(refused.err).not.toContain('s3cret');
    expect(refused.err).not.toContain('    at ');
  }
});

test('DATABASE_URL replaces the embedded PostgreSQL', async () => {
  await using database = await testDatabase();
  const one = await up(folder.path, [], { DATABASE_URL: database.ownerUrl });
  running.push(one);
  expect(one.out).toContain('PostgreSQL at DATABASE_URL');
  expect(await recant(folder.path, ['status'])).toMatchObject({ code: 0 });
  expect(await one.end('SIGINT')).toBe(0);
  expect(await readdir(join(folder.path, '.recant'))).not.toContain('postgres');
});

test('a folder that cannot be created is an error at once, and missing parent folders are created', async () => {
  await writeFile(join(folder.path, 'file'), '');
  for (const dir of ['/proc/x', '/proc/x/y', join(folder.path, 'file'), join(folder.path, 'file/x')]) {
    const refused = await recant(folder.path, ['up', '--port', '0'], { RECANT_DIR: dir });
    expect(refused, dir).toMatchObject({ code: 1, err: expect.stringMatching(/Cannot create folder .*\n.*--dir/) });
  }
  const made = await openFolder(join(folder.path, 'one/two/three'));
  await made.write('text', 'kept');
  expect(await made.read('text')).toBe('kept');
  expect((await openFolder(made.path)).path).toBe(made.path);
  const twice = join(folder.path, 'of/several/that/start/at/once');
  await Promise.all(Array.from({ length: 8 }, () => openFolder(twice)));
});

test('without Java, --kafka names the package to install', async () => {
  const refused = await recant(folder.path, ['up', '--port', '0', '--kafka'], { PATH: '/nonexistent', JAVA_HOME: '' });
  expect(refused).toMatchObject({ code: 1, err: expect.stringMatching(/[Jj]ava/) });
});

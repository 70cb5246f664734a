import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { copyFileSync, cpSync, mkdirSync, readFileSync, symlinkSync } from 'node:fs';
import { mkdtemp, readFile, realpath, rm } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { text } from 'node:stream/consumers';
import { createApp, createLogger, listen } from '@recant/service';
import { wireLedger } from '@recant/service-ledger/wire';
import { createStore, type Store } from '@recant/store';
import { testLedgerDatabase } from '@recant/test-support';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { buildPackages } from '../../deploy/npm/build.ts';
import { ROOT } from '../../deploy/npm/packages.ts';
import { stockNode } from './stock-node.ts';

/** The published packages, compiled once; removed after the last test. */
const built = { folder: '', names: [] as string[] };

beforeAll(async () => {
  built.folder = await realpath(await mkdtemp(join(tmpdir(), 'recant-packages-')));
  built.names = buildPackages(built.folder);
  // Compiles every package: 15 s on two idle cores, minutes on busy ones.
}, 900_000);
afterAll(() => rm(built.folder, { recursive: true, force: true }));

async function freshFolder(): Promise<string> {
  const folder = await realpath(await mkdtemp(join(tmpdir(), 'recant-agent-')));
  onTestFinished(() => rm(folder, { recursive: true, force: true }));
  return folder;
}

/** An agent's project with the published packages and their dependencies installed. */
async function installed(): Promise<string> {
  const folder = await freshFolder();
  const modules = join(folder, 'node_modules');
  cpSync(join(built.folder, '@recant'), join(modules, '@recant'), { recursive: true });
  for (const name of ['pg', 'kafkajs']) symlinkSync(join(ROOT, 'node_modules', name), join(modules, name));
  copyFileSync(join(ROOT, 'test', 'packages', 'agent.mjs'), join(folder, 'agent.mjs'));
  return folder;
}

async function startLedger(): Promise<{ store: Store; url: string }> {
  const database = await testLedgerDatabase();
  const store = createStore({ connectionString: database.ownerUrl, masterKey: randomBytes(32) });
  const logger = createLogger({ name: 'ledger', level: 'silent' });
  const ledger = wireLedger({ store, logger, clock: Date.now, shards: 8 });
  const app = createApp({
    title: 'Ledger',
    version: '0.1.0',
    routers: ledger.routers,
    health: ledger.health,
    acts: ledger.acts,
    keyring: store.credentials,
    logger,
    requestId: randomUUID,
  });
  const listening = await listen(app, { host: '127.0.0.1', port: 0 });
  onTestFinished(async () => {
    await listening.close(5_000);
    await ledger.stop();
    await store.close();
    await database.drop();
  });
  return { store, url: listening.url };
}

test('the published packages record an action on the machine’s own Node', async () => {
  const { program, version } = stockNode();
  const [project, { store, url }, root] = await Promise.all([installed(), startLedger(), freshFolder()]);
  mkdirSync(join(root, 'notes'));
  const { apiKey } = await store.credentials.create({
    tenant: 't1',
    roles: ['emit'],
    sourcePrefix: 'recant://writer',
    agents: ['writer'],
    resources: ['filesystem://notes/*'],
  });
  const agent = spawn(program, ['agent.mjs'], { cwd: project, stdio: ['pipe', 'pipe', 'pipe'] });
  agent.stdin.end(JSON.stringify({ url, apiKey, root: join(root, 'notes') }));
  const [said, complained] = await Promise.all([text(agent.stdout), text(agent.stderr)]);
  expect(complained).toBe('');
  expect(JSON.parse(said)).toEqual({ node: version, result: 'written', exported: ['function', 'function'] });
  const { attempts } = await store.queries.attempts('t1', { selection: { agents: ['writer'] }, limit: 10, nowMs: Date.now() });
  expect(attempts).toEqual([expect.objectContaining({ tool: 'note', agent: 'writer' })]);
  expect(await readFile(join(root, 'notes', 'a.txt'), 'utf8')).toBe('hello');
});

test('a published package refers only to its own files, and to nothing of the checkout', () => {
  expect(built.names).toEqual(expect.arrayContaining(['@recant/client', '@recant/connector', '@recant/events', '@recant/sdk']));
  for (const name of built.names) {
    const { exports, private: hidden } = JSON.parse(readFileSync(join(built.folder, name, 'package.json'), 'utf8'));
    expect(hidden).toBeUndefined();
    for (const { types, default: code } of Object.values<{ types: string; default: string }>(exports)) {
      for (const file of [types, code]) expect(readFileSync(join(built.folder, name, file), 'utf8')).not.toContain(ROOT);
    }
  }
});

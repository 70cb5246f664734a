import { execFile } from 'node:child_process';
import { chmod, mkdtemp, writeFile } from 'node:fs/promises';
import { createServer, type Server } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { testDatabase, testKafka, testLedgerDatabase, waitUntil } from '@recant/test-support';
import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import pg from 'pg';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createStage, type Stage } from '../../rollback/test/harness.ts';
import { checkNode } from '../src/doctor/machine.ts';
import { type CheckReport, runChecks } from '../src/doctor/report.ts';
import { recantHere, temporaryFolder } from './process.ts';

let stage: Stage;
let folder: Awaited<ReturnType<typeof temporaryFolder>>;
let key: string;
beforeAll(async () => {
  folder = await temporaryFolder();
  stage = await createStage({ watchMs: 50 });
  key = await stage.makeKey({ roles: ['view', 'administer'], agents: [], resources: [] });
}, 120_000);
afterAll(async () => {
  await stage?.[Symbol.asyncDispose]();
  await folder?.remove();
});

interface Examined {
  readonly code: number | null;
  readonly text: string;
  of(check: string): CheckReport;
}

async function doctor(env: Readonly<Record<string, string>> = {}, dir = folder.path, nowMs: () => number = Date.now): Promise<Examined> {
  const { code, out, err } = await recantHere(dir, ['doctor', '--json'], undefined, undefined, { env, nowMs });
  const { checks } = JSON.parse(out) as { checks: readonly CheckReport[] };
  return { code, text: out + err, of: (check) => checks.find((each) => each.check === check) as CheckReport };
}

const served = () => ({ RECANT_URL: stage.url, RECANT_API_KEY: key });
const onDatabase = async (url: string, ...statements: string[]) => {
  const client = new pg.Client({ connectionString: url });
  await client.connect();
  for (const statement of statements) await client.query(statement);
  await client.end();
};
/** A port that nobody listens on, and one whose connections nobody answers. */
async function deadPort(): Promise<number> {
  const server = await silentServer();
  const { port } = server.address() as { port: number };
  await new Promise((done) => server.close(done));
  return port;
}
async function silentServer(): Promise<Server> {
  const server = createServer(() => undefined);
  await new Promise<void>((done) => server.listen(0, '127.0.0.1', done));
  return server;
}

test('an agent whose system nobody registered is found, and mended by the command that the finding names', async () => {
  const agent = await stage.agent('pricing-bot');
  // Its own connection, not the handle: nothing is recorded of the change.
  const tool = async () => void (await stage.shop.pool.query('UPDATE orders SET price = 1 WHERE id = 1'));
  await agent.wrap(tool, { name: 'reprice', resources: () => ['postgres://shop/public.orders/1'] })();
  await agent.flush();
  const before = await waitUntil(async () => {
    const seen = await doctor(served());
    return seen.of('systems').state === 'found' ? seen : undefined;
  });
  expect(before.code).toBe(7);
  expect(before.of('systems').findings).toMatchObject([
    {
      subject: 'system shop',
      detail: expect.stringContaining('pricing-bot'),
      action: expect.stringMatching(/^recant connect postgres shop/),
    },
  ]);
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
  const later = await doctor(served(), folder.path, () => Date.now() + 120_000);
  expect(later.of('systems').state).toBe('ok');
  expect(later.of('effects').findings).toMatchObject([{ subject: 'tool reprice', action: expect.stringMatching(/^recant actions show /) }]);
});

test('a table whose capture was switched off is found with what to do', async () => {
  await stage.operator.registerSystem({ name: 'shop', connector: 'postgres', options: { url: stage.shop.ownerUrl } });
  await stage.shop.owner.query('ALTER TABLE orders DISABLE TRIGGER zz_recant_2_row');
  const seen = await waitUntil(async () => {
    const each = await doctor(served());
    return each.of('capture').state === 'found' ? each : undefined;
  });
  expect(seen.of('capture').findings).toMatchObject([
    { subject: 'system shop', detail: expect.stringContaining('orders'), action: expect.stringMatching(/\S/) },
  ]);
  await stage.shop.owner.query('ALTER TABLE orders ENABLE ALWAYS TRIGGER zz_recant_2_row');
});

test('a key without resources beside a folder, and one that is about to end, are found; a revoked one is not', async () => {
  const dir = await mkdtemp(join(folder.path, 'docs-'));
  await stage.operator.registerSystem({ name: 'docs', connector: 'filesystem', options: { root: dir, store: `${dir}.images` } });
  const bare = await stage.makeKey({ agents: ['writer'], resources: [] });
  const ending = await stage.makeKey({ agents: ['reader'], expiresAtMs: Date.now() + 3_600_000 } as never);
  const idOf = (apiKey: string) => apiKey.split('_')[1] as string;
  const { findings } = (await doctor(served())).of('keys');
  expect(findings).toContainEqual(
    expect.objectContaining({ subject: `key ${idOf(bare)}`, action: expect.stringMatching(/keys create --agent "writer" --resource/) }),
  );
  expect(findings).toContainEqual(
    expect.objectContaining({ subject: `key ${idOf(ending)}`, action: `recant keys rotate ${idOf(ending)}` }),
  );
  await stage.operator.revokeKey(idOf(bare));
  expect((await doctor(served())).of('keys').findings.map(({ subject }) => subject)).not.toContain(`key ${idOf(bare)}`);
});

test('a database with an older or newer layout, without roles, or under a superuser is found; a migrated one is fine', async () => {
  const [fresh, ledger, plain] = await Promise.all([testDatabase(), testLedgerDatabase(), testDatabase()]);
  const subjects = async (url: string, nowMs?: () => number) => (await doctor({ DATABASE_URL: url }, folder.path, nowMs)).of('database');
  expect(await subjects(ledger.url)).toMatchObject({ state: 'ok', findings: [] });
  expect((await subjects(fresh.url)).findings[0]).toMatchObject({ subject: 'layout', detail: expect.stringContaining('older') });
  expect((await subjects(ledger.ownerUrl)).findings).toMatchObject([{ detail: expect.stringContaining('superuser') }]);
  await onDatabase(ledger.ownerUrl, 'ALTER TABLE recant.alarm DROP COLUMN action', 'ALTER TABLE recant.entry ADD COLUMN later int');
  const layouts = (await subjects(ledger.url)).findings;
  expect(layouts.map(({ detail }) => detail)).toEqual([
    expect.stringContaining('lacks alarm.action'),
    expect.stringContaining('entry.later'),
  ]);

  const login = `doctor_${plain.name}`;
  await onDatabase(ledger.ownerUrl, `CREATE ROLE ${login} LOGIN PASSWORD 'hunter2-doctor'`);
  const url = Object.assign(new URL(ledger.url), { username: login, password: 'hunter2-doctor' }).href;
  const seen = await doctor({ DATABASE_URL: url });
  expect(seen.of('database').findings).toContainEqual(
    expect.objectContaining({ subject: `login ${login}`, action: expect.stringMatching(/GRANT recant_writer, recant_reader TO/) }),
  );
  expect(seen.text).not.toContain('hunter2');
  await onDatabase(ledger.ownerUrl, `DROP ROLE ${login}`);

  const skewed = await subjects(ledger.url, () => Date.now() - 60_000);
  expect(skewed.findings).toContainEqual(expect.objectContaining({ subject: 'clock', detail: expect.stringContaining('60.0 s ahead') }));
  await Promise.all([fresh.drop(), ledger.drop(), plain.drop()]);
});

test('nothing that is away keeps the doctor: service, database, broker, anchors and witnesses are found, and the rest says that it was not checked', async () => {
  const port = await deadPort();
  const at = `127.0.0.1:${port}`;
  const witness = `http://${at} w.example+c1a9d3f6+BFcR7nqkPzC+sQ8sT5cV0oI2n1dC2bS8c7m5l8f3n6Zk`;
  const anchors = join(folder.path, 'unmounted');
  const env = {
    RECANT_URL: `http://${at}`,
    RECANT_API_KEY: key,
    DATABASE_URL: `postgres://u:hunter2-away@${at}/x`,
    KAFKA_BROKERS: at,
    RECANT_ANCHOR_DIR: anchors,
  };
  const seen = await doctor(env);
  expect(seen.code).toBe(7);
  for (const check of ['service', 'database', 'kafka', 'anchors']) {
    expect(seen.of(check), check).toMatchObject({ state: 'found' });
    expect(seen.of(check).findings[0]?.action, check).toMatch(/\S/);
  }
  for (const check of ['capture', 'systems', 'keys'])
    expect(seen.of(check)).toMatchObject({ state: 'unchecked', reason: 'the service does not answer' });
  expect(seen.of('node').state).toBe('ok');
  expect(seen.text).not.toMatch(/hunter2/);
  expect(seen.text).not.toContain(key);
  const broken = await doctor({ ...env, RECANT_WITNESSES: witness });
  expect(broken.of('configuration').findings[0]?.detail).toContain('RECANT_WITNESSES');
});

test('what hangs is bounded', async () => {
  const server = await silentServer();
  const at = `127.0.0.1:${(server.address() as { port: number }).port}`;
  const seen = await doctor({ RECANT_URL: `http://${at}`, RECANT_API_KEY: key, DATABASE_URL: `postgres://u:x@${at}/x` });
  expect([seen.code, seen.of('service').state, seen.of('database').state]).toEqual([7, 'found', 'found']);
  const never = { name: 'never', run: () => new Promise<never>(() => {}) };
  expect(await runChecks([never], 20)).toMatchObject([{ state: 'unchecked', reason: expect.stringContaining('no result') }]);
  server.close();
}, 60_000);

test('a position that does not fit its topic, and settings under which a broker drops events, are found with the commands that mend them', async () => {
  const [kafka, ledger] = await Promise.all([testKafka({ partitions: 1 }), testLedgerDatabase()]);
  await onDatabase(
    ledger.ownerUrl,
    `INSERT INTO recant.kafka_position (tenant_id, topic, partition, cluster, next_offset) VALUES ('recant', '${kafka.topic}', 0, 'before/recreated', 1)`,
  );
  const env = { DATABASE_URL: ledger.url, KAFKA_BROKERS: kafka.brokers.join(','), RECANT_KAFKA_TOPIC: kafka.topic };
  expect((await doctor(env)).of('kafka').findings).toMatchObject([
    { subject: `${kafka.topic}/0`, detail: expect.stringContaining('recreated'), action: expect.stringMatching(/recant kafka adopt 0/) },
  ]);
  const admin = new Kafka({ brokers: kafka.brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  const configEntries = [
    { name: 'retention.ms', value: '3600000' },
    { name: 'cleanup.policy', value: 'compact' },
  ];
  await admin.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: kafka.topic, configEntries }] });
  await admin.disconnect();
  const { findings } = await waitUntil(async () => {
    const each = (await doctor(env)).of('kafka');
    return each.findings.length === 3 ? each : undefined;
  });
  expect(findings.map(({ action }) => action)).toEqual([
    expect.stringMatching(/--add-config retention.ms=/),
    expect.stringMatching(/--add-config cleanup.policy=delete/),
    expect.stringMatching(/recant kafka adopt 0/),
  ]);
  await ledger.drop();
}, 120_000);

test('a data folder on a disk that is almost full, and secrets that others can read, are found', async () => {
  const dir = await mkdtemp(join(tmpdir(), 'recant-doctor-'));
  const bin = fileURLToPath(new URL('../bin/recant.js', import.meta.url));
  const script = 'mount -t tmpfs -o size=8m,mode=755 tmpfs "$0" && exec "$@"';
  const args = ['--user', '--map-root-user', '--mount', 'sh', '-c', script, dir, process.execPath, bin, 'doctor', '--json', '--dir', dir];
  const out = await new Promise<string>((resolve) =>
    execFile('unshare', args, { env: { PATH: process.env.PATH } }, (_, text) => resolve(text)),
  );
  const { checks } = JSON.parse(out) as { checks: readonly CheckReport[] };
  expect(checks.find(({ check }) => check === 'disk')?.findings).toMatchObject([
    { subject: dir, detail: expect.stringContaining('8 MiB free'), action: expect.stringContaining(`df -h ${dir}`) },
  ]);

  const master = join(dir, 'master.key');
  await writeFile(master, 'x', { mode: 0o600 });
  expect((await doctor({}, dir)).of('folder').state).toBe('ok');
  await chmod(master, 0o644);
  expect((await doctor({}, dir)).of('folder').findings).toMatchObject([{ subject: master, action: `chmod 600 ${master}` }]);
});

test('an old Node is found', async () => {
  const stateOf = async (version: string) => (await runChecks([checkNode(version)]))[0]?.state;
  expect([await stateOf('18.20.8'), await stateOf('20.18.0'), await stateOf('20.19.0'), await stateOf('24.1.0')]).toEqual([
    'found',
    'found',
    'ok',
    'ok',
  ]);
});

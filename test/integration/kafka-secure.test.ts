import { spawn } from 'node:child_process';
import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp, rm, writeFile } from 'node:fs/promises';
import type { AddressInfo } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createServer } from 'node:tls';
import { fileURLToPath } from 'node:url';
import { shardOf } from '@recant/events';
import { batchMessage, type ConnectionOptions, createProducer, ensureTopic, type KafkaLogin, readTopicIdentity } from '@recant/kafka';
import { type RunningKafka, startKafka } from '@recant/local-kafka';
import { createRecant } from '@recant/sdk';
import { kafkaTransport } from '@recant/sdk/kafka';
import { type TestDatabase, testCertificate, testLedgerDatabase, waitUntil } from '@recant/test-support';
import { AclOperationTypes, AclPermissionTypes, AclResourceTypes, Kafka, logLevel, ResourcePatternTypes, type SASLOptions } from 'kafkajs';
import { afterAll, beforeAll, expect, onTestFinished, test } from 'vitest';
import { SHARDS, startLedger, TENANT } from '../../services/ledger/test/harness.ts';
import { TestSource } from '../../services/ledger/test/producer.ts';

const MAIN = fileURLToPath(new URL('../../services/ledger/src/main.ts', import.meta.url));
const PASSWORD = 'wonder-of-nobody';
const adminPassword = randomBytes(8).toString('hex');
const ca = testCertificate('authority', { ca: true });
const clientCa = testCertificate('authority of clients', { ca: true });
const server = testCertificate('broker', { issuer: ca });
const client = testCertificate('ledger', { issuer: clientCa });
const tls = { ca: ca.cert, ...client };
const login = (mechanism: KafkaLogin['mechanism'], password = PASSWORD): KafkaLogin => ({ mechanism, username: 'alice', password });

let broker: RunningKafka;
let folder: string;
let database: TestDatabase;
beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'recant-secure-'));
  database = await testLedgerDatabase();
  const security = { ...server, ca: ca.cert, clientCa: clientCa.cert, users: { admin: adminPassword, alice: PASSWORD } };
  broker = await startKafka({ security, client, topics: [{ name: 'events', partitions: SHARDS }] });
});
afterAll(async () => {
  await broker.stop();
  await database.drop();
  await rm(folder, { recursive: true, force: true });
});

test.each(['plain', 'scram-sha-256', 'scram-sha-512'] as const)(
  'an agent’s events reach the ledger over TLS, both authenticated by %s',
  async (mechanism) => {
    const { brokers } = broker;
    const topic = `events.${mechanism}`;
    const kafka = { brokers, topic, tls, sasl: login(mechanism), groupId: `test-${randomUUID()}` };
    const ledger = await startLedger({ kafka });
    onTestFinished(() => ledger.stop());
    const sasl = { ...login(mechanism) } as NonNullable<Parameters<typeof kafkaTransport>[0]['sasl']>;
    const transport = kafkaTransport({ brokers, topic, apiKey: ledger.agentKey, tenant: TENANT, shards: SHARDS, ssl: tls, sasl });
    const recant = createRecant({ agent: 'bot', transport });
    await recant.open();
    const action = await recant.action('touch', {}, (context) => context.action);
    await recant.close();
    await waitUntil(async () => (await ledger.operator.action(action)).attempts[0]?.status === 'succeeded');
    expect(await ledger.audit()).toEqual([]);
  },
);

async function refusal(options: Partial<ConnectionOptions>): Promise<{ code: string; message: string }> {
  const asked = { brokers: broker.brokers, tls, sasl: login('scram-sha-512'), ...options };
  const [admin, producer] = await Promise.all([
    readTopicIdentity(asked, 'events').catch((error) => error),
    createProducer({ ...asked, topic: 'events' }).catch((error) => error),
  ]);
  expect(producer.message).toBe(admin.message);
  expect(admin.message).not.toMatch(new RegExp(`${PASSWORD}|wrong-word|\\n`));
  return { code: admin.code, message: admin.message.replaceAll(/127\.0\.0\.1:\d+/g, 'BROKER') };
}

test('a refused login or certificate, and an untrusted broker, are one line with reason and advice', async () => {
  const other = testCertificate('other', { ca: true });
  expect(await refusal({ tls: { ...tls, ca: other.cert } })).toEqual({
    code: 'untrusted',
    message:
      'Kafka at BROKER cannot be trusted: its certificate is not signed by a trusted authority: set RECANT_KAFKA_CA_FILE to its certificate',
  });
  for (const mechanism of ['plain', 'scram-sha-256', 'scram-sha-512'] as const)
    expect(await refusal({ sasl: login(mechanism, 'wrong-word') })).toEqual({
      code: 'access_refused',
      message: `Kafka at BROKER rejected user alice or its password (${mechanism}): correct RECANT_KAFKA_USER, RECANT_KAFKA_PASSWORD_FILE or RECANT_KAFKA_SASL`,
    });
  expect(await refusal({ tls: { ca: ca.cert } })).toMatchObject({
    code: 'untrusted',
    message: expect.stringContaining('set RECANT_KAFKA_CERT_FILE'),
  });
  const inTheClear = await readTopicIdentity({ brokers: broker.brokers }, 'events').catch((error) => error);
  expect(inTheClear).toMatchObject({
    code: 'access_refused',
    message: expect.stringContaining('RECANT_KAFKA_TLS=1 and RECANT_KAFKA_SASL'),
  });
});

test('a user without the right to create topics or to read their settings records nevertheless, and an alarm says what is not checked', async () => {
  const { brokers } = broker;
  const topic = 'events.limited';
  const owner = { ...login('plain'), username: 'admin', password: adminPassword };
  await ensureTopic({ brokers, tls, sasl: owner }, topic, SHARDS);
  const admin = new Kafka({ brokers: [...brokers], ssl: tls, sasl: owner as SASLOptions, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  onTestFinished(() => admin.disconnect());
  const aclOf = (principal: string, operation: AclOperationTypes, permissionType: AclPermissionTypes) => ({
    ...{ principal, operation, permissionType, host: '*', resourceType: AclResourceTypes.TOPIC, resourceName: topic },
    resourcePatternType: ResourcePatternTypes.LITERAL,
  });
  const deny = [AclOperationTypes.CREATE, AclOperationTypes.DESCRIBE_CONFIGS].map((operation) =>
    aclOf('User:alice', operation, AclPermissionTypes.DENY),
  );
  await admin.createAcls({ acl: [aclOf('User:*', AclOperationTypes.ALL, AclPermissionTypes.ALLOW), ...deny] });
  const sasl = login('plain');
  const kafka = { brokers, topic, tls, sasl, groupId: `test-${randomUUID()}`, settingsMs: 50 };
  const ledger = await startLedger({ kafka });
  onTestFinished(() => ledger.stop());
  const [found] = await waitUntil(() => {
    const conditions = ledger.wired.conditions();
    return conditions.length > 0 ? conditions : undefined;
  });
  expect(found).toMatchObject({
    code: 'topic_misconfigured',
    subject: `${topic} DescribeConfigs`,
    action: expect.stringContaining(`--operation DescribeConfigs --topic ${topic}`),
  });
  const source = new TestSource('limited');
  const { action, bytes } = source.intended();
  const producer = await createProducer({ brokers, tls, sasl, topic });
  onTestFinished(() => producer.close());
  await producer.send([batchMessage(ledger.agentApiKey, shardOf(TENANT, source.source, SHARDS), bytes)]);
  await waitUntil(async () => (await ledger.operator.action(action)).attempts.length === 1);
}, 120_000);

test('a broker with an expired certificate or another host name is refused', async () => {
  const expired = testCertificate('broker', { issuer: ca, notAfter: new Date('2021-01-01Z') });
  for (const [shown, reason] of [
    [expired, /its certificate has expired: renew it/],
    [testCertificate('broker', { issuer: ca, dns: ['kafka.example'] }), /its certificate does not match the host name/],
  ] as const) {
    const stranger = createServer(shown, (socket) => socket.on('error', () => {}));
    stranger.on('tlsClientError', () => {});
    await new Promise<void>((done) => stranger.listen(0, '127.0.0.1', done));
    const brokers = [`127.0.0.1:${(stranger.address() as AddressInfo).port}`];
    expect(await refusal({ brokers })).toMatchObject({ code: 'untrusted', message: expect.stringMatching(reason) });
    await new Promise((done) => stranger.close(done));
  }
});

async function put(name: string, text: string | Buffer): Promise<string> {
  await writeFile(join(folder, name), text, { mode: 0o600 });
  return join(folder, name);
}

test('the service reads its settings from the environment; an error is one line without the password', async () => {
  const env = {
    PATH: process.env.PATH,
    RECANT_PORT: '0',
    DATABASE_URL: database.url,
    RECANT_SHARDS: String(SHARDS),
    RECANT_MASTER_KEY_FILE: await put('master.key', randomBytes(32)),
    KAFKA_BROKERS: broker.brokers.join(','),
    RECANT_KAFKA_TOPIC: 'events',
    RECANT_KAFKA_GROUP: `test-${randomUUID()}`,
    RECANT_KAFKA_TLS: '1',
    RECANT_KAFKA_CA_FILE: await put('ca.pem', ca.cert),
    RECANT_KAFKA_CERT_FILE: await put('cert.pem', client.cert),
    RECANT_KAFKA_KEY_FILE: await put('key.pem', client.key),
    RECANT_KAFKA_SASL: 'scram-sha-512',
    RECANT_KAFKA_USER: 'alice',
    RECANT_KAFKA_PASSWORD_FILE: await put('password', `${PASSWORD}\n`),
  };
  const run = (over: Record<string, string | undefined>, until: RegExp) =>
    new Promise<{ code: number | null; out: string; err: string }>((resolve) => {
      const child = spawn(process.execPath, [MAIN], { env: { ...env, ...over }, stdio: ['ignore', 'pipe', 'pipe'] });
      onTestFinished(() => void child.kill('SIGKILL'));
      let out = '';
      let err = '';
      child.stdout.on('data', (chunk) => {
        const before = until.test(out);
        out += chunk;
        if (!before && until.test(out)) child.kill('SIGTERM');
      });
      child.stderr.on('data', (chunk) => {
        err += chunk;
      });
      child.once('close', (code) => resolve({ code, out, err }));
    });
  const good = await run({}, /ledger: listening/);
  expect(good).toMatchObject({ code: 0, err: '' });
  expect(good.out).not.toContain(PASSWORD);
  const wrong = await run({ RECANT_KAFKA_PASSWORD_FILE: await put('wrong', 'wrong-word') }, /ledger: listening/);
  expect(wrong).toMatchObject({ code: 1, err: expect.stringMatching(/^Kafka at [^\n]* rejected user alice[^\n]*\n$/) });
  expect(wrong.out + wrong.err).not.toContain('wrong-word');
  const half = await run(
    { RECANT_KAFKA_TLS: undefined, RECANT_KAFKA_SASL: 'plain', RECANT_KAFKA_KEY_FILE: undefined },
    /ledger: listening/,
  );
  expect(half.err.split('\n').map((line) => line.split(/[ :]/)[0])).toEqual([
    'RECANT_KAFKA_KEY_FILE',
    'RECANT_KAFKA_TLS',
    'RECANT_KAFKA_SASL',
    '',
  ]);
});

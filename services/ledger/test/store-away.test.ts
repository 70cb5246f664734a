import { randomBytes, randomUUID } from 'node:crypto';
import { mkdtemp } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { shardOf } from '@recant/events';
import { batchMessage, createProducer } from '@recant/kafka';
import { startPostgres } from '@recant/local-postgres';
import { grantServiceRole, migrate } from '@recant/store';
import { testKafka, waitUntil } from '@recant/test-support';
import { expect, test } from 'vitest';
import { SHARDS, startLedger, TENANT } from './harness.ts';
import { TestSource } from './producer.ts';

test('while PostgreSQL is down HTTP answers 503 and partitions pause; nothing is lost after it returns', { timeout: 150_000 }, async () => {
  const dataDir = join(await mkdtemp(join(tmpdir(), 'recant-away-')), 'pg');
  const first = await startPostgres({ dataDir });
  await migrate(first.ownerUrl);
  await grantServiceRole(first.ownerUrl, new URL(first.url).username);
  const kafka = await testKafka({ partitions: SHARDS });
  const producer = await createProducer(kafka);
  const ledger = await startLedger({
    kafka: { ...kafka, groupId: `test-${randomUUID()}` },
    databaseUrl: first.url,
    masterKey: randomBytes(32),
  });
  const sources = Array.from({ length: 6 }, () => new TestSource('away'));
  const attempts = sources.flatMap((source) =>
    Array.from({ length: 10 }, () => ({ source, ...source.attempt(['postgres://shop/public.a/1']) })),
  );
  const send = (some: typeof attempts) =>
    producer.send(
      some.flatMap(({ source, events }) =>
        events.map((bytes) => batchMessage(ledger.agentApiKey, shardOf(TENANT, source.source, SHARDS), bytes)),
      ),
    );
  const recorded = async () => (await ledger.operator.attempts({ agent: ['away'], outcome: ['succeeded'] }, { limit: 500 })).items.length;
  await send(attempts.slice(0, 30));
  await waitUntil(async () => (await recorded()) === 30);

  await first.stop();
  await send(attempts.slice(30));
  const answer = await ledger.post(new TestSource('away').intended().bytes);
  expect({ status: answer.status, code: answer.body.code }).toEqual({ status: 503, code: 'store_unavailable' });
  expect(Number(answer.headers.get('retry-after'))).toBeGreaterThan(0);
  await waitUntil(() => ledger.log.some((line) => line.msg === 'kafka: partition paused, store or broker unavailable'));
  expect(await ledger.operator.health()).toEqual({ status: 'degraded' });
  const probes = await Promise.all(['live', 'ready'].map((path) => fetch(`${ledger.url}/health/${path}`)));
  expect(probes.map(({ status }) => status)).toEqual([200, 503]);

  const second = await startPostgres({ dataDir, port: first.port, temporary: true });
  await waitUntil(async () => (await recorded()) === 60);
  for (const { action } of attempts) expect((await ledger.operator.action(action)).attempts[0]?.complete).toBe(true);
  await waitUntil(async () => (await ledger.operator.health()).status === 'ok');
  expect(await ledger.audit()).toEqual([]);
  await producer.close();
  await ledger.stop();
  await second.stop();
});

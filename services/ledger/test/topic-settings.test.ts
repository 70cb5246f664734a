import { randomUUID } from 'node:crypto';
import { OPERATOR_TENANT } from '@recant/events';
import { testKafka, waitUntil } from '@recant/test-support';
import { ConfigResourceTypes, Kafka, logLevel } from 'kafkajs';
import { expect, onTestFinished, test } from 'vitest';
import { SHARDS, startLedger } from './harness.ts';

const CODE = 'topic_misconfigured';
const UNSAFE = { 'retention.ms': '60000', 'compression.type': 'gzip', 'max.message.bytes': '20000000', 'min.insync.replicas': '2' };

test('settings of a topic that lose, refuse or delay events are an alarm each from the start on, in health and metrics, until they are mended', async () => {
  const kafka = await testKafka({ partitions: SHARDS });
  const admin = new Kafka({ brokers: kafka.brokers, logLevel: logLevel.NOTHING }).admin();
  await admin.connect();
  onTestFinished(() => admin.disconnect());
  const set = async (values: Readonly<Record<string, string>>) => {
    const configEntries = Object.entries(values).map(([name, value]) => ({ name, value }));
    await admin.alterConfigs({ validateOnly: false, resources: [{ type: ConfigResourceTypes.TOPIC, name: kafka.topic, configEntries }] });
  };
  await set(UNSAFE);
  const ledger = await startLedger({ alarmMs: 20, kafka: { ...kafka, groupId: `test-${randomUUID()}`, settingsMs: 50 } });
  onTestFinished(() => ledger.stop());
  const monitor = (await ledger.makeKey({ tenant: OPERATOR_TENANT, roles: ['monitor'], agents: [] })).apiKey;
  const measured = async () => {
    const text = await (await fetch(`${ledger.url}/metrics`, { headers: { authorization: `Bearer ${monitor}` } })).text();
    return Number(new RegExp(`^recant_conditions\\{code="${CODE}"\\} (\\d+)`, 'm').exec(text)?.[1]);
  };
  const shown = async () => ((await ledger.owner.healthDetails()).alarms ?? []).filter(({ code }) => code === CODE);
  const alarmed = (count: number) =>
    waitUntil(async () => {
      const alarms = await shown();
      return alarms.length === count ? alarms : undefined;
    });

  const alarms = await alarmed(4);
  const settings = Object.keys(UNSAFE).sort();
  expect(alarms.map(({ subject }) => subject).sort()).toEqual(settings.map((setting) => `${kafka.topic} ${setting}`));
  for (const { action, subject } of alarms) expect(action).toContain(`--topic ${kafka.topic} --add-config ${subject.split(' ')[1]}=`);
  expect((await ledger.owner.healthDetails()).status).toBe('degraded');
  await waitUntil(async () => (await measured()) === 4);

  await set({ 'retention.ms': '60000' });
  expect((await alarmed(1))[0]?.subject).toBe(`${kafka.topic} retention.ms`);
  await set({});
  await alarmed(0);
  await waitUntil(async () => (await measured()) === 0);
  // One row each, whatever the number of looks.
  const { items } = await ledger.owner.alarms();
  expect(items.filter(({ code }) => code === CODE).map(({ endedAt }) => typeof endedAt)).toEqual(Array(4).fill('string'));
}, 180_000);

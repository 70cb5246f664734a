import { faultsOf, readTopicSettings, type TopicSettings } from '@recant/kafka';
import { testKafka } from '@recant/test-support';
import { expect, test } from 'vitest';

const SAFE: TopicSettings = {
  replicas: 3,
  minInsyncReplicas: 2,
  retentionMs: 604_800_000,
  retentionBytes: undefined,
  compacted: false,
  compression: 'producer',
  messageBytesMax: 1_048_588,
  uncleanElection: false,
};

test.each<[Partial<TopicSettings>, string]>([
  [{ minInsyncReplicas: 1 }, 'min.insync.replicas=2'],
  [{ replicas: 2, minInsyncReplicas: 3 }, 'min.insync.replicas=1'],
  [{ replicas: 1 }, 'min.insync.replicas=1'],
  [{ retentionMs: 3_600_000 }, 'retention.ms=604800000'],
  [{ retentionBytes: 100_000_000 }, 'retention.bytes=-1'],
  [{ compacted: true }, 'cleanup.policy=delete'],
  [{ compression: 'gzip' }, 'compression.type=producer'],
  [{ messageBytesMax: 100_000 }, 'max.message.bytes=1048588'],
  [{ messageBytesMax: 10_485_760 }, 'max.message.bytes=1048588'],
  [{ uncleanElection: true }, 'unclean.leader.election.enable=false'],
])('%j is one fault that names the setting and the command that mends it', (over, command) => {
  const [fault, ...others] = faultsOf('events', { ...SAFE, ...over });
  expect(others).toEqual([]);
  expect(command.startsWith(`${fault?.setting}=`)).toBe(true);
  expect(fault?.detail).toContain(fault?.setting);
  expect(fault?.action).toMatch(new RegExp(`--alter --topic events --add-config ${command.replaceAll('.', '\\.')}$`));
});

test('safe settings have no fault, unlimited retention included; nor has a topic that this library made at a real broker', async () => {
  expect(faultsOf('events', SAFE)).toEqual([]);
  expect(faultsOf('events', { ...SAFE, retentionMs: undefined, replicas: 1, minInsyncReplicas: 1 })).toEqual([]);
  const { topic, ...kafka } = await testKafka();
  const settings = await readTopicSettings(kafka, topic);
  expect(settings).toMatchObject({ replicas: 1, minInsyncReplicas: 1, messageBytesMax: 1_048_588, uncleanElection: false });
  expect(faultsOf(topic, settings)).toEqual([]);
});

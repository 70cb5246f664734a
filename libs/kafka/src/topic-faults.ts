import { KAFKA_REQUEST_BYTES_MAX } from '@recant/events';
import { RECORD_BATCH_BYTES_MAX } from './record-set.ts';
import type { TopicSettings } from './topic-settings.ts';

/** A setting of a topic that loses, refuses or delays events. */
export interface TopicFault {
  /** Name of the setting at the broker. */
  readonly setting: string;
  readonly detail: string;
  readonly action: string;
}

/** A ledger that was away for less has every event still to read. */
const RETENTION_MS_MIN = 86_400_000;
/** Of a partition: a flood of 5 MB a second pushes unread events out of less within minutes. */
const RETENTION_BYTES_MIN = 1_073_741_824;
/** What a batch adds to its records. */
const BATCH_OVERHEAD_BYTES = 100;
const MESSAGE_BYTES_MIN = KAFKA_REQUEST_BYTES_MAX + BATCH_OVERHEAD_BYTES;

/** At most one for each setting. Texts depend on the settings alone. */
export function faultsOf(topic: string, settings: TopicSettings): readonly TopicFault[] {
  const { replicas, minInsyncReplicas, retentionMs, retentionBytes, compacted, compression, messageBytesMax, uncleanElection } = settings;
  const fault = (isOne: boolean, setting: string, detail: string, wanted: string): readonly TopicFault[] =>
    isOne ? [{ setting, detail, action: actionOf(topic, `${setting}=${wanted}`) }] : [];
  const isShort = retentionMs !== undefined && retentionMs < RETENTION_MS_MIN;
  const isSmall = retentionBytes !== undefined && retentionBytes < RETENTION_BYTES_MIN;
  return [
    ...faultsOfReplicas(minInsyncReplicas, replicas, fault),
    ...fault(isShort, 'retention.ms', `retention.ms is ${retentionMs}, expected at least one day: ${DROPPED}`, '604800000'),
    ...fault(
      isSmall,
      'retention.bytes',
      `retention.bytes is ${retentionBytes}, expected at least ${RETENTION_BYTES_MIN}: ${DROPPED}`,
      '-1',
    ),
    ...fault(
      compacted,
      'cleanup.policy',
      'cleanup.policy compacts the topic: the broker may drop events that the ledger has not read.',
      'delete',
    ),
    ...fault(
      compression !== 'producer',
      'compression.type',
      `compression.type is ${compression}, expected producer: the broker decompresses and compresses every batch, bombs included.`,
      'producer',
    ),
    ...faultsOfSize(messageBytesMax, fault),
    ...fault(
      uncleanElection,
      'unclean.leader.election.enable',
      'unclean.leader.election.enable is true: a replica that lacks acknowledged events may become the leader, and they are lost.',
      'false',
    ),
  ];
}

const DROPPED = 'the broker drops events that the ledger has not read by then.';

type MakeFault = (isOne: boolean, setting: string, detail: string, wanted: string) => readonly TopicFault[];

function faultsOfReplicas(min: number, replicas: number, fault: MakeFault): readonly TopicFault[] {
  const setting = 'min.insync.replicas';
  const many = `${replicas} replica${replicas === 1 ? '' : 's'}`;
  return [
    ...fault(
      replicas > 1 && min < 2,
      setting,
      `${setting} is ${min} with ${many}: an event can be lost with the one broker that acknowledged it.`,
      '2',
    ),
    ...fault(min > replicas, setting, `${setting} is ${min} with ${many}: the broker accepts no event.`, `${Math.max(1, replicas - 1)}`),
  ];
}

function faultsOfSize(bytesMax: number, fault: MakeFault): readonly TopicFault[] {
  const setting = 'max.message.bytes';
  const is = `${setting} is ${bytesMax}, expected`;
  return [
    ...fault(
      bytesMax < MESSAGE_BYTES_MIN,
      setting,
      `${is} at least ${MESSAGE_BYTES_MIN}: the broker refuses batches of agents' events.`,
      '1048588',
    ),
    ...fault(
      bytesMax > RECORD_BATCH_BYTES_MAX,
      setting,
      `${is} at most ${RECORD_BATCH_BYTES_MAX}: the broker acknowledges batches that the ledger refuses as dead letters.`,
      '1048588',
    ),
  ];
}

const actionOf = (topic: string, setting: string): string =>
  `kafka-configs.sh --bootstrap-server HOST:9092 --alter --topic ${topic} --add-config ${setting}`;

import { asAdmin } from './admin.ts';
import type { ConnectionOptions } from './connection.ts';

/** Settings of a topic that decide whether an acknowledged event can be lost before it is read. */
export interface TopicSettings {
  readonly replicas: number;
  readonly minInsyncReplicas: number;
  /** Milliseconds; undefined: no limit. */
  readonly retentionMs: number | undefined;
  /** Bytes of a partition; undefined: no limit. */
  readonly retentionBytes: number | undefined;
  readonly compacted: boolean;
  /** `producer`: batches stay as they were sent. */
  readonly compression: string;
  /** Bytes of a record batch. */
  readonly messageBytesMax: number;
  /** A replica that lacks acknowledged messages may become the leader. */
  readonly uncleanElection: boolean;
}

/** A topic, among the types of resources; kafkajs's CommonJS enum has no ESM export. */
const TOPIC = 2;

const NAMES = [
  'min.insync.replicas',
  'retention.ms',
  'retention.bytes',
  'cleanup.policy',
  'compression.type',
  'max.message.bytes',
  'unclean.leader.election.enable',
] as const;
/** Kafka's default, where a broker does not name its own. */
const MESSAGE_BYTES_DEFAULT = 1_048_588;

/** @throws KafkaError `unreachable`, `untrusted`, `access_refused` */
export function readTopicSettings(options: ConnectionOptions, topic: string): Promise<TopicSettings> {
  return asAdmin(options, async (admin) => {
    const resources = [{ type: TOPIC, name: topic, configNames: [...NAMES] }];
    const { resources: described } = await admin.describeConfigs({ includeSynonyms: false, resources });
    const values = new Map(described[0]?.configEntries.map(({ configName, configValue }) => [configName, configValue]));
    const { topics } = await admin.fetchTopicMetadata({ topics: [topic] });
    const limit = (name: string): number | undefined => (Number(values.get(name) ?? -1) < 0 ? undefined : Number(values.get(name)));
    return {
      replicas: Math.min(...(topics[0]?.partitions ?? []).map(({ replicas }) => replicas.length)),
      minInsyncReplicas: Number(values.get('min.insync.replicas') ?? 1),
      retentionMs: limit('retention.ms'),
      retentionBytes: limit('retention.bytes'),
      compacted: (values.get('cleanup.policy') ?? '').includes('compact'),
      compression: values.get('compression.type') ?? 'producer',
      messageBytesMax: Number(values.get('max.message.bytes') ?? MESSAGE_BYTES_DEFAULT),
      uncleanElection: values.get('unclean.leader.election.enable') === 'true',
    };
  });
}

import { type ConnectionOptions, KafkaError, readOffsetRanges, readTopicSettings, type TopicSettings } from '@recant/kafka';
import { StoreError } from '@recant/store';
import { listPositions } from '../kafka/positions.ts';
import { type Check, type Checked, type Finding, found } from './report.ts';

export interface BrokerPlace {
  readonly access: ConnectionOptions | undefined;
  readonly topics: readonly string[];
  readonly databaseUrl: string | undefined;
}

/** Brokers, and whether the stored positions fit what they have. */
export function checkBroker({ access, topics, databaseUrl }: BrokerPlace): Check {
  return {
    name: 'kafka',
    async run() {
      if (access === undefined) return { off: 'KAFKA_BROKERS is not set' };
      try {
        for (const topic of topics) await readOffsetRanges(access, topic);
        const settings = await Promise.all(topics.map(async (topic) => settingsOf(topic, await readTopicSettings(access, topic))));
        const positions =
          databaseUrl === undefined
            ? { findings: [], notes: ['Positions need DATABASE_URL.'] }
            : await misfits(databaseUrl, access, topics);
        return {
          findings: [...settings, positions].flatMap(({ findings }) => findings),
          notes: [...settings, positions].flatMap(({ notes = [] }) => notes),
        };
      } catch (error) {
        if (error instanceof KafkaError)
          return found(
            access.brokers.join(','),
            error.message,
            'Start the broker, or correct KAFKA_BROKERS and its TLS and SASL settings.',
          );
        if (error instanceof StoreError) return { unchecked: `brokers answer; positions could not be read: ${error.message}` };
        throw error;
      }
    },
  };
}

const RETENTION_MS_MIN = 86_400_000;

/** Settings under which a broker drops what it acknowledged, before the ledger has read it. */
function settingsOf(topic: string, settings: TopicSettings): Checked {
  const { replicas, minInsyncReplicas, retentionMs, compacted, compression } = settings;
  const set = (value: string): string => `kafka-configs.sh --bootstrap-server HOST:9092 --alter --topic ${topic} --add-config ${value}`;
  const findings: (Finding | false)[] = [
    replicas > 1 &&
      minInsyncReplicas < 2 && {
        subject: `topic ${topic}`,
        detail: `min.insync.replicas is ${minInsyncReplicas} with ${replicas} replicas: an event can be lost with the one broker that acknowledged it.`,
        action: set('min.insync.replicas=2'),
      },
    retentionMs !== undefined &&
      retentionMs < RETENTION_MS_MIN && {
        subject: `topic ${topic}`,
        detail: `retention.ms is ${retentionMs}: events that the ledger has not read by then are gone. Expected at least one day.`,
        action: set('retention.ms=604800000'),
      },
    compacted && {
      subject: `topic ${topic}`,
      detail: 'cleanup.policy compacts the topic: the broker may drop events that the ledger has not read.',
      action: set('cleanup.policy=delete'),
    },
  ];
  const notes = [
    ...(replicas > 1 ? [] : [`Topic ${topic} has one replica: its events are as safe as that broker's disk until they are read.`]),
    ...(compression === 'producer' ? [] : [`Topic ${topic}: the broker compresses again (compression.type ${compression}).`]),
  ];
  return { findings: findings.filter((each) => each !== false), notes };
}

async function misfits(databaseUrl: string, access: ConnectionOptions, topics: readonly string[]): Promise<Checked> {
  const rows = (await Promise.all(topics.map((topic) => listPositions({ databaseUrl, access }, topic)))).flat();
  const action = (partition: number, topic: string): string =>
    `recant kafka positions --topic ${topic}; then recant kafka adopt ${partition} --topic ${topic} --from earliest --reason TEXT`;
  const findings = rows.flatMap(({ topic, partition, problem }) =>
    problem === undefined ? [] : [{ subject: `${topic}/${partition}`, detail: `Not read: ${problem}.`, action: action(partition, topic) }],
  );
  return { findings };
}

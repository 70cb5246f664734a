import { type ConnectionOptions, faultsOf, KafkaError, readOffsetRanges, readTopicSettings, type TopicSettings } from '@recant/kafka';
import { StoreError } from '@recant/store';
import { listPositions } from '../kafka/positions.ts';
import { type Check, type Checked, found } from './report.ts';

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

function settingsOf(topic: string, settings: TopicSettings): Checked {
  const findings = faultsOf(topic, settings).map(({ detail, action }) => ({ subject: `topic ${topic}`, detail, action }));
  const alone = `Topic ${topic} has one replica: its events are as safe as that broker's disk until they are read.`;
  return { findings, notes: settings.replicas > 1 ? [] : [alone] };
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

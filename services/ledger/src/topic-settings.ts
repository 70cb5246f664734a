import { type ConnectionOptions, faultsOf, KafkaError, readTopicSettings, type TopicFault } from '@recant/kafka';
import type { Logger } from '@recant/service';
import type { TenantCondition } from '@recant/store';
import { ofOperator } from './alarm-watch.ts';
import { createLoop, type Loop } from './loop.ts';

/** Milliseconds between two looks: each opens a connection to a broker. */
const LOOK_MS = 30_000;

export interface TopicSettingsWatch extends Pick<Loop, 'start' | 'stop'> {
  /** As of the last look at each topic. */
  conditions(): readonly TenantCondition[];
}

/** Finds settings of topics that lose, refuse or delay events, from the start on; a topic that cannot be asked keeps what was found. */
export function watchTopicSettings(
  { access, topics }: { readonly access: ConnectionOptions; readonly topics: readonly string[] },
  logger: Logger,
  everyMs = LOOK_MS,
): TopicSettingsWatch {
  const found = new Map<string, readonly TopicFault[]>();
  const look = async (topic: string): Promise<void> => {
    try {
      found.set(topic, faultsOf(topic, await readTopicSettings(access, topic)));
    } catch (error) {
      if (!(error instanceof KafkaError) || error.code !== 'access_refused') throw error;
      found.set(topic, [{ setting: 'DescribeConfigs', detail: `Settings are not checked: ${error.message}.`, action: grantOf(topic) }]);
    }
  };
  const round = async (): Promise<void> => {
    const tried = await Promise.allSettled(topics.map(look));
    const failed = tried.find((one) => one.status === 'rejected');
    if (failed !== undefined) throw failed.reason;
  };
  const loop = createLoop('topic settings', everyMs, round, logger);
  return {
    start: loop.start,
    stop: loop.stop,
    conditions: () =>
      topics.flatMap((topic) =>
        (found.get(topic) ?? []).map(({ setting, detail, action }) =>
          ofOperator('topic_misconfigured', `${topic} ${setting}`, detail, action),
        ),
      ),
  };
}

const grantOf = (topic: string): string =>
  `Let the ledger's user read them: kafka-acls.sh --bootstrap-server HOST:9092 --add --allow-principal User:NAME --operation DescribeConfigs --topic ${topic}`;

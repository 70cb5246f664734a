import { type Missing, missing } from './missing.ts';

/** Messages that a broker has and the ledger does not. */
export interface UnreadTopic {
  readonly topic: string;
  readonly state: 'behind' | 'stopped' | 'unreachable';
  /** Empty: all. */
  readonly partitions: readonly number[];
}

const DETAILS: Readonly<Record<UnreadTopic['state'], string>> = {
  behind: 'is not read to its end',
  stopped: 'is stopped: its stored position does not fit the broker',
  unreachable: 'No broker says how far it reaches.',
};
const ACTIONS: Readonly<Record<UnreadTopic['state'], string>> = {
  behind: 'Plan again with a longer --wait.',
  stopped: 'Compare the position with the broker (`recant kafka positions`) and decide where to go on (`recant kafka adopt`).',
  unreachable: 'Check the broker and the network, and plan again.',
};

export function missingOfTopic({ topic, state, partitions }: UnreadTopic): Missing {
  const whose = partitions.length === 1 ? `Partition ${partitions[0]}` : `Each of the partitions ${partitions.join(', ')}`;
  const detail = partitions.length === 0 ? DETAILS[state] : `${whose} ${DETAILS[state]}.`;
  return missing('unread', topic, { state, partitions: [...partitions] }, { detail, action: ACTIONS[state] });
}

/** Messages that were read and wait. */
export interface HeldMessages {
  readonly messages: number;
  /** Differs once another message waits. */
  readonly through: string;
}

/** Named by the newest one: a name stays while those before it are recorded. */
export const missingOfHeld = ({ messages, through }: HeldMessages): Missing =>
  missing(
    'held',
    'kafka',
    { through },
    {
      detail: `${messages === 1 ? '1 message waits' : `${messages} messages wait`} for the log or the rate of a key.`,
      action:
        'Nothing is lost: see the alarm `messages_held` (`recant alarms`), and plan again. Revoke a key that floods (`recant keys revoke`).',
    },
  );

/** The ledger did not say how far it read. */
export const missingOfLedger = (reason: string): Missing =>
  missing(
    'unread',
    'ledger',
    {},
    {
      detail: `It does not say whether it has read what was sent over Kafka: ${reason.replace(/\.$/, '')}.`,
      action: 'Check that the ledger is running, and plan again.',
    },
  );

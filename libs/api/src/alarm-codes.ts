import type { ErrorDescription } from './error-description.ts';

/** What an alarm's code means. The subject names the place, the alarm itself the details. */
interface AlarmDescription {
  readonly title: string;
  readonly subject: string;
}

/** Every code of an alarm. Codes are added, never renamed. */
export const ALARM_CODES = {
  source_gap: { title: 'Events of a source are missing', subject: 'the source' },
  source_lost: { title: 'A source stopped sending without closing', subject: 'the source' },
  dead_letters: { title: 'Messages were refused', subject: 'the code of the refusal' },
  partition_stopped: { title: 'A Kafka partition is not read', subject: 'topic/partition' },
  messages_held: { title: 'Messages from Kafka wait for their log or their key’s rate', subject: 'tenant/shard of topic/partition' },
  topic_misconfigured: { title: 'A Kafka topic has a setting that loses, refuses or delays events', subject: 'topic and setting' },
  broker_silent: { title: 'The Kafka broker does not answer', subject: 'the topic' },
  anchor_silent: { title: 'An anchor or witness does not accept checkpoints', subject: 'the anchor or witness' },
  publishing_behind: { title: 'Entries are not yet covered by a signed checkpoint', subject: 'the loop' },
  log_tampered: { title: 'A log failed its integrity check', subject: 'tenant/shard' },
  store_full: { title: 'The disk of PostgreSQL is full', subject: 'the database' },
  coverage_lost: { title: 'A system does not capture every change', subject: 'the system' },
  erasure_incomplete: { title: 'Images of erased subjects remain in a system', subject: 'the system' },
  break_glass: { title: 'A run was started without the approval that it needs', subject: 'the run' },
  webhook_failing: { title: 'A webhook does not accept messages, or messages for it were given up', subject: 'the webhook' },
  drain_stopped: { title: 'Captured changes of a system are not recorded', subject: 'the system' },
} as const satisfies Readonly<Record<string, AlarmDescription>>;

export type AlarmCode = keyof typeof ALARM_CODES;

/** Codes of the operations on alarms. */
export const ALARM_ERROR_CODES = {
  alarm_unknown: {
    status: 404,
    title: 'Unknown alarm',
    retry: 'never',
    action: 'Check the id; list the alarms of this tenant with `recant alarms`.',
  },
  alarm_ended: {
    status: 409,
    title: 'Alarm already ended',
    retry: 'never',
    action: 'Nothing to do: the condition is over. List open alarms with `recant alarms`.',
  },
} as const satisfies Record<string, ErrorDescription>;

import type { ErrorDescription } from './error-description.ts';

/** What an alarm's code means. The subject names the place, the alarm itself the details. */
interface AlarmDescription {
  readonly title: string;
  readonly subject: string;
  /** Worth knowing, and no fault: it degrades no health. */
  readonly notice?: true;
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
  projection_behind: { title: 'Lists and plans wait for entries that are recorded', subject: 'tenant/shard, or the loop' },
  projection_stopped: { title: 'Lists and plans of a tenant are refused because of one entry', subject: 'tenant/shard' },
  log_tampered: { title: 'A log failed its integrity check', subject: 'tenant/shard' },
  store_full: { title: 'The disk of PostgreSQL is full', subject: 'the database' },
  coverage_lost: { title: 'A system does not capture every change', subject: 'the system' },
  erasure_incomplete: { title: 'Images of erased subjects remain in a system', subject: 'the system' },
  break_glass: { title: 'A run was started without the approval that it needs', subject: 'the run' },
  step_stuck: { title: 'A step of a run waits for a person', subject: 'the run' },
  approval_wanted: { title: 'A plan waits for the approval of another person', subject: 'the plan', notice: true },
  frozen: { title: 'A freeze is in force', subject: 'what is frozen', notice: true },
  large_action: { title: 'One action changed many rows or files', subject: 'the action', notice: true },
  settled_late: { title: 'An agent reported the outcome of an attempt after a run had undone it', subject: 'the action' },
  report_contradicted: { title: 'What an agent reported contradicts the record', subject: 'the action' },
  webhook_failing: { title: 'A webhook does not accept messages, or messages for it were given up', subject: 'the webhook' },
  drain_stopped: { title: 'Captured changes of a system are not recorded', subject: 'the system' },
} as const satisfies Readonly<Record<string, AlarmDescription>>;

export type AlarmCode = keyof typeof ALARM_CODES;

/** Whether an open alarm of this code leaves health as it is. */
export function isNotice(code: string): boolean {
  const codes: Readonly<Record<string, AlarmDescription>> = ALARM_CODES;
  return Object.hasOwn(codes, code) && codes[code]?.notice === true;
}

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

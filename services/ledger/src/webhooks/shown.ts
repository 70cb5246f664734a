import { ALARM_CODES } from '@recant/api';
import { maskSecrets } from '@recant/service';

/** The start or the end of an alarm. */
export interface AlarmMessage {
  readonly type: 'alarm.started' | 'alarm.ended';
  /** Id of the alarm, a UUID. */
  readonly alarm: string;
  readonly tenant: string;
  readonly code: string;
  readonly subject: string;
  readonly detail: string;
  readonly action: string;
  /** Milliseconds since 1970, UTC. */
  readonly startedAtMs: number;
  readonly endedAtMs?: number | undefined;
}

/** What `recant webhooks test` sends. */
export interface TestMessage {
  readonly type: 'test';
  /** A UUID. */
  readonly id: string;
  readonly atMs: number;
}

export type Message = AlarmMessage | TestMessage;

/** Everything that a receiver is shown, cleaned. */
export interface Shown {
  readonly type: Message['type'];
  /** Of the event, not of the attempt to send it. */
  readonly atMs: number;
  readonly alarm?: string;
  readonly code?: string;
  readonly title: string;
  readonly tenant?: string;
  readonly subject?: string;
  readonly startedAt?: string;
  readonly endedAt?: string;
  readonly detail: string;
  readonly action: string;
}

/** Recorded texts come from agents: without secrets, control and direction characters, on one line. */
export function shownOf(message: Message): Shown {
  if (message.type === 'test')
    return {
      ...{ type: message.type, atMs: message.atMs, title: 'Test of a webhook' },
      detail: 'Somebody ran `recant webhooks test`.',
      action: 'Nothing to do.',
    };
  const { type, alarm, code, startedAtMs, endedAtMs } = message;
  return {
    type,
    atMs: type === 'alarm.started' ? startedAtMs : (endedAtMs ?? startedAtMs),
    alarm,
    code,
    title: code in ALARM_CODES ? ALARM_CODES[code as keyof typeof ALARM_CODES].title : code,
    tenant: clean(message.tenant),
    subject: clean(message.subject),
    startedAt: instant(startedAtMs),
    ...(endedAtMs === undefined ? {} : { endedAt: instant(endedAtMs) }),
    detail: clean(message.detail),
    action: clean(message.action),
  };
}

export const instant = (ms: number): string => new Date(ms).toISOString();

function clean(text: string): string {
  const line = maskSecrets(text).replace(/[\t\r\n]+/g, ' ');
  // biome-ignore lint/suspicious/noControlCharactersInRegex: removing them is the point
  return line.replace(/[\u0000-\u001f\u007f-\u009f\u061c\u200e\u200f\u2028-\u202e\u2066-\u2069]/g, '\ufffd');
}

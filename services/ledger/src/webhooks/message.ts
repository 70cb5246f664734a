import { instant, type Message, shownOf } from './shown.ts';
import { slackText } from './slack.ts';

/** Stable over attempts, webhooks and restarts. Without a full stop, as its signature requires. */
export function messageId(message: Message): string {
  if (message.type === 'test') return `test_${message.id}`;
  return `${message.alarm}_${message.type === 'alarm.started' ? 'started' : 'ended'}`;
}

/** JSON. Recorded texts come from agents: without secrets, control and direction characters; for Slack also without mentions, links and formatting. */
export function messageBody(message: Message, format: 'recant' | 'slack'): string {
  const shown = shownOf(message);
  if (format === 'slack') return JSON.stringify({ text: slackText(shown), unfurl_links: false, unfurl_media: false });
  const { type, atMs, ...data } = shown;
  return JSON.stringify({ id: messageId(message), type, timestamp: instant(atMs), data });
}

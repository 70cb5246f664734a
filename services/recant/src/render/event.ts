import type { ActionBody } from '@recant/api';
import type { Content, Effect } from '@recant/events';
import { resourceText } from './resource.ts';

const EFFECTS_SHOWN_MAX = 50;
type RecordedEvent = ActionBody['attempts'][number]['events'][number];

/** One line for the event, and one for each of its effects. */
export function eventLines(recorded: RecordedEvent): string[] {
  const { event } = recorded;
  const head = `  [${recorded.shard}/${recorded.index}] ${event.type} ${event.time}`;
  switch (event.type) {
    case 'recant.attempt.intended.v1': {
      return [`${head}  arguments ${contentText(event.data.arguments)}`];
    }
    case 'recant.attempt.effects.v1': {
      const shown = event.data.effects.slice(0, EFFECTS_SHOWN_MAX).map(effectLine);
      const more = event.data.effects.length - shown.length;
      return [head, ...shown, ...(more > 0 ? [`    ... and ${more} more (--json shows all)`] : [])];
    }
    case 'recant.attempt.settled.v1': {
      const { outcome, durationMs, error, result } = event.data;
      const reason = error === undefined ? '' : `: ${error.message}`;
      return [`${head}  ${outcome} after ${durationMs} ms${reason}${result === undefined ? '' : `, result ${contentText(result)}`}`];
    }
    default:
      return [head];
  }
}

function contentText(content: Content): string {
  if ('inline' in content) return JSON.stringify(content.inline);
  const { digest, size, subject } = content.part;
  const sealed = subject === undefined ? '' : `, sealed for ${subject}`;
  return `in a part of ${size} bytes${sealed}: recant parts show ${digest}`;
}

function effectLine(effect: Effect): string {
  const wrote = Object.keys(effect.parts);
  const read = Object.keys(effect.reads ?? {});
  return `    ${effect.operation} ${resourceText(effect.resource)}${wrote.length === 0 ? '' : `: ${wrote.join(', ')}`}${read.length === 0 ? '' : ` (read ${read.join(', ')})`}`;
}

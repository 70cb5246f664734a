import type { ActionBody } from '@recant/api';
import type { Effect, RecantEvent } from '@recant/events';
import { resourceWords } from './resource-words.ts';

const EFFECTS_SHOWN_MAX = 50;
type RecordedEvent = ActionBody['attempts'][number]['events'][number];

/** One event of an attempt: a line for itself, and one for each effect that it carries. */
export function effectLines(recorded: RecordedEvent): string[] {
  const event = recorded.event as unknown as RecantEvent;
  const head = `  [${recorded.shard}/${recorded.index}] ${event.type} ${event.time}`;
  switch (event.type) {
    case 'recant.attempt.intended.v1': {
      const content = event.data.arguments;
      return [
        `${head}  arguments ${'inline' in content ? JSON.stringify(content.inline) : `part ${content.part.digest} (${content.part.size} bytes)`}`,
      ];
    }
    case 'recant.attempt.effects.v1': {
      const shown = event.data.effects.slice(0, EFFECTS_SHOWN_MAX).map(effectLine);
      const more = event.data.effects.length - shown.length;
      return [head, ...shown, ...(more > 0 ? [`    ... and ${more} more (--json has all)`] : [])];
    }
    case 'recant.attempt.settled.v1':
      return [
        `${head}  ${event.data.outcome} after ${event.data.durationMs} ms${event.data.error === undefined ? '' : `: ${event.data.error.message}`}`,
      ];
    default:
      return [head];
  }
}

function effectLine(effect: Effect): string {
  const wrote = Object.keys(effect.parts);
  const read = Object.keys(effect.reads ?? {});
  return `    ${effect.operation} ${resourceWords(effect.resource)}${wrote.length === 0 ? '' : `: ${wrote.join(', ')}`}${read.length === 0 ? '' : ` (read ${read.join(', ')})`}`;
}

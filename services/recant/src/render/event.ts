import type { ActionBody } from '@recant/api';
import type { Content, CountedChanges, Effect } from '@recant/events';
import { count } from '../terminal/output.ts';
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
      return [head, ...effectLines(event.data.effects)];
    }
    case 'recant.attempt.observed.v1': {
      const { system, login, transaction, chunk, chunks, effects, counted = [] } = event.data;
      const part = chunks === 1 ? '' : `, part ${chunk + 1} of ${chunks}`;
      return [
        `${head}  recorded by ${system}: login ${login}, transaction ${transaction}${part}`,
        ...effectLines(effects),
        ...counted.map(countedLine),
      ];
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

function effectLines(effects: readonly Effect[]): string[] {
  const shown = effects.slice(0, EFFECTS_SHOWN_MAX).map(effectLine);
  const more = effects.length - shown.length;
  return [...shown, ...(more > 0 ? [`    ... and ${more} more (--json shows all)`] : [])];
}

function countedLine({ table, changes, unknown }: CountedChanges): string {
  return `    ${count(changes, 'change')} of ${table} without images${unknown ? ', cannot be undone' : ''}`;
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

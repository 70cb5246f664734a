import type { ActionBody, AttemptBody } from '@recant/api';
import { count, type Paint, printable } from '../terminal/output.ts';
import { type Cell, table } from '../terminal/table.ts';
import { clockTime } from '../terminal/time.ts';
import { eventLines } from './event.ts';
import { repeatLinesOf } from './repeats.ts';
import { resourceText } from './resource.ts';

export function attemptsText(attempts: readonly AttemptBody[], paint: Paint): string {
  if (attempts.length === 0) return 'No results.\n';
  return `${table(['received', 'agent', 'tool', 'outcome', 'effects', 'action'], attempts.map(attemptRow), paint)}\n`;
}

export function attemptRow(attempt: AttemptBody): Cell[] {
  const action = attempt.attempt === 1 ? attempt.action : `${attempt.action} (attempt ${attempt.attempt})`;
  return [clockTime(Date.parse(attempt.receivedAt)), attempt.agent, attempt.tool, statusText(attempt), attempt.effects, action];
}

function statusText({ status, undone, ruled }: AttemptBody): string {
  const known = ruled === undefined ? status : `${status} (${ruled.contradicted === undefined ? 'settled by a person' : 'contradicted'})`;
  if (undone === undefined) return known;
  return `${known}, undone${undone.part ? ' in part' : ''}`;
}

function ruledLines({ ruled }: AttemptBody): string[] {
  if (ruled === undefined) return [];
  const { as, by, at, reason, contradicted } = ruled;
  const line = `  settled as ${as} by ${by} at ${at}: ${reason}`;
  return contradicted === undefined ? [line] : [line, `  discrepancy: the agent reported ${contradicted} afterwards; settle it again`];
}

const reversibilityText = ({ reversibility }: { readonly reversibility: string }): string =>
  reversibility === 'unknown' ? 'reversibility not declared' : reversibility;

function effectsText({ effects, observed }: AttemptBody): string {
  const all = count(effects, 'effect');
  if (observed === 0) return all;
  return observed === effects ? `${all} recorded by the target` : `${all}, ${observed} recorded by the target`;
}

function discrepancyLines({ compared, count: all, shown }: ActionBody['attempts'][number]['discrepancies']): string[] {
  if (!compared) return ['  too many effects to compare what the agent reported with what the target recorded; the target counts'];
  if (all === 0) return [];
  const lines = shown.map(({ kind, resource, ordinal }) => `    ${kind}: ${resourceText(resource)}, ordinal ${ordinal}`);
  const more = all - shown.length;
  return [
    `  ${count(all, 'discrepancy', 'discrepancies')}: the agent reported effects otherwise than the target recorded them; the target counts`,
    ...lines,
    ...(more > 0 ? [`    ... and ${more} more`] : []),
  ];
}

/** Events of a later page. */
export function continuedText({ attempts }: ActionBody, paint: Paint): string {
  const parts = attempts.filter(({ events }) => events.length > 0);
  const lines = parts.flatMap(({ agent, tool, action, attempt, events }) => [
    `${paint('bold', `${agent} ${tool}`)}  action ${action}, attempt ${attempt}, continued`,
    ...events.flatMap(eventLines),
  ]);
  return `${lines.map(printable).join('\n')}\n`;
}

export function actionText(action: ActionBody, paint: Paint): string {
  return action.attempts
    .map((attempt) => {
      const head = [
        `${paint('bold', `${attempt.agent} ${attempt.tool}`)}  action ${attempt.action}, attempt ${attempt.attempt}`,
        `  ${attempt.status}, ${reversibilityText(attempt)}, ${effectsText(attempt)}${attempt.complete ? '' : ' (incomplete)'}, key ${attempt.key}`,
        `  intended ${attempt.intendedAt}, received ${attempt.receivedAt}${attempt.settledAt === undefined ? '' : `, settled ${attempt.settledAt}`}`,
        `  source ${attempt.source}${attempt.session === undefined ? '' : `, session ${attempt.session}`}${attempt.trace === undefined ? '' : `, trace ${attempt.trace}`}`,
        ...(attempt.undone === undefined
          ? []
          : [`  undone${attempt.undone.part ? ' in part' : ''} by run ${attempt.undone.run} at ${attempt.undone.at}`]),
        ...(attempt.deadline === undefined
          ? []
          : [`  running: can be settled from ${attempt.deadline}, or once its process has ended (recant sources)`]),
        ...ruledLines(attempt),
        ...(attempt.login === undefined ? [] : [`  login ${attempt.login}, transaction ${attempt.transaction}`]),
      ];
      return [
        ...head,
        ...repeatLinesOf(attempt.repeats ?? [], attempt.agent),
        ...discrepancyLines(attempt.discrepancies),
        ...attempt.events.flatMap(eventLines),
      ]
        .map(printable)
        .join('\n');
    })
    .join('\n\n')
    .concat('\n');
}

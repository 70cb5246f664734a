import type { ActionBody, AttemptBody } from '@recant/api';
import { type Cell, count, type Paint, printable, table } from '../terminal/output.ts';
import { clockTime } from '../terminal/time.ts';
import { effectLines } from './event.ts';

export function attemptsText(attempts: readonly AttemptBody[], paint: Paint): string {
  if (attempts.length === 0) return 'Nothing fits.\n';
  return `${table(['received', 'agent', 'tool', 'came to', 'effects', 'action'], attempts.map(attemptRow), paint)}\n`;
}

export function attemptRow(attempt: AttemptBody): Cell[] {
  const action = attempt.attempt === 1 ? attempt.action : `${attempt.action} (try ${attempt.attempt})`;
  return [clockTime(Date.parse(attempt.receivedAt)), attempt.agent, attempt.tool, attempt.status, attempt.effects, action];
}

export function actionText(action: ActionBody, paint: Paint): string {
  return action.attempts
    .map((attempt) => {
      const head = [
        `${paint('bold', `${attempt.agent} ${attempt.tool}`)}  action ${attempt.action}, try ${attempt.attempt}`,
        `  ${attempt.status}, ${attempt.reversibility}, ${count(attempt.effects, 'effect')}${attempt.complete ? '' : ' (not all in)'}, key ${attempt.key}`,
        `  intended ${attempt.intendedAt}, received ${attempt.receivedAt}${attempt.settledAt === undefined ? '' : `, settled ${attempt.settledAt}`}`,
        `  source ${attempt.source}${attempt.session === undefined ? '' : `, session ${attempt.session}`}${attempt.trace === undefined ? '' : `, trace ${attempt.trace}`}`,
      ];
      return [...head, ...attempt.events.flatMap((entry) => effectLines(entry))].map(printable).join('\n');
    })
    .join('\n\n')
    .concat('\n');
}

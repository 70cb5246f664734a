import type { FreezeBody, PlanRepeatsBody, PlanView } from '@recant/api';
import type { WholeRun } from '@recant/client';
import { count, type Paint, printable } from '../terminal/output.ts';
import { clockTime } from '../terminal/time.ts';
import { statementText } from './approval.ts';
import { totalsText } from './explain.ts';
import { followUpsOf } from './follow-ups.ts';
import { scopeText } from './freeze.ts';
import { completeText } from './missing.ts';
import { fencedLine, summaryOfRun } from './run.ts';

/** A rollback as far as it came. */
export interface Accounted {
  readonly reason: string | undefined;
  readonly freezes: readonly FreezeBody[];
  readonly plan?: PlanView;
  readonly run?: WholeRun;
  /** Absent: they could not be read. */
  readonly repeats?: PlanRepeatsBody;
}

const at = (instant: string): string => clockTime(Date.parse(instant));

/** The account as text for a ticket: what was undone, on whose word, and what came of it. `accountTail` follows it. */
export function accountHead({ reason, plan, run }: Accounted, paint: Paint): string {
  if (plan === undefined || run === undefined) return '';
  const { body } = plan;
  const approvals = run.approvals.filter(({ digest, withdrawn }) => digest === plan.digest && !withdrawn);
  const acceptance = body.watermark?.acceptance;
  const lines = [
    summaryOfRun(run, paint),
    field('Selection', `${plan.selected}${completeText(body)}`),
    reason === undefined ? '' : field('Reason', reason),
    acceptance === undefined
      ? ''
      : field(
          'Accepted',
          `${count(body.watermark?.missing.length ?? 0, 'thing')} missing from the record, by ${acceptance.by}: ${acceptance.reason}`,
        ),
    field('Plan', `${plan.id} by ${plan.by}, mode ${body.mode}${body.partial ? ' by row' : ''}, digest ${plan.digest}`),
    ...approvals.map(({ by, approvedAt }) => field('Approved', `by ${by} at ${at(approvedAt)}`)),
    ...(run.breakGlass === undefined ? [] : [field('No approval', `started without it ${statementText(run.breakGlass)}`)]),
    field(
      'Run',
      `${run.id} by ${run.by}, from ${at(run.createdAt)} to ${run.finishedAt === undefined ? `now (${run.state})` : at(run.finishedAt)}`,
    ),
    '',
    paint('bold', 'By table or folder, as planned:'),
    totalsText(body, paint),
  ];
  return `${lines.filter((line, index) => line !== '' || index > 3).join('\n')}\n`;
}

/** What is frozen now, and what is left to do. */
export function accountTail(accounted: Accounted): string {
  const followUps = followUpsOf(accounted);
  const frozen = accounted.freezes.map((freeze) => {
    const end = freeze.ended === undefined ? 'still in force' : `ended ${at(freeze.ended.at)}`;
    return `${field('Frozen', `${scopeText(freeze)} since ${at(freeze.orderedAt)} by ${freeze.by}: ${freeze.reason}; ${end}`)}\n`;
  });
  const todo =
    followUps.length === 0 ? 'Follow-ups: none.\n' : `Follow-ups:\n${followUps.map((line) => `- [ ] ${printable(line)}\n`).join('')}`;
  const fenced = accounted.run?.fence === undefined ? '' : `${fencedLine(accounted.run).replace(/^Fenced:/, 'Fenced:'.padEnd(12))}\n`;
  return `${frozen.join('')}${fenced}${todo}`;
}

const field = (name: string, text: string): string => `${`${name}:`.padEnd(13)}${printable(text)}`;

/** The same for programs. Steps and findings are in `run`. */
export function accountJson(accounted: Accounted) {
  const { reason, freezes, plan, run, repeats } = accounted;
  const { id, digest, by, createdAt, selected } = plan ?? {};
  const { mode, partial, totals, watermark, uncaptured } = plan?.body ?? {};
  return {
    ...(reason === undefined ? {} : { reason }),
    freezes,
    ...(plan && { plan: { id, digest, by, createdAt, selected, mode, partial, totals, watermark, uncaptured } }),
    ...(run && { run }),
    ...(repeats && { repeats }),
    followUps: followUpsOf(accounted),
  };
}

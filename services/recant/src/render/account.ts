import type { FreezeBody, PlanRepeatsBody, PlanRowBody, PlanView, RunTotalsView } from '@recant/api';
import type { WholeRun } from '@recant/client';
import { count, type Paint, printable } from '../terminal/output.ts';
import { clockTime } from '../terminal/time.ts';
import { statementText } from './approval.ts';
import { didText } from './explain.ts';
import { followUpsOf } from './follow-ups.ts';
import { scopeText } from './freeze.ts';
import { completeText } from './missing.ts';
import { fencedLine, hasEnded, summaryOfRun } from './run.ts';

/** A rollback as far as it came. */
export interface Accounted {
  readonly reason: string | undefined;
  readonly freezes: readonly FreezeBody[];
  readonly plan?: PlanView;
  readonly run?: WholeRun;
  /** What the run did. Absent: it could not be read. */
  readonly totals?: RunTotalsView;
  /** Rows that stay although others of their attempts went back, the first of them. */
  readonly stays?: readonly PlanRowBody[];
  /** Absent: they could not be read. */
  readonly repeats?: PlanRepeatsBody;
}

const at = (instant: string): string => clockTime(Date.parse(instant));

/** The account as text for a ticket: what was undone, on whose word, and what came of it. `followUpsText` and `frozenText` follow it. */
export function accountHead({ reason, plan, run, totals }: Accounted, paint: Paint): string {
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
          `${count(body.watermark?.missing.length ?? 0, 'thing')} missing from the record, by ${acceptance.by === plan.by ? byText(plan) : acceptance.by}: ${acceptance.reason}`,
        ),
    field('Plan', `${plan.id} by ${byText(plan)}, mode ${body.mode}${body.partial ? ' by row' : ''}, digest ${plan.digest}`),
    ...approvals.map(({ by, approvedAt }) => field('Approved', `by ${by} at ${at(approvedAt)}`)),
    ...(run.breakGlass === undefined ? [] : [field('No approval', `started without it ${statementText(run.breakGlass)}`)]),
    field(
      'Run',
      `${run.id} by ${byText(run)}, from ${at(run.createdAt)} to ${run.finishedAt === undefined ? `now (${run.state})` : at(run.finishedAt)}`,
    ),
    run.fence === undefined ? '' : fencedLine(run).replace(/^Fenced:/, 'Fenced:'.padEnd(12)),
  ];
  const did = totals && didText(totals, paint);
  const table = did ? `\n${paint('bold', hasEnded(run) ? 'By table or folder:' : 'By table or folder, up to now:')}\n${did}\n` : '';
  return `${lines.filter((line) => line !== '').join('\n')}\n${table}`;
}

const byText = ({ by, byName }: { readonly by: string; readonly byName?: string | undefined }): string =>
  byName === undefined ? by : `${byName} (${by})`;

/** What is left to do, apart from a thaw. */
export function followUpsText(accounted: Accounted): string {
  const lines = followUpsOf({ ...accounted, freezes: [] });
  return lines.length === 0 ? 'Follow-ups: none.\n' : `Follow-ups:\n${lines.map(todo).join('')}`;
}

/** What was frozen, and how to thaw what still is. */
export function frozenText({ freezes }: Pick<Accounted, 'freezes'>): string {
  const frozen = freezes.map((freeze) => {
    const end = freeze.ended === undefined ? 'still in force' : `ended ${at(freeze.ended.at)}`;
    return `${field('Frozen', `${scopeText(freeze)} since ${at(freeze.orderedAt)} by ${freeze.by}: ${freeze.reason}; ${end}`)}\n`;
  });
  return `${frozen.join('')}${followUpsOf({ freezes }).map(todo).join('')}`;
}

const todo = (line: string): string => `- [ ] ${printable(line)}\n`;

const field = (name: string, text: string): string => `${`${name}:`.padEnd(13)}${printable(text)}`;

/** The same for programs. Steps and findings are in `run`. */
export function accountJson(accounted: Accounted) {
  const { reason, freezes, plan, run, totals: did, repeats } = accounted;
  const { id, digest, by, createdAt, selected } = plan ?? {};
  const { mode, partial, totals, watermark, uncaptured } = plan?.body ?? {};
  return {
    ...(reason === undefined ? {} : { reason }),
    freezes,
    ...(plan && { plan: { id, digest, by, createdAt, selected, mode, partial, totals, watermark, uncaptured } }),
    ...(run && { run }),
    ...(did && { totals: did }),
    ...(repeats && { repeats }),
    followUps: followUpsOf(accounted),
  };
}

import type { PlanView } from '@recant/api';
import { count, type Paint, printable, table } from '../terminal/output.ts';
import { actionTimeMs, clockTime } from '../terminal/time.ts';
import { approvalText } from './approval.ts';
import { fateWords, resourceWords } from './resource.ts';

type Contents = PlanView['body'];
type Step = Contents['steps'][number];
export type Conflict = Contents['conflicts'][number];
export type LeftAttempt = Contents['left'][number];
export type Taint = Contents['tainted'][number];

/** Resources with the same fate in a step that are written out; the rest is a number. `--json` has all. */
const RESOURCES_SHOWN_MAX = 3;
export const ROWS_SHOWN_MAX = 40;

/** The whole plan for people: what it is, each step, what stands in the way, what stays, and what to do next. */
export function planText(plan: PlanView, paint: Paint): string {
  const { body } = plan;
  const sections = [
    `${paint('bold', `Plan ${plan.id}`)}  mode ${body.mode}, ${count(body.steps.length, 'step')}, ${count(body.conflicts.length, 'conflict')}, ${count(body.left.length, 'attempt')} left as ${body.left.length === 1 ? 'it is' : 'they are'}`,
    stepsText(body.steps, paint),
    conflictsText(body.conflicts, body.mode, paint),
    leftText(body, paint),
    taintText(body.tainted, paint),
    findingsText(plan, paint),
    nextText(plan, paint),
  ];
  return `${sections.filter((section) => section !== '').join('\n')}\n`;
}

function stepsText(steps: readonly Step[], paint: Paint): string {
  if (steps.length === 0) return 'Nothing would be undone.';
  const rows = steps
    .slice(0, ROWS_SHOWN_MAX)
    .map((step) => [step.step, `${step.agent} ${step.tool}`, clockTime(actionTimeMs(step.undoes.action)).slice(11, 19), stepWords(step)]);
  const more = steps.length > ROWS_SHOWN_MAX ? `\n  ... and ${count(steps.length - ROWS_SHOWN_MAX, 'more step')} (--json has all)` : '';
  return table(['step', 'undoes', 'at', 'what goes back'], rows, paint) + more;
}

export function stepWords(step: Step): string {
  const guards = step.systems.flatMap((system) => system.guards);
  return printable(fateWords(guards, RESOURCES_SHOWN_MAX).join('; '));
}

/** One sentence a conflict. */
export function conflictWords(conflict: Conflict): string {
  const attempt = `${conflict.agent}'s ${conflict.tool} (${clockTime(actionTimeMs(conflict.ref.action))})`;
  const detail = conflict.detail.replace(/\.$/, '');
  if (conflict.resource === undefined) return printable(`${attempt}: ${staysWords(conflict) ?? detail}`);
  const what = resourceWords(conflict.resource);
  const part = conflict.part === undefined ? 'it' : `\`${conflict.part}\``;
  if (conflict.kind === 'later_write' && conflict.by) {
    return printable(
      `${what}: ${part} was written later by ${conflict.by.agent} (tool ${conflict.by.tool}) at ${clockTime(actionTimeMs(conflict.by.ref.action))}; undoing ${attempt} would wipe that out`,
    );
  }
  const where = conflict.part === undefined ? what : `${what}: ${part}`;
  return printable(`${where}: ${detail}; in the way of undoing ${attempt}`);
}

/** What wrote over it is selected too, and cannot be undone itself. */
function staysWords({ kind, by }: Conflict): string | undefined {
  if (kind !== 'later_write' || by === undefined) return undefined;
  return `${by.agent}'s ${by.tool} (${clockTime(actionTimeMs(by.ref.action))}) wrote the same later, and is not undone itself`;
}

/** Several parts of one resource with one cause are one line. */
export function conflictLines(conflicts: readonly Conflict[]): string[] {
  const merged = new Map<string, Conflict>();
  for (const conflict of conflicts) {
    const key = JSON.stringify([conflict.kind, conflict.ref, conflict.resource, conflict.by?.ref]);
    const seen = merged.get(key);
    const part = [seen?.part, conflict.part].filter((name) => name !== undefined).join('`, `');
    merged.set(key, part === '' ? conflict : { ...conflict, part });
  }
  return [...merged.values()].map(conflictWords);
}

function conflictsText(conflicts: readonly Conflict[], mode: string, paint: Paint): string {
  if (conflicts.length === 0) return '';
  const head = mode === 'skip' ? 'Skipped, because:' : 'In the way:';
  return [paint('yellow', head), ...listed(conflictLines(conflicts).map((line) => `  ${line}`))].join('\n');
}

/** Attempts that no conflict tells of. */
export function unnamed<A extends Pick<LeftAttempt, 'ref'>>(left: readonly A[], conflicts: readonly Pick<Conflict, 'ref'>[]): A[] {
  const key = ({ ref }: Pick<Conflict, 'ref'>): string => JSON.stringify([ref.source, ref.action, ref.attempt]);
  const named = new Set(conflicts.map(key));
  return left.filter((attempt) => !named.has(key(attempt)));
}

/** Attempts of one agent and tool that stay for one reason are one line. */
function leftText({ left, conflicts }: Contents, paint: Paint): string {
  const told = new Map<string, number>();
  for (const { agent, tool, reason, detail } of unnamed(left, conflicts)) {
    if (reason === 'skipped') continue;
    const line = `  ${agent} ${tool}: ${reason.replaceAll('_', ' ')}${detail === '' ? '' : ` (${detail.replace(/\.$/, '')})`}`;
    told.set(line, (told.get(line) ?? 0) + 1);
  }
  if (told.size === 0) return '';
  const lines = [...told].map(([line, attempts]) => printable(attempts === 1 ? line : `${line}, ${attempts} attempts`));
  return [paint('bold', 'No step for:'), ...listed(lines)].join('\n');
}

function taintText(tainted: readonly Taint[], paint: Paint): string {
  if (tainted.length === 0) return '';
  const lines = tainted.map((taint) =>
    printable(
      `  ${taint.agent} (tool ${taint.tool}) read ${resourceWords(taint.resource)} \`${taint.parts.join('`, `')}\` at ${clockTime(actionTimeMs(taint.ref.action))}`,
    ),
  );
  return [paint('yellow', 'Tainted (read what is taken back; a lower bound, and not undone):'), ...listed(lines)].join('\n');
}

function findingsText(plan: PlanView, paint: Paint): string {
  const { findings, probedAtMs } = plan.annex;
  if (findings.length === 0) return '';
  const lines = findings.map((found) =>
    printable(
      `  step ${found.step}, ${resourceWords(found.resource)} \`${found.part}\`: ${found.kind.replaceAll('_', ' ')}${found.detail === '' ? '' : `, ${found.detail}`}`,
    ),
  );
  return [paint('yellow', `Not as recorded, seen at ${clockTime(probedAtMs)}:`), ...listed(lines)].join('\n');
}

function nextText(plan: PlanView, paint: Paint): string {
  if (plan.run) return ranText(plan.digest, plan.run);
  if (plan.body.mode === 'refuse' && plan.body.conflicts.length > 0) {
    return `${paint('red', 'Refused: nothing will be undone.')} Plan again with --mode skip to undo all but the ones in the way, or narrow the selection.`;
  }
  if (plan.body.steps.length === 0)
    return plan.body.left.length === 0 ? 'Nothing that was recorded fits this selection.' : 'There is nothing to run.';
  const approval = approvalText(plan, paint);
  const isMissing = plan.approval.state === 'missing' || plan.approval.state === 'expired';
  const next = isMissing ? `another person’s recant approve ${plan.id}, then recant run ${plan.id}` : `recant run ${plan.id}`;
  return [`Digest ${plan.digest}`, ...(approval === '' ? [] : [approval]), `Next: ${next}`].join('\n');
}

/** A plan runs once. */
function ranText(digest: string, { id, state, createdAt, finishedAt }: NonNullable<PlanView['run']>): string {
  const since = `since ${clockTime(Date.parse(createdAt))}`;
  const when = finishedAt === undefined ? `${since}: ${state}` : `${since}, ${state} at ${clockTime(Date.parse(finishedAt))}`;
  return [`Digest ${digest}`, `It has its run, ${when}.`, `Next: recant status ${id}`].join('\n');
}

/** As many lines as are shown, and how many more there are. */
export function listed(lines: readonly string[]): string[] {
  const more = lines.length - ROWS_SHOWN_MAX;
  return more <= 0 ? [...lines] : [...lines.slice(0, ROWS_SHOWN_MAX), `  ... and ${more} more (--json has all)`];
}

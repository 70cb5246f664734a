import type { RunSummaryView, RunView } from '@recant/api';
import type { WholeRun } from '@recant/client';
import type { UnverifiedReason, Verdict } from '@recant/events';
import { count, type Paint, printable } from '../terminal/output.ts';
import { table } from '../terminal/table.ts';
import { actionTimeMs, clockTime } from '../terminal/time.ts';
import { approverText, statementText } from './approval.ts';
import { conflictLines, listed, ROWS_SHOWN_MAX, withoutConflict } from './plan.ts';
import { partText, resourceText } from './resource.ts';

const ENDED = new Set<string>(['finished', 'cancelled']);

export function hasEnded(run: { readonly state: string }): boolean {
  return ENDED.has(run.state);
}

/** Ended, or blocked until a person acts. */
export function hasStopped(run: { readonly state: string }): boolean {
  return hasEnded(run) || run.state === 'waiting' || run.state === 'paused';
}

/** The account: the outcome of each step, attempts not undone, residue, and a summary. */
export function runText(run: WholeRun, paint: Paint): string {
  const sections = [
    `${paint('bold', `Run ${run.id}`)} of plan ${run.plan}, ${run.state}${run.alarm === undefined ? '' : `: ${printable(run.alarm)}`}`,
    ...run.approvals
      .filter(({ withdrawn }) => withdrawn === undefined)
      .slice(0, 1)
      .map((given) => `Approved ${approverText(given)}`),
    ...(run.breakGlass === undefined ? [] : [`Started without an approval ${statementText(run.breakGlass)}`]),
    waitsText(run),
    stepsText(run, paint),
    overwrittenText(run, paint),
    leftText(run, paint),
    leftBehindText(run, paint),
    run.tainted.length === 0
      ? ''
      : `${paint('yellow', 'May have built on what was undone:')} at least ${count(run.account.tainted, 'other attempt')}. Inspect with \`recant actions show\`.`,
    fencedLine(run),
    limitsLine(run),
    summaryOfRun(run, paint),
    nextText(run),
  ];
  return `${sections.filter((section) => section !== '').join('\n')}\n`;
}

function leftBehindText(run: WholeRun, paint: Paint): string {
  const lines = residueLines(run);
  return lines.length === 0 ? '' : [paint('yellow', 'Left behind:'), ...listed(lines.map((line) => `  ${printable(line)}`))].join('\n');
}

/** Empty without a deadline and a rate. */
function limitsLine({ limits = {} }: Pick<RunView, 'limits'>): string {
  const { deadline, rowsPerSecond } = limits;
  const texts = [
    ...(deadline === undefined ? [] : [`pauses at ${clockTime(Date.parse(deadline))}`]),
    ...(rowsPerSecond === undefined ? [] : [`changes at most ${count(rowsPerSecond, 'row or file', 'rows and files')} a second`]),
  ];
  return texts.length === 0 ? '' : `Limits: ${texts.join(', ')}.`;
}

/** Undone calls that nobody may repeat; empty without a fence. */
export function fencedLine({ id, fence }: Pick<RunView, 'id' | 'fence'>): string {
  if (fence === undefined) return '';
  const without = fence.without === 0 ? '' : `; ${count(fence.without, 'attempt')} without a call to compare`;
  return `Fenced: ${count(fence.inForce, 'call')} until ${clockTime(Date.parse(fence.expiresAt))}${without}: recant fences --run ${id}`;
}

function waitsText({ waits }: Pick<RunSummaryView, 'waits'>): string {
  return waits
    .map(({ detail, next }) => `Waits: ${printable(detail)}${next === undefined ? '' : ` Tried again at ${clockTime(Date.parse(next))}.`}`)
    .join('\n');
}

function stepsText(run: WholeRun, paint: Paint): string {
  if (run.stepList.length === 0) return '';
  const rows = stepsShown(run.stepList).map((step) => [
    step.step,
    `${step.agent} ${step.tool}`,
    (step.outcome ?? step.state).replaceAll('_', ' '),
    findingText(step),
  ]);
  const more =
    run.stepList.length > ROWS_SHOWN_MAX
      ? `\n  ... and ${count(run.stepList.length - ROWS_SHOWN_MAX, 'more step')} (--json shows all)`
      : '';
  return table(['step', 'undoes', 'outcome', ''], rows, paint) + more;
}

/** Of more steps than are shown: first those not restored, then the open ones, then the restored ones. */
function stepsShown(steps: WholeRun['stepList']): WholeRun['stepList'] {
  const rank = ({ outcome, state }: WholeRun['stepList'][number]): number => {
    if (outcome === undefined) return state === 'stuck' ? 0 : 1;
    return outcome === 'restored' ? 2 : 0;
  };
  return [...steps]
    .sort((a, b) => rank(a) - rank(b))
    .slice(0, ROWS_SHOWN_MAX)
    .sort((a, b) => a.step - b.step);
}

function findingText(step: WholeRun['stepList'][number]): string {
  const [first, ...rest] = step.findings;
  if (!first) return '';
  const where =
    first.resource === undefined
      ? ''
      : `${resourceText(first.resource)}${first.part === undefined ? '' : ` \`${partText(first.part)}\``}: `;
  return `${where}${first.detail}${rest.length === 0 ? '' : ` (and ${rest.length} more)`}`;
}

/** Later values of others that the run overwrote, and whose they were. */
function overwrittenText({ stepList }: WholeRun, paint: Paint): string {
  const found = stepList.flatMap(({ findings }) => findings.filter(({ code }) => code === 'overwritten'));
  if (found.length === 0) return '';
  const lines = found.map(
    ({ resource, detail }) => `  ${printable(`${resource === undefined ? '' : `${resourceText(resource)}: `}${detail}`)}`,
  );
  return [paint('red', `Overwrote ${count(found.length, 'later value')} of others (force):`), ...listed(lines)].join('\n');
}

/** Each residue once, with the number of steps that leave it. */
export function residueLines({ stepList }: Pick<WholeRun, 'stepList'>): readonly string[] {
  const steps = new Map<string, number>();
  for (const { residue = [] } of stepList) for (const line of new Set(residue)) steps.set(line, (steps.get(line) ?? 0) + 1);
  return [...steps].map(([line, times]) => (times === 1 ? line : `${line} (${times} steps)`));
}

function leftText(run: WholeRun, paint: Paint): string {
  const skipped = run.left.filter((attempt) => attempt.reason !== 'no_effect' && attempt.reason !== 'cancelled_out');
  const attempts = withoutConflict(skipped, run.conflicts).map((attempt) =>
    printable(
      `  ${attempt.agent}'s ${attempt.tool} (${clockTime(actionTimeMs(attempt.ref.action))}): ${attempt.reason.replaceAll('_', ' ')}`,
    ),
  );
  const reasons = conflictLines(run.conflicts).map((line) => `  ${line}`);
  if (attempts.length + reasons.length === 0) return '';
  return [paint('yellow', 'Not undone:'), ...listed(reasons), ...listed(attempts)].join('\n');
}

/** The verdict, and how many attempts ended how. */
export function summaryOfRun(run: RunView, paint: Paint): string {
  const { account } = run;
  const ended = Object.entries(account.outcomes).map(([outcome, steps]) => `${steps} ${outcome.replaceAll('_', ' ')}`);
  const left = Object.entries(account.left).map(([reason, attempts]) => `${attempts} not undone (${reason.replaceAll('_', ' ')})`);
  const twice = total(account.outcomes) + account.open - (account.cascaded ?? 0) + total(account.left) - account.selected;
  const inPart = twice > 0 ? `; ${twice} of these ${twice === 1 ? 'counts' : 'count'} twice: undone in part` : '';
  const rows = account.rowsStay === undefined ? [] : [`${count(account.rowsStay, 'row')} in conflict left alone`];
  const dependents = account.cascaded === undefined ? [] : [`${count(account.cascaded, 'dependent attempt')} of others included`];
  const sum = [...ended, ...left, ...rows, ...dependents, ...(account.open === 0 ? [] : [`${account.open} open`])].join(', ');
  const verdict = hasEnded(run) ? `${VERDICT_TEXTS[account.verdict]}.` : 'Not finished yet.';
  const color = hasEnded(run) && account.verdict === 'fully_restored' ? 'green' : 'yellow';
  const doubts = unverifiedTexts(run).map((text) => `\nUnverified: ${text}.`);
  return `${paint(color, verdict)} ${count(account.selected, 'attempt')} selected: ${sum === '' ? 'none had an effect' : sum}${inPart}.${doubts.join('')}`;
}

const total = (counts: Readonly<Partial<Record<string, number>>>): number =>
  Object.values(counts).reduce<number>((sum, one) => sum + (one ?? 0), 0);

const VERDICT_TEXTS: Readonly<Record<Verdict, string>> = {
  fully_restored: 'Fully restored',
  restored_unverified: 'Restored, unverified',
  partly_restored: 'Partly restored',
  not_restored: 'Not restored',
};

/** Why a run that failed nowhere is not called fully restored. */
export function unverifiedTexts({ account }: Pick<RunView, 'account'>): readonly string[] {
  return Object.entries(account.unverified).map(([reason, found]) => unverifiedText(reason as UnverifiedReason, found ?? 0));
}

const unverifiedText = (reason: UnverifiedReason, found: number): string =>
  reason === 'record_incomplete'
    ? `the record lacks ${count(found, 'thing')} that the plan names (recant explain PLAN)`
    : `${count(found, 'attempt')} ${UNVERIFIED_TEXTS[reason]}`;

const UNVERIFIED_TEXTS: Readonly<Record<Exclude<UnverifiedReason, 'record_incomplete'>, string>> = {
  effects_unknown: 'may have effects that nothing recorded (effects unknown)',
  capture_incomplete: 'on tables of which later changes were not captured (accepted)',
  overwritten: 'whose inverse overwrote later values of others (force)',
  claimed: 'with effects that only the agent’s own process reported (claimed)',
};

/** The next command for a run that waits for a person. */
function nextText(run: WholeRun): string {
  if (run.state === 'paused') return `Next: recant status ${run.id} --do resume`;
  const stuck = run.stepList.filter((step) => step.state === 'stuck').map((step) => step.step);
  if (run.state !== 'waiting' || stuck.length === 0) return '';
  return `Next: fix the cause, then recant run retry ${run.id} ${stuck.length > 1 ? '--all' : `--step ${stuck[0]}`} (or skip)`;
}

export function runsText(runs: readonly RunSummaryView[], paint: Paint): string {
  if (runs.length === 0) return 'No runs yet. `recant plan` creates a plan, `recant run` runs it.\n';
  const rows = runs.map((run) => [
    run.id,
    clockTime(Date.parse(run.createdAt)),
    run.state,
    run.steps,
    hasEnded(run) ? VERDICT_TEXTS[run.account.verdict].toLowerCase() : printable(run.alarm ?? run.waits[0]?.detail ?? ''),
  ]);
  return `${table(['run', 'started', 'state', 'steps', 'outcome'], rows, paint)}\n`;
}

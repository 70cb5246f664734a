import type { PlanView } from '@recant/api';
import type { WholePlan } from '@recant/client';
import { OWN_AGENT } from '@recant/events';
import { count, type Paint, printable } from '../terminal/output.ts';
import { table } from '../terminal/table.ts';
import { actionTimeMs, clockTime } from '../terminal/time.ts';
import { approvalText } from './approval.ts';
import { builtOnLine, builtOnText } from './built-on.ts';
import { type Conflict, causesOf } from './conflict-causes.ts';
import { alternativesText, isRefused, plannedText, toolsText } from './explain.ts';
import { acceptText, completeText, missingText, unacceptedIn } from './missing.ts';
import { changesText, partText, plainText, resourceText } from './resource.ts';

type Contents = WholePlan['body'];
type Step = Contents['steps'][number];
export type LeftAttempt = Contents['left'][number];
export type Taint = Contents['tainted'][number];

/** Resources with the same change that a step names; the rest is counted. */
const RESOURCES_SHOWN_MAX = 3;
export const ROWS_SHOWN_MAX = 40;

/** The plan: what was selected, totals, the modes side by side, steps, conflicts, attempts that are not undone, tainted attempts, and the next command. */
export function planText(plan: WholePlan, paint: Paint): string {
  const { body } = plan;
  const sections = [
    `${paint('bold', `Plan ${plan.id}`)}  mode ${body.mode}${body.partial ? ' by row' : ''}, ${count(body.steps.length, 'step')}, ${count(body.conflicts.length, 'conflict')}, ${count(body.left.length, 'attempt')} not undone`,
    printable(`Selected: ${plan.selected}${completeText(body)}`),
    missingText(body, paint),
    plannedText(plan, paint),
    body.steps.length > ROWS_SHOWN_MAX ? toolsText(body, paint) : stepsText(body.steps, paint),
    overwritesText(body, paint),
    ...detailsText(body, paint),
    alternativesText(plan, paint),
    nextText(plan, paint),
  ];
  return `${sections.filter((section) => section !== '').join('\n')}\n`;
}

/** The plan in short, and the next commands. */
export function explainText(plan: WholePlan, paint: Paint): string {
  return `${[summaryText(plan, paint).trimEnd(), nextText(plan, paint), `Details: recant explain ${plan.id} --in <table or folder>, or recant plan --show ${plan.id}`].filter((text) => text !== '').join('\n')}\n`;
}

/** Totals first, conflicts by kind and by who, and the modes side by side. */
export function summaryText(plan: WholePlan, paint: Paint): string {
  const { body } = plan;
  const sections = [
    `${paint('bold', `Plan ${plan.id}`)}  mode ${body.mode}${body.partial ? ' by row' : ''}`,
    printable(`Selected: ${plan.selected}${completeText(body)}`),
    missingText(body, paint),
    plannedText(plan, paint),
    toolsText(body, paint),
    overwritesText(body, paint),
    groupsText(body.conflicts, paint),
    builtOnText(body.tainted, paint),
    uncapturedText(body, paint),
    alternativesText(plan, paint),
  ];
  return `${sections.filter((section) => section !== '').join('\n')}\n`;
}

function detailsText(body: Contents, paint: Paint): string[] {
  return [
    conflictsText(body.conflicts, body.mode, paint),
    uncapturedText(body, paint),
    ambiguousText(body, paint),
    leftText(body, paint),
    taintText(body.tainted, paint),
  ];
}

/** Conflicts with one cause share a line; each kind is among the first. */
function groupsText(conflicts: readonly Conflict[], paint: Paint): string {
  if (conflicts.length === 0) return '';
  const lines = causesOf(conflicts).map(({ kind, by, conflicts: [first, ...more] }) => {
    const who = by === undefined ? '' : ` by ${by.agent} (tool ${by.tool})`;
    return `  ${printable(`${more.length + 1} × ${kind.replaceAll('_', ' ')}${who}, for one: ${conflictLines([first])[0]}`)}`;
  });
  return [paint('yellow', 'Conflicts by cause:'), ...listed(lines)].join('\n');
}

function stepsText(steps: readonly Step[], paint: Paint): string {
  if (steps.length === 0) return 'Nothing to undo.';
  const rows = steps.map((step) => [
    step.step,
    `${step.agent} ${step.tool}`,
    clockTime(actionTimeMs(step.undoes.action)).slice(11, 19),
    stepText(step),
  ]);
  return table(['step', 'undoes', 'at (UTC)', 'change'], rows, paint);
}

export function stepText(step: Step): string {
  const changes = changesText(step.changes, RESOURCES_SHOWN_MAX).join('; ');
  const stays = step.stays && `${count(step.stays, 'row')} in conflict ${step.stays === 1 ? 'stays' : 'stay'}`;
  const dependent = step.cascaded && 'Not selected: wrote or read the same rows later';
  return printable([changes, dependent, stays, step.unknown, step.remains].filter((text) => text !== undefined).join('. '));
}

/** One line a conflict. */
function conflictText(conflict: Conflict): string {
  const attempt = `${conflict.agent}'s ${conflict.tool} (${clockTime(actionTimeMs(conflict.ref.action))})`;
  const detail = plainText(conflict.detail.replace(/\.$/, ''));
  if (conflict.resource === undefined) return printable(`${attempt}: ${overwrittenText(conflict) ?? detail}`);
  const what = resourceText(conflict.resource);
  const part = conflict.part === undefined ? 'it' : `\`${partText(conflict.part)}\``;
  if (conflict.kind === 'later_write' && conflict.by) {
    return printable(
      `${what}: ${part} ${part.includes(', ') ? 'were' : 'was'} written later by ${conflict.by.agent} (tool ${conflict.by.tool}) at ${clockTime(actionTimeMs(conflict.by.ref.action))}; undoing ${attempt} would overwrite that`,
    );
  }
  const where = conflict.part === undefined ? what : `${what}: ${part}`;
  return printable(`${where}: ${detail}; blocks undoing ${attempt}`);
}

/** A selected attempt that wrote the same parts later is not undone, so neither is this one. */
function overwrittenText({ kind, by }: Conflict): string | undefined {
  // An earlier run that undid some rows of it: the detail says so.
  if (kind !== 'later_write' || by === undefined || by.agent === OWN_AGENT) return undefined;
  return `${by.agent}'s ${by.tool} (${clockTime(actionTimeMs(by.ref.action))}) wrote the same parts later and is not undone`;
}

/** Parts of one resource with the same cause share a line. */
export function conflictLines(conflicts: readonly Conflict[]): string[] {
  const merged = new Map<string, Conflict>();
  for (const conflict of conflicts) {
    const key = JSON.stringify([conflict.kind, conflict.ref, conflict.resource, conflict.by?.ref, conflict.by ? '' : conflict.detail]);
    const seen = merged.get(key);
    const part = [seen?.part, conflict.part].filter((name) => name !== undefined).join('`, `');
    merged.set(key, part === '' ? conflict : { ...conflict, part });
  }
  return [...merged.values()].map(conflictText);
}

function conflictsText(conflicts: readonly Conflict[], mode: string, paint: Paint): string {
  if (conflicts.length === 0) return '';
  const stopping = mode === 'refuse' ? conflicts.filter(({ passed }) => !passed) : [];
  const passed = conflicts.filter((conflict) => !stopping.includes(conflict));
  const section = (head: string, some: readonly Conflict[]): string[] =>
    some.length === 0 ? [] : [paint('yellow', head), ...listed(conflictLines(some).map((line) => `  ${line}`))];
  return [...section('Conflicts:', stopping), ...section('Skipped because of conflicts:', passed)].join('\n');
}

/** Later values of others that are lost, and whose they are; by who, most first. */
function overwritesText({ overwrites: all }: Contents, paint: Paint): string {
  if (all.length === 0) return '';
  const groups = Map.groupBy(all, ({ by, who }) =>
    by === undefined ? `somebody whose work nothing recorded (${who.replace(/ at .*$/, '')})` : by.agent,
  );
  const lines = [...groups]
    .sort(([, a], [, b]) => b.length - a.length)
    .flatMap(([who, some]) => [
      `  ${printable(who)}: ${count(some.length, 'value')}`,
      ...listed(some.map(({ resource, detail }) => `    ${printable(`${resourceText(resource)}: ${detail}`)}`)),
    ]);
  return [paint('red', `Overwrites ${count(all.length, 'later value')} of others (force):`), ...lines].join('\n');
}

/** Tables whose changes nothing recorded. */
function uncapturedText({ uncaptured = [] }: Contents, paint: Paint): string {
  if (uncaptured.length === 0) return '';
  const lines = uncaptured.map(({ system, table: name, logins, from, to, dropped }) => {
    const when = to === undefined ? `after ${from}` : `between ${from} and ${to}`;
    const who = logins.join(', ');
    return printable(
      dropped
        ? `  ${system}: ${name}, dropped ${when}, by a login that could do so: ${who}`
        : `  ${system}: ${name}, ${to === undefined ? 'new ' : ''}${when}, writable by ${who}`,
    );
  });
  const title =
    'Changes of these tables were not captured, so that nothing is known of them (`recant connect postgres` captures new tables):';
  return [paint('yellow', title), ...listed(lines)].join('\n');
}

/** Attempts without a conflict of their own. */
export function withoutConflict<A extends Pick<LeftAttempt, 'ref'>>(left: readonly A[], conflicts: readonly Pick<Conflict, 'ref'>[]): A[] {
  const key = ({ ref }: Pick<Conflict, 'ref'>): string => JSON.stringify([ref.source, ref.action, ref.attempt]);
  const named = new Set(conflicts.map(key));
  return left.filter((attempt) => !named.has(key(attempt)));
}

/** Attempts of one agent and tool with the same reason share a line. */
function leftText({ left, conflicts }: Contents, paint: Paint): string {
  const lineCounts = new Map<string, number>();
  for (const { agent, tool, reason, detail } of withoutConflict(left, conflicts)) {
    if (reason === 'skipped' || reason === 'ambiguous') continue;
    const line = `  ${agent} ${tool}: ${reason.replaceAll('_', ' ')}${detail === '' ? '' : ` (${detail.replace(/\.$/, '')})`}`;
    lineCounts.set(line, (lineCounts.get(line) ?? 0) + 1);
  }
  if (lineCounts.size === 0) return '';
  const lines = [...lineCounts].map(([line, attempts]) => printable(attempts === 1 ? line : `${line}, ${attempts} attempts`));
  return [paint('bold', 'Not undone:'), ...listed(lines)].join('\n');
}

/** Changes that somebody else may have made, apart from everything that the plan undoes. */
function ambiguousText({ ambiguous }: Contents, paint: Paint): string {
  if (ambiguous.length === 0) return '';
  const changes = ambiguous.reduce((sum, each) => sum + each.changes, 0);
  const lines = ambiguous.map(({ agent, tool, ref, changes: own, resources }) => {
    const named = resources.slice(0, RESOURCES_SHOWN_MAX).map(resourceText).join(', ');
    const more = own > RESOURCES_SHOWN_MAX ? ', ...' : '';
    return printable(`  ${count(own, 'change')} while ${agent}'s ${tool} ran (${clockTime(actionTimeMs(ref.action))}): ${named}${more}`);
  });
  const head = `Ambiguous, not undone: ${count(changes, 'change')} that somebody else may have made (select with --ambiguous <uri>):`;
  return [paint('yellow', head), ...listed(lines)].join('\n');
}

function taintText(tainted: readonly Taint[], paint: Paint): string {
  if (tainted.length === 0) return '';
  const head = 'May have built on what this plan undoes, and stays (reads that nobody recorded are missing):';
  return [paint('yellow', head), ...listed(tainted.map((taint) => `  ${builtOnLine(taint)}`))].join('\n');
}

function nextText(plan: PlanView, paint: Paint): string {
  if (plan.run) return ranText(plan.digest, plan.run);
  const missing = plan.body.mode === 'refuse' ? unacceptedIn(plan.body) : [];
  if (missing.length > 0 && plan.counts.stopping === 0)
    return `${paint('red', 'Refused: the record is incomplete.')} Plan again when it is complete, or accept each by name: ${acceptText(missing)}`;
  if (isRefused(plan)) {
    return `${paint('red', 'Refused: nothing will be undone.')} Plan again with --mode skip to leave the conflicting attempts out, or narrow the selection.`;
  }
  if (plan.counts.steps === 0) return plan.counts.left === 0 ? 'No recorded attempt matches this selection.' : 'Nothing to run.';
  const approval = approvalText(plan, paint);
  const isMissing = plan.approval.state !== 'not_needed' && plan.approval.state !== 'approved';
  const next = isMissing ? `recant approve ${plan.id} by another person, then recant run ${plan.id}` : `recant run ${plan.id}`;
  return [`Digest ${plan.digest}`, ...(approval === '' ? [] : [approval]), `Next: ${next}`].join('\n');
}

/** A plan runs once. */
function ranText(digest: string, { id, state, createdAt, finishedAt }: NonNullable<PlanView['run']>): string {
  const end = finishedAt === undefined ? `now ${state}` : `${state} at ${clockTime(Date.parse(finishedAt))}`;
  return [`Digest ${digest}`, `Already run: started at ${clockTime(Date.parse(createdAt))}, ${end}.`, `Next: recant status ${id}`].join(
    '\n',
  );
}

/** The first lines, and how many are left out. */
export function listed(lines: readonly string[]): string[] {
  const more = lines.length - ROWS_SHOWN_MAX;
  return more <= 0 ? [...lines] : [...lines.slice(0, ROWS_SHOWN_MAX), `  ... and ${more} more (--json shows all)`];
}

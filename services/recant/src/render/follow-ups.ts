import type { FreezeBody, PlanRepeatsBody, PlanRowBody, PlanView } from '@recant/api';
import type { WholeRun } from '@recant/client';
import { count } from '../terminal/output.ts';
import { builtOnLine } from './built-on.ts';
import { scopeText } from './freeze.ts';
import { conflictLines } from './plan.ts';
import { repeatLines } from './repeats.ts';
import { listText, resourceText } from './resource.ts';
import { hasEnded, residueLines, unverifiedTexts } from './run.ts';

/** Of one kind; the rest is counted. */
const SHOWN_MAX = 20;
const DONE = new Set<string>(['restored', 'already_undone']);
const NO_MATTER = new Set<string>(['no_effect', 'cancelled_out', 'already_undone']);

interface Accounted {
  readonly freezes: readonly FreezeBody[];
  readonly plan?: PlanView;
  readonly run?: WholeRun;
  /** Rows that stay although others of their attempts went back, the first of them. */
  readonly stays?: readonly PlanRowBody[];
  /** Absent: they could not be read. */
  readonly repeats?: PlanRepeatsBody;
}

/** What a person still has to do after a rollback, each as one line. */
export function followUpsOf({ freezes, plan, run, stays = [], repeats }: Accounted): readonly string[] {
  return [
    ...(run === undefined ? [] : ofRun(run, stays)),
    ...(run === undefined || plan === undefined ? [] : againLines(run, plan)),
    ...(plan === undefined ? [] : ofPlan(plan)),
    ...(repeats === undefined ? [] : capped(repeatLines(repeats), 'probable repeat')),
    ...freezes
      .filter(({ ended }) => ended === undefined)
      .map((freeze) => `${scopeText(freeze)} is frozen: recant thaw ${freeze.freeze} --reason TEXT`),
  ];
}

function ofRun(run: WholeRun, stays: readonly PlanRowBody[]): readonly string[] {
  const open = hasEnded(run) ? [] : [`The run is ${run.state}: recant rollback --resume ${run.id}`];
  const steps = run.stepList
    .filter(({ state, outcome }) => (state === 'ended' ? !DONE.has(outcome ?? '') : state === 'stuck'))
    .map((step) => {
      const [finding] = step.findings;
      const why =
        finding === undefined ? '' : `: ${finding.resource === undefined ? '' : `${resourceText(finding.resource)}: `}${finding.detail}`;
      return `Step ${step.step}, ${step.agent}'s ${step.tool}, ${(step.outcome ?? step.state).replaceAll('_', ' ')}${why}`;
    });
  const conflicts = conflictLines(run.conflicts).map((line) => `Not undone: ${line}`);
  const tainted = run.tainted.map((taint) => `May have built on what was undone: ${builtOnLine(taint)}`);
  return [
    ...open,
    ...(run.breakGlass === undefined ? [] : [`Started without its approval: another person reviews it: recant approve ${run.plan}`]),
    ...capped(steps, 'step'),
    ...capped(conflicts, 'conflict'),
    ...leftLines(run),
    ...staysLines(run, stays),
    ...unverifiedTexts(run).map((text) => `Look at it by hand: ${text}`),
    ...capped(residueLines(run), 'residue', 'residues'),
    ...capped(tainted, 'attempt'),
  ];
}

/** Rows in conflict, by name. */
function staysLines({ plan, account: { rowsStay = 0 } }: WholeRun, stays: readonly PlanRowBody[]): readonly string[] {
  if (rowsStay === 0) return [];
  const names = [...new Set(stays.map(({ resource }) => resource))].map(resourceText);
  const all = `recant explain ${plan} --fate stays`;
  const isCut = rowsStay > Math.min(names.length, SHOWN_MAX);
  const which = names.length === 0 ? all : `${listText(names, rowsStay, SHOWN_MAX)}${isCut ? `: ${all}` : ''}`;
  return [`${count(rowsStay, 'row')} in conflict ${rowsStay === 1 ? 'stays as it is' : 'stay as they are'}: ${which}`];
}

/** What somebody changed after the plan was made keeps its whole attempt from being undone; the next plan knows of it. */
function againLines({ stepList }: WholeRun, { selected }: PlanView): readonly string[] {
  const late = stepList.filter(
    ({ outcome, findings }) =>
      outcome === 'conflicted' && findings.some(({ code, resource }) => OF_ROWS.has(code) && resource !== undefined),
  );
  if (late.length === 0) return [];
  const those = late.length === 1 ? 'that attempt' : 'those attempts';
  return [
    `${count(late.length, 'attempt')} changed by others after the plan was made. Plan again, so that only the rows in conflict of ${those} stay: recant rollback --where ${JSON.stringify(selected)} --mode skip --partial`,
  ];
}

/** Codes of findings about single rows. */
const OF_ROWS = new Set<string>(['drift', 'later_write']);

/** Attempts without a conflict of their own, of one agent and tool and with one reason together. */
function leftLines({ left, conflicts }: WholeRun): readonly string[] {
  const named = new Set(conflicts.map(({ ref }) => `${ref.source} ${ref.action} ${ref.attempt}`));
  const counts = new Map<string, number>();
  for (const { ref, agent, tool, reason, detail } of left) {
    if (NO_MATTER.has(reason) || named.has(`${ref.source} ${ref.action} ${ref.attempt}`)) continue;
    const line = `Not undone: ${agent}'s ${tool}, ${reason.replaceAll('_', ' ')}${detail === '' ? '' : ` (${detail.replace(/\.$/, '')})`}`;
    counts.set(line, (counts.get(line) ?? 0) + 1);
  }
  const lines = [...counts].map(([line, attempts]) => (attempts === 1 ? line : `${line}, ${attempts} attempts`));
  return capped(lines, 'group');
}

function ofPlan({ body }: PlanView): readonly string[] {
  const missing = (body.watermark?.missing ?? []).map(
    ({ id, subject, detail, action }) => `Missing from the record, ${id}: ${subject}: ${detail} ${action}`,
  );
  const tables = (body.uncaptured ?? []).map(
    ({ system, table }) => `Changes of ${table} in ${system} were not captured: look at it by hand`,
  );
  return [...capped(missing, 'thing'), ...capped(tables, 'table')];
}

function capped(lines: readonly string[], noun: string, plural?: string): readonly string[] {
  const more = lines.length - SHOWN_MAX;
  return more <= 0
    ? lines
    : [...lines.slice(0, SHOWN_MAX), `And ${count(more, `more ${noun}`, plural && `more ${plural}`)} (--json has all)`];
}

import type { FreezeBody, PlanRepeatsBody, PlanView } from '@recant/api';
import type { WholeRun } from '@recant/client';
import { count } from '../terminal/output.ts';
import { builtOnLine } from './built-on.ts';
import { scopeText } from './freeze.ts';
import { conflictLines } from './plan.ts';
import { repeatLines } from './repeats.ts';
import { resourceText } from './resource.ts';
import { hasEnded, unverifiedTexts } from './run.ts';

/** Of one kind; the rest is counted. */
const SHOWN_MAX = 20;
const DONE = new Set<string>(['restored', 'already_undone']);
const NO_MATTER = new Set<string>(['no_effect', 'cancelled_out', 'already_undone']);

interface Accounted {
  readonly freezes: readonly FreezeBody[];
  readonly plan?: PlanView;
  readonly run?: WholeRun;
  /** Absent: they could not be read. */
  readonly repeats?: PlanRepeatsBody;
}

/** What a person still has to do after a rollback, each as one line. */
export function followUpsOf({ freezes, plan, run, repeats }: Accounted): readonly string[] {
  return [
    ...(run === undefined ? [] : ofRun(run)),
    ...(plan === undefined ? [] : ofPlan(plan)),
    ...(repeats === undefined ? [] : capped(repeatLines(repeats), 'probable repeat')),
    ...freezes
      .filter(({ ended }) => ended === undefined)
      .map((freeze) => `${scopeText(freeze)} is frozen: recant thaw ${freeze.freeze} --reason TEXT`),
  ];
}

function ofRun(run: WholeRun): readonly string[] {
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
  const rows = run.account.rowsStay ?? 0;
  const tainted = run.tainted.map((taint) => `May have built on what was undone: ${builtOnLine(taint)}`);
  return [
    ...open,
    ...(run.breakGlass === undefined ? [] : [`Started without its approval: another person reviews it: recant approve ${run.plan}`]),
    ...capped(steps, 'step'),
    ...capped(conflicts, 'conflict'),
    ...leftLines(run),
    ...(rows === 0 ? [] : [`${count(rows, 'row')} in conflict stay as they are`]),
    ...unverifiedTexts(run).map((text) => `Look at it by hand: ${text}`),
    ...capped(run.account.residue, 'residue', 'residues'),
    ...capped(tainted, 'attempt'),
  ];
}

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

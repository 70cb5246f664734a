import type { InverseResult, InverseStep } from '@recant/connector';
import { agentCodeFindings } from './agent-code.ts';
import { confirmedParts } from './confirm.ts';
import type { RowGoal, StepGoal } from './goal.ts';
import { forkLater } from './later-writes.ts';
import type { Versions } from './live.ts';
import { restoredVersions, rowsUnder } from './overlay.ts';
import { type Active, derivedStatements } from './statement.ts';
import { guardStep, resultOf, ruleFindings, type StepContext } from './step.ts';

/** A step that goes back as planned, and needs nothing that only a step by itself gets. */
export interface ChosenStep {
  readonly step: InverseStep;
  readonly goal: StepGoal;
  /** Empty: nothing is left to write. */
  readonly active: ReadonlyMap<string, Active>;
  readonly result: InverseResult;
}

/** Steps that are undone together, in order. */
export interface StepSet {
  readonly chosen: readonly ChosenStep[];
  /** Their rows afterwards; undefined: gone. */
  readonly after: ReadonlyMap<string, Versions | undefined>;
}

export type PlacedGoal = readonly [InverseStep, StepGoal];

/** Tables, by relation id, whose steps have to be undone by themselves: writing them changes further captured rows. */
export type LoneTables = Set<number>;

/** A set's steps, and the rows of a step that goes into one: a larger one is set-based by itself. */
export const SET_STEPS_MAX = 500;
const STEP_ROWS_MAX = 1_000;

/** Runs whose tables are remembered. */
const RUNS_MAX = 100;

/** What was found out about the tables of each run: found out again after a while, and by each process. */
export function createLoneTables(): (run: string) => LoneTables {
  const byRun = new Map<string, LoneTables>();
  return (run) => {
    const known = byRun.get(run) ?? new Set();
    byRun.delete(run);
    byRun.set(run, known);
    for (const oldest of byRun.keys()) {
      if (byRun.size <= RUNS_MAX) break;
      byRun.delete(oldest);
    }
    return known;
  };
}

/**
 * The next steps that pass every test of a step by itself, each on the rows that the steps before it leave. Pure: the set is refused as a whole if the database
 * then does anything else than this.
 */
export function chooseSet(
  context: Pick<StepContext, 'registry' | 'later' | 'hiding' | 'holes' | 'agentCode'>,
  goals: readonly PlacedGoal[],
  from: number,
  live: ReadonlyMap<string, Versions>,
  { lone, stepsMax }: { readonly lone: ReadonlySet<number>; readonly stepsMax: number },
): StepSet {
  const after = new Map<string, Versions | undefined>();
  const later = forkLater(context.later);
  const chosen: ChosenStep[] = [];
  for (let at = from; at < goals.length && chosen.length < stepsMax; at += 1) {
    const [step, goal] = goals[at] as PlacedGoal;
    if (goal.rows.size > STEP_ROWS_MAX) break;
    const found = rowsUnder(goal.rows.values(), live, after);
    const { active, accepted, findings } = guardStep({ ...context, later }, goal, found);
    const rows = [...active.values()].map((row) => row.goal);
    // What a forced step overwrites is looked at in the database first.
    if (accepted.some(({ code }) => code === 'overwritten')) break;
    if (findings.length > 0 || needsItself({ ...context, lone }, rows, active)) break;
    if (confirmedParts(context.registry, goal, found, later).length > 0) break;
    const outcome = active.size > 0 ? 'restored' : 'already_undone';
    chosen.push({ step, goal, active, result: resultOf(step.step, outcome, { findings: accepted, residue: goal.residue }) });
    for (const { goal: row, parts } of active.values()) after.set(row.resource, restoredVersions(row, parts, found.get(row.resource)));
    const [row] = goal.rows.values();
    if (row !== undefined && step.leaves === undefined) later.takenBack.add(row.first.attempt);
  }
  return { chosen, after };
}

/** A changed key, derived columns that are set after the write, and whatever refuses every inverse of a table. */
function needsItself(
  context: Pick<StepContext, 'registry' | 'agentCode'> & { readonly lone: ReadonlySet<number> },
  rows: readonly RowGoal[],
  active: ReadonlyMap<string, Active>,
): boolean {
  return (
    rows.some(({ captured, effects }) => context.lone.has(captured.relation) || effects.some(({ pair }) => pair !== null)) ||
    agentCodeFindings(rows, context.agentCode).length + ruleFindings(rows).length > 0 ||
    derivedStatements(context.registry, active).length > 0
  );
}

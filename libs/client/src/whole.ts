import type {
  AmbiguousView,
  ConflictView,
  LeftView,
  Page,
  PlanRowBody,
  PlanStepView,
  PlanView,
  RunStepView,
  RunView,
  TaintView,
} from '@recant/api';
import type { PageRequest } from './ledger.ts';
import { everyItem } from './pages.ts';
import type { RollbackClient } from './rollback.ts';

/** A plan with the items of all of its lists. */
export interface WholePlan extends Omit<PlanView, 'body'> {
  readonly body: PlanView['body'] & {
    readonly steps: readonly PlanStepView[];
    readonly conflicts: readonly ConflictView[];
    readonly left: readonly LeftView[];
    readonly ambiguous: readonly AmbiguousView[];
    readonly tainted: readonly TaintView[];
    /** Later values of others that steps overwrite, row by row. */
    readonly overwrites: readonly OverwriteView[];
  };
}

export type OverwriteView = NonNullable<PlanRowBody['overwrites']>[number] & Pick<PlanRowBody, 'resource' | 'step'>;

/** A run with all of its steps, and what its plan leaves. */
export interface WholeRun extends RunView {
  readonly stepList: readonly RunStepView[];
  readonly left: readonly LeftView[];
  readonly conflicts: readonly ConflictView[];
  readonly tainted: readonly TaintView[];
}

const PAGE = 500;

type PlanLists = Pick<RollbackClient, 'planRows' | 'planSteps' | 'planConflicts' | 'planLeft' | 'planAmbiguous' | 'planTainted'>;

/** Reads every page of a plan. A plan does not change. */
export async function wholePlan(client: PlanLists, plan: PlanView): Promise<WholePlan> {
  const { id, counts, body } = plan;
  const [steps, conflicts, left, ambiguous, tainted, rows] = await Promise.all([
    allOf(counts.steps, (page) => client.planSteps(id, page)),
    allOf(counts.conflicts, (page) => client.planConflicts(id, page)),
    allOf(counts.left, (page) => client.planLeft(id, page)),
    allOf(counts.ambiguous, (page) => client.planAmbiguous(id, page)),
    allOf(counts.tainted, (page) => client.planTainted(id, page)),
    allOf(counts.overwrites, (page) => client.planRows(id, { fate: 'overwrites' }, page)),
  ]);
  const overwrites = rows.flatMap(({ resource, step, overwrites: of = [] }) => of.map((one) => ({ ...one, resource, step })));
  return { ...plan, body: { ...body, steps, conflicts, left, ambiguous, tainted, overwrites } };
}

/** Reads every page of a run. Steps that change meanwhile are as their page found them. */
export async function wholeRun(client: PlanLists & Pick<RollbackClient, 'runSteps'>, run: RunView): Promise<WholeRun> {
  const [stepList, conflicts, left, tainted] = await Promise.all([
    allOf(run.steps, (page) => client.runSteps(run.id, {}, page)),
    allOf(undefined, (page) => client.planConflicts(run.plan, page)),
    allOf(undefined, (page) => client.planLeft(run.plan, page)),
    allOf(undefined, (page) => client.planTainted(run.plan, page)),
  ]);
  return { ...run, stepList, left, conflicts, tainted };
}

/** @param count 0: nothing is asked */
async function allOf<T>(count: number | undefined, fetchPage: (page: PageRequest) => Promise<Page<T>>): Promise<readonly T[]> {
  if (count === 0) return [];
  const items: T[] = [];
  for await (const item of everyItem((cursor) => fetchPage({ limit: PAGE, ...(cursor === undefined ? {} : { cursor }) }))) items.push(item);
  return items;
}

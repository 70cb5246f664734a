import { ApiFault, type RowsBody, type RunTotalsView, showRunTotals } from '@recant/api';
import { STEP_OUTCOMES, STEP_STATES } from '@recant/events';
import { type PlanHeader, type PlanStep, refKey } from '@recant/planner';
import { endedWell } from '@recant/runner';
import { type BoundRoute, handle } from '@recant/service';
import type { StoredPlan } from '@recant/store';
import type { RollbackCore } from './core.ts';
import { findPlan } from './plans.ts';

const PAGE = 500;
/** Resources that one question to the ledger names. */
const ASKED_AT_ONCE = 1_000;
const BAD_OUTCOMES = STEP_OUTCOMES.filter((outcome) => !endedWell(outcome));
const OPEN_STATES = STEP_STATES.filter((state) => state !== 'ended');
const EXISTS = 'exists';

/** What a run did, by table and folder: the plan's totals, less the rows of steps that were not undone. Reads the plan's steps only if there are such. */
export const runTotalsRoute = (core: RollbackCore): BoundRoute =>
  handle(showRunTotals, async ({ caller: { tenant }, params }) => {
    const found = await core.store.runs.find(tenant, params.run);
    if (!found) throw new ApiFault('run_unknown', `Unknown run ${JSON.stringify(params.run)}.`);
    const plan = await findPlan(core, tenant, found.run.plan);
    const failed = await failedSteps(core, tenant, params.run);
    const rows = failed.size === 0 ? [] : await failedRows(core, tenant, plan, failed);
    return { status: 200, body: totalsOf(plan.header, rows) };
  });

/** Those that have not ended, too. */
async function failedSteps({ store: { runs } }: RollbackCore, tenant: string, run: string): Promise<ReadonlySet<number>> {
  const failed = new Set<number>();
  for (const which of [{ states: OPEN_STATES }, { outcomes: BAD_OUTCOMES }])
    for (let after: number | undefined = 0; after !== undefined; ) {
      const page: Awaited<ReturnType<typeof runs.steps>> = await runs.steps(tenant, run, { ...which, after, limit: PAGE });
      for (const { step } of page?.steps ?? []) failed.add(step);
      after = page?.next;
    }
  return failed;
}

type Kind = keyof RowsBody;

/** Whether a row existed before the attempts of some steps, and after them. */
interface Span {
  before?: string | null;
  after?: string | null;
}

interface FailedRow {
  readonly resource: string;
  /** What the plan was to take back of it; undefined: the plan lets some of the row stay. */
  readonly planned: Kind | undefined;
  readonly kind: Kind;
}

async function failedRows(
  core: RollbackCore,
  tenant: string,
  plan: StoredPlan,
  failed: ReadonlySet<number>,
): Promise<readonly FailedRow[]> {
  const all = new Map<string, Span>();
  const bad = new Map<string, Span>();
  const stays = new Set<string>();
  for await (const step of core.store.plans.all(tenant, plan.id, 'steps')) {
    noteStep(all, step);
    if (failed.has(step.step)) noteStep(bad, step);
    for (const resource of step.stays ?? []) stays.add(resource);
  }
  for (const resource of await leftRows(core, tenant, plan, [...bad.keys()])) stays.add(resource);
  return [...bad].map(([resource, span]) => ({
    resource,
    planned: stays.has(resource) ? undefined : kindOf(all.get(resource) as Span),
    kind: kindOf(span),
  }));
}

/** Steps come in the order of their execution: of one row, the last change first. */
function noteStep(rows: Map<string, Span>, { systems }: PlanStep): void {
  for (const { knownOrdinals, guards } of systems) {
    for (const resource in knownOrdinals) if (!rows.has(resource)) rows.set(resource, {});
    for (const { resource, part, before, after } of guards) {
      const row = rows.get(resource);
      if (part !== EXISTS || row === undefined) continue;
      if (row.after === undefined) row.after = after;
      row.before = before;
    }
  }
}

function kindOf({ before, after }: Span): Kind {
  if (before === undefined || (before === null) === (after === null)) return 'changed';
  return before === null ? 'created' : 'deleted';
}

/** Those of these rows that attempts without a step wrote as well: the plan counts them as rows that stay. */
async function leftRows(
  { store: { plans, ledgerReader } }: RollbackCore,
  tenant: string,
  { id, header }: StoredPlan,
  rows: readonly string[],
): Promise<ReadonlySet<string>> {
  const left = new Set<string>();
  for await (const { ref, reason } of plans.all(tenant, id, 'left')) if (!HARMLESS.has(reason)) left.add(refKey(ref));
  const found = new Set<string>();
  if (left.size === 0) return found;
  const vector = Object.fromEntries(Object.entries(header.vector).map(([shard, size]) => [shard, BigInt(size)]));
  for (let at = 0; at < rows.length; at += ASKED_AT_ONCE)
    for (const { attempt, resource } of await ledgerReader.effectsOn(tenant, rows.slice(at, at + ASKED_AT_ONCE), vector))
      if (left.has(refKey(attempt))) found.add(resource);
  return found;
}

/** Nothing of such an attempt stays. */
const HARMLESS: ReadonlySet<string> = new Set(['no_effect', 'already_undone', 'cancelled_out']);

function totalsOf({ totals }: Pick<PlanHeader, 'totals'>, rows: readonly FailedRow[]): RunTotalsView {
  const scopes = new Map(totals.scopes.map(({ scope, undone, stays }) => [scope, { scope, ...counting(undone, stays) }]));
  const whole = counting(totals.undone, totals.stays);
  for (const { resource, planned, kind } of rows) {
    const scope = scopes.get(resource.slice(0, resource.lastIndexOf('/') + 1));
    // Where some of a row stays, it is counted there already.
    if (planned === undefined) continue;
    for (const counts of scope ? [whole, scope] : [whole]) {
      counts.undone[planned]--;
      counts.failed[kind]++;
    }
  }
  return { ...whole, scopes: [...scopes.values()], scopesMore: totals.scopesMore };
}

type Counting = { -readonly [K in Kind]: number };
const counting = (undone: RowsBody, stays: RowsBody): { undone: Counting; failed: Counting; stays: Counting } => ({
  undone: { ...undone },
  failed: { created: 0, deleted: 0, changed: 0 },
  stays: { ...stays },
});

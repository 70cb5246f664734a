import { ApiFault, createRun, parseExpiry, type RunInput } from '@recant/api';
import { eventId, OWN_AGENT, uuidv7 } from '@recant/events';
import { missingIn, type PlanBody, stoppingIn } from '@recant/planner';
import { rowsOf } from '@recant/policy';
import { createSourceEvents, LEASE_MS } from '@recant/runner';
import { actorOf, type Caller, withinInline } from '@recant/service';
import { type NewRun, type StoredPlan, StoreError } from '@recant/store';
import type { RollbackCore } from './core.ts';
import { permitDetail, permitStart, storedPermit } from './permit.ts';
import { checkStale, forcedDetail } from './planning.ts';
import { findPlan, requireDigest } from './plans.ts';
import { endWanting } from './wanting.ts';
import { checkMissing } from './watermark.ts';

/** Rows and files that one run may change without a confirmation of their number, unless configured. */
export const RUN_ROWS_MAX = 10_000;

/** Queues the run of a plan, identified by id and digest (I8). @returns its id; the existing run's id if the plan was already started */
export async function startRun(
  core: RollbackCore,
  caller: Caller,
  input: RunInput,
  reason?: string,
): Promise<{ readonly id: string; readonly created: boolean }> {
  const { store, clock } = core;
  const { tenant, id: by } = caller;
  const found = await findPlan(core, tenant, input.plan);
  requireDigest(found, input.digest);
  const { id: plan, digest, body } = found;
  const known = await store.runs.ofPlan(tenant, plan);
  if (known !== undefined) return { id: known, created: false };
  if (body.mode === 'refuse') requireNoObstacle(plan, body);
  if (body.steps.length === 0)
    throw new ApiFault('plan_empty', `Plan ${plan} has no steps: the selected attempts have no effects to undo.`);
  const resources = body.steps.flatMap(({ step, systems }) =>
    systems.flatMap(({ knownOrdinals }) => Object.keys(knownOrdinals).map((resource) => ({ step, resource }))),
  );
  const rows = requireRows(core, found, input.rows);
  const expiresAtMs = input.fence === undefined ? undefined : parseExpiry(input.fence, clock.now());
  const permit = await permitStart(core, tenant, found, { breakGlass: input.breakGlass, reason });
  await checkMissing(core, body);
  await checkStale(core, tenant, body);

  const run = uuidv7(clock.now(), core.random16());
  const source = await core.producer.sourceOf(tenant, 'run', run);
  const events = createSourceEvents(source, 1, () => clock.now());
  events.add('recant.source.opened.v1', eventId.opened(), { sdk: 'recant-rollback', leaseMs: LEASE_MS });
  const act = uuidv7(clock.now(), core.random16());
  events.add('recant.act.recorded.v1', eventId.act(act, 'done'), {
    act,
    actor: actorOf(caller),
    operation: createRun.operationId,
    object: { run, plan, digest },
    selection: withinInline(body.selection),
    ...(reason === undefined ? {} : { reason }),
    outcome: 'done',
    detail: withinInline({
      mode: body.mode,
      steps: body.steps.length,
      rows,
      ...(rows > core.rowsMax && { rowsMax: core.rowsMax }),
      ...(expiresAtMs !== undefined && { fence: { expiresAt: new Date(expiresAtMs).toISOString() } }),
      ...forcedDetail(body),
      ...permitDetail(permit),
    }),
  });
  const created = await createFenced(core, tenant, {
    id: run,
    permit: storedPermit(permit, run, found, caller, clock.now()),
    plan,
    digest,
    by,
    source,
    steps: body.steps.map(({ step }) => step),
    resources,
    events: events.drain(),
    sequenceNext: events.sequenceNext,
    inverses: body.steps.filter(({ agent }) => agent === OWN_AGENT).map(({ undoes }) => undoes.action),
    ...(expiresAtMs !== undefined && {
      fence: { undoes: callsToFence(body), expiresAtMs, by: nameOf(caller), reason: reason ?? `undone by run ${run}` },
    }),
  });
  if (created === 'withdrawn')
    throw new ApiFault('approval_withdrawn', `The approval of plan ${plan} was withdrawn before its run started.`);
  await endWanting(core, tenant, plan);
  return created;
}

/** @throws ApiFault `fences_too_many` */
function createFenced({ store }: RollbackCore, tenant: string, run: NewRun): ReturnType<RollbackCore['store']['runs']['create']> {
  return store.runs.create(tenant, run).catch((error: unknown) => {
    throw error instanceof StoreError && error.code === 'too_many'
      ? new ApiFault('fences_too_many', error.message, { cause: error })
      : error;
  });
}

/** What was selected. Dependents that are undone with it were no mistake of their agents: these may do them again. */
function callsToFence({ steps }: PlanBody): NonNullable<NewRun['fence']>['undoes'] {
  return steps.filter(({ agent, cascaded }) => agent !== OWN_AGENT && !cascaded).map(({ step, undoes }) => ({ step, undoes }));
}

const nameOf = ({ id, name }: Caller): string => (name === undefined ? id : `${name} (${id})`);

/** @throws ApiFault `plan_conflicts`, `plan_incomplete` */
function requireNoObstacle(plan: string, body: PlanBody): void {
  const { length: conflicts } = stoppingIn(body);
  if (conflicts > 0) throw new ApiFault('plan_conflicts', `Plan ${plan} has ${conflicts} conflicts, and its mode is refuse.`);
  const [first, ...more] = missingIn(body);
  if (first === undefined) return;
  const rest = more.length === 0 ? '' : ` And ${more.length} more.`;
  throw new ApiFault('plan_incomplete', `Plan ${plan}: missing and not accepted: ${first.id} (${first.subject}: ${first.detail})${rest}`);
}

/** @returns how many rows and files the run changes. @throws ApiFault `run_too_large` without a confirmation of a number over the limit */
function requireRows({ rowsMax }: RollbackCore, { id, body }: StoredPlan, confirmed: number | undefined): number {
  const rows = rowsOf(body.steps);
  if (rows <= rowsMax || confirmed === rows) return rows;
  throw new ApiFault(
    'run_too_large',
    `Plan ${id} changes ${rows} rows and files, and a run may change ${rowsMax} without a confirmation: expected \`rows\` ${rows}, got ${confirmed ?? 'none'}.`,
  );
}

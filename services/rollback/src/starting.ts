import { ApiFault, createRun, parseExpiry, type RunInput } from '@recant/api';
import { eventId, uuidv7 } from '@recant/events';
import { missingIn, type PlanCounts } from '@recant/planner';
import { createSourceEvents, LEASE_MS, type RunLimits } from '@recant/runner';
import { actorOf, type Caller, withinInline } from '@recant/service';
import { type NewRun, type StoredPlan, StoreError } from '@recant/store';
import type { RollbackCore } from './core.ts';
import { permitDetail, permitStart, storedPermit } from './permit.ts';
import { checkStale, forcedDetail } from './planning.ts';
import { findPlan } from './plans.ts';
import { readForStart } from './read-plan.ts';
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
  const { id: plan, digest, header } = found;
  const read = await readForStart(core, tenant, found, input.digest);
  const { counts } = read;
  const known = await store.runs.ofPlan(tenant, plan);
  if (known !== undefined) return { id: known, created: false };
  if (header.mode === 'refuse') requireNoObstacle(found, counts);
  if (counts.steps === 0) throw new ApiFault('plan_empty', `Plan ${plan} has no steps: the selected attempts have no effects to undo.`);
  requireRows(core, plan, counts.rows, input.rows);
  const { rows } = counts;
  const expiresAtMs = input.fence === undefined ? undefined : parseExpiry(input.fence, clock.now());
  const limits = limitsIn(input, clock.now());
  const permit = await permitStart(core, tenant, { ...found, counts }, { breakGlass: input.breakGlass, reason });
  await checkMissing(core, read);
  await checkStale(core, tenant, read);

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
    selection: withinInline(header.selection),
    ...(reason === undefined ? {} : { reason }),
    outcome: 'done',
    detail: withinInline({
      mode: header.mode,
      steps: counts.steps,
      rows,
      ...(rows > core.rowsMax && { rowsMax: core.rowsMax }),
      ...(expiresAtMs !== undefined && { fence: { expiresAt: new Date(expiresAtMs).toISOString() } }),
      ...limitsBody(limits),
      ...forcedDetail(header, [...read.answers.overwrites.values()].flat()),
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
    steps: Array.from({ length: counts.steps }, (_, at) => at + 1),
    resources: read.resources,
    limits,
    events: events.drain(),
    sequenceNext: events.sequenceNext,
    inverses: read.inverses,
    ...(expiresAtMs !== undefined && {
      fence: { undoes: read.calls, expiresAtMs, by: nameOf(caller), reason: reason ?? `undone by run ${run}` },
    }),
  });
  if (created === 'withdrawn')
    throw new ApiFault('approval_withdrawn', `The approval of plan ${plan} was withdrawn before its run started.`);
  await endWanting(core, tenant, plan);
  return created;
}

/** @throws ApiFault `time_invalid`, `time_zone_missing`, `key_time_invalid` */
function limitsIn({ deadline, rowsPerSecond }: RunInput, nowMs: number): RunLimits {
  return {
    ...(deadline !== undefined && { deadlineAtMs: parseExpiry(deadline, nowMs, 'deadline') }),
    ...(rowsPerSecond !== undefined && { rowsPerSecond }),
  };
}

/** As the API and acts have them. */
export const limitsBody = ({ deadlineAtMs, rowsPerSecond }: RunLimits): { deadline?: string; rowsPerSecond?: number } => ({
  ...(deadlineAtMs !== undefined && { deadline: new Date(deadlineAtMs).toISOString() }),
  ...(rowsPerSecond !== undefined && { rowsPerSecond }),
});

/** @throws ApiFault `fences_too_many` */
function createFenced({ store }: RollbackCore, tenant: string, run: NewRun): ReturnType<RollbackCore['store']['runs']['create']> {
  return store.runs.create(tenant, run).catch((error: unknown) => {
    throw error instanceof StoreError && error.code === 'too_many'
      ? new ApiFault('fences_too_many', error.message, { cause: error })
      : error;
  });
}

const nameOf = ({ id, name }: Caller): string => (name === undefined ? id : `${name} (${id})`);

/** @throws ApiFault `plan_conflicts`, `plan_incomplete` */
function requireNoObstacle({ id: plan, header }: StoredPlan, { stopping }: PlanCounts): void {
  if (stopping > 0) throw new ApiFault('plan_conflicts', `Plan ${plan} has ${stopping} conflicts, and its mode is refuse.`);
  const [first, ...more] = missingIn(header);
  if (first === undefined) return;
  const rest = more.length === 0 ? '' : ` And ${more.length} more.`;
  throw new ApiFault('plan_incomplete', `Plan ${plan}: missing and not accepted: ${first.id} (${first.subject}: ${first.detail})${rest}`);
}

/** @throws ApiFault `run_too_large` without a confirmation of a number over the limit */
function requireRows({ rowsMax }: RollbackCore, id: string, rows: number, confirmed: number | undefined): void {
  if (rows <= rowsMax || confirmed === rows) return;
  throw new ApiFault(
    'run_too_large',
    `Plan ${id} changes ${rows} rows and files, and a run may change ${rowsMax} without a confirmation: expected \`rows\` ${rows}, got ${confirmed ?? 'none'}.`,
  );
}

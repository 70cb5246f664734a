import { ApiFault, createPlan, type PlanInput, parseInstant, parseWindow } from '@recant/api';
import { eventId, type JsonObject, uuidv7 } from '@recant/events';
import {
  cascades,
  headerOf,
  headsOf,
  isStale,
  type PlanInput as LedgerInput,
  type Missing,
  namesIn,
  type Overwrite,
  openAttempts,
  type PlanDraft,
  type PlanHeader,
  parseOverrides,
  parseSelection,
  plan,
  planCounter,
  planDigest,
  refKey,
  type Selection,
  withoutAccepted,
} from '@recant/planner';
import { createSourceEvents, LEASE_MS } from '@recant/runner';
import { actorOf, type Caller, didYouMean, withinInline } from '@recant/service';
import type { StoredPlan } from '@recant/store';
import { otherModes, withAllConflicts } from './alternatives.ts';
import { uncapturedInTargets } from './ask-open.ts';
import { planWithTargets } from './ask-targets.ts';
import type { RollbackCore } from './core.ts';
import { readInput } from './read-input.ts';
import { type PlanReading, selectedIn } from './read-plan.ts';
import { missingOf, type Reached, reachWatermark, withAcceptance } from './watermark.ts';

/** Makes a plan: waits for the watermark, reads the ledger at one vector of log sizes, asks the systems, and stores the plan together with its act. */
export async function makePlan(core: RollbackCore, caller: Caller, input: PlanInput, reason?: string): Promise<StoredPlan> {
  const { store, clock } = core;
  const { tenant } = caller;
  const nowMs = clock.now();
  const window = typeof input.window === 'string' ? { window: input.window } : (input.window ?? {});
  const selected = typeof input.selection === 'string' ? { where: input.selection } : input.selection;
  const selection = parseSelection({ ...selected, ...parseWindow(window, nowMs) }, (text) => parseInstant('time', text, nowMs));
  const reached = await reachWatermark(core, tenant, input.waitMs);
  // After the drain: a login whose first transaction has just been captured is known.
  await checkNames(core, tenant, selection);
  const options = modesIn(input, nowMs, reason);
  const read = await readInput(core, tenant, selection, options);
  const body = await planBody(core, read, reached, input.accept ?? [], { by: caller.id, reason });
  const id = uuidv7(nowMs, core.random16());
  const counter = planCounter();
  const digest = planDigest(body, counter);
  const made = { id, digest, counts: counter.counts(), by: caller.id, createdAtMs: nowMs };

  const source = await core.producer.sourceOf(tenant, 'plan', id);
  const events = createSourceEvents(source, 1, () => clock.now());
  events.add('recant.source.opened.v1', eventId.opened(), { sdk: 'recant-rollback', leaseMs: LEASE_MS });
  const act = uuidv7(nowMs, core.random16());
  events.add('recant.act.recorded.v1', eventId.act(act, 'done'), {
    act,
    actor: actorOf(caller),
    operation: createPlan.operationId,
    object: { plan: id, digest },
    selection: withinInline(body.selection),
    ...(reason === undefined ? {} : { reason }),
    outcome: 'done',
    detail: withinInline({
      mode: body.mode,
      steps: body.steps.length,
      conflicts: body.conflicts.length,
      ...missingDetail(body),
      ...forcedDetail(body, overwritesIn(body)),
    }),
  });
  events.add('recant.source.closed.v1', eventId.closed(), { reason: 'planned' });
  await store.plans.put(tenant, { ...made, body }, { source, items: events.drain() });
  return { ...made, header: headerOf(body) };
}

/** How conflicts are treated. @throws ApiFault `plan_mode_invalid`, `force_without_reason`; PlannerError */
function modesIn(
  { mode = 'refuse', partial, cascadeReads, overrides = [] }: PlanInput,
  nowMs: number,
  reason: string | undefined,
): Pick<LedgerInput, 'mode' | 'partial' | 'throughReads' | 'overrides'> {
  const parsed = parseOverrides(overrides, (text) => parseInstant('time', text, nowMs));
  const how = { mode, ...(parsed.length > 0 && { overrides: parsed }) };
  if (partial && mode === 'refuse')
    throw new ApiFault(
      'plan_mode_invalid',
      '`partial` needs mode `skip`, `cascade` or `force`: mode `refuse` runs without any conflict only.',
    );
  if (cascadeReads && !cascades(how)) throw new ApiFault('plan_mode_invalid', '`cascadeReads` needs mode `cascade`.');
  const forces = mode === 'force' || parsed.some((override) => override.mode === 'force');
  if (forces && reason === undefined)
    throw new ApiFault('force_without_reason', 'Mode `force` overwrites later values of others: it needs a reason.');
  return { ...how, ...(partial && { partial: true as const }), ...(cascadeReads && { throughReads: true as const }) };
}

/** @throws ApiFault `missing_unknown`, `acceptance_without_reason` */
async function planBody(
  core: RollbackCore,
  read: LedgerInput,
  reached: Reached,
  accepted: readonly string[],
  who: { readonly by: string; readonly reason: string | undefined },
): Promise<PlanDraft> {
  const whole = await planWithTargets(core, read);
  const open = openAttempts(read.selected, whole);
  const found = [...(await missingOf(core, selectedIn(whole), read.vector, reached)), ...open.values()];
  const watermark = withAcceptance(reached, found, accepted, who);
  const planned = { ...whole, conflicts: withoutAccepted(whole.conflicts, acceptedIn(open, watermark.missing)) };
  const uncaptured = await uncapturedInTargets(core, read.tenant, selectedIn(planned), earliest(read));
  const isContested = planned.conflicts.length > 0 || overwritesIn(planned).length > 0;
  const others = isContested ? await otherModes(core, read, planned) : { alternatives: [], asked: [] };
  const { alternatives } = others;
  return {
    ...withAllConflicts(planned, others),
    watermark,
    ...(uncaptured.length > 0 && { uncaptured }),
    ...(alternatives.length > 0 && { alternatives }),
  };
}

const overwritesIn = ({ steps }: PlanDraft): readonly Overwrite[] => [...headsOf(steps)].flatMap(({ overwrites }) => overwrites ?? []);

/** Keys of the open attempts that a person plans without. */
function acceptedIn(open: ReadonlyMap<string, Missing>, missing: readonly Missing[]): ReadonlySet<string> {
  const names = new Set(missing.filter(({ accepted }) => accepted).map(({ id }) => id));
  return new Set([...open].filter(([, { id }]) => names.has(id)).map(([key]) => key));
}

/** Ids in an act: it has no room for more. */
const NAMES_MAX = 20;

function missingDetail({ watermark }: PlanHeader): JsonObject {
  const missing = watermark?.missing ?? [];
  const accepted = missing.filter(({ accepted }) => accepted).map(({ id }) => id);
  return {
    ...(missing.length > 0 && { missing: missing.length }),
    ...(accepted.length > 0 && { accepted: accepted.slice(0, NAMES_MAX), acceptedMore: Math.max(0, accepted.length - NAMES_MAX) }),
  };
}

/** Which modes a person set, and how many values of how many others they overwrite: the plan names each. */
export function forcedDetail({ overrides }: Pick<PlanHeader, 'overrides'>, overwrites: readonly Overwrite[]): JsonObject {
  return {
    ...(overrides && { overrides: overrides.map(({ mode, where, attempts }) => ({ mode, where, attempts })) }),
    ...(overwrites.length > 0 && {
      overwrites: overwrites.length,
      of: [...new Set(overwrites.map(({ by, who }) => by?.agent ?? who))].slice(0, NAMES_MAX),
    }),
  };
}

/** When the first selected attempt began: by the producer's clock or the ledger's, milliseconds since 1970, UTC. */
const earliest = ({ selected }: LedgerInput): number | undefined =>
  selected.reduce<number | undefined>(
    (least, { intendedAtMs, receivedAtMs }) => Math.min(least ?? Infinity, intendedAtMs, receivedAtMs),
    undefined,
  );

/** @throws ApiFault `plan_stale` if newer attempts with effects match the selection, or touch the resources of the plan */
export async function checkStale(core: RollbackCore, tenant: string, { header, essence, answers }: PlanReading): Promise<void> {
  const vector = await core.store.ledgerReader.vector(tenant);
  const same = Object.entries(vector).every(([shard, size]) => header.vector[shard] === size.toString());
  if (same) return;
  // The targets' answers are the plan's own: only the ledger can make it stale. What changed in a target is decided there, at the run.
  const { conflicts: asked, rows, overwrites } = answers;
  const refused = asked.filter(({ ref }) => !rows.has(refKey(ref)));
  const refusedRows = { rows, conflicts: asked.filter(({ ref }) => rows.has(refKey(ref))) };
  const read = await readInput(core, tenant, header.selection, header);
  const whole = plan({ ...read, refused, refusedRows, overwrites });
  const accepted = acceptedIn(openAttempts(read.selected, whole), header.watermark?.missing ?? []);
  if (!isStale(essence, { ...whole, conflicts: withoutAccepted(whole.conflicts, accepted) })) return;
  throw new ApiFault('plan_stale', 'Newer attempts with effects match the selection, or changed resources of this plan.');
}

/** An unknown agent or run is probably a typo, so that it is an error rather than an empty plan. */
async function checkNames({ store, clock }: RollbackCore, tenant: string, selection: Selection): Promise<void> {
  for (const agent of namesIn(selection, 'agent')) {
    const { attempts } = await store.queries.attempts(tenant, { selection: { agents: [agent] }, limit: 1, nowMs: clock.now() });
    if (attempts.length > 0) continue;
    const similar = didYouMean(await store.queries.similarAgents(tenant, agent));
    throw new ApiFault('agent_unknown', `No recorded attempt of agent ${JSON.stringify(agent)}.${similar}`);
  }
  for (const run of namesIn(selection, 'run'))
    if (!(await store.runs.find(tenant, run))) throw new ApiFault('run_unknown', `Unknown run ${JSON.stringify(run)}.`);
}

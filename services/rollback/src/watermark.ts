import { ApiFault } from '@recant/api';
import {
  accept,
  type LaggingSystem,
  type Missing,
  missingOfHeld,
  missingOfLedger,
  missingOfSources,
  missingOfSystem,
  missingOfTopic,
  missingOfTransaction,
  type PlanInput,
  type SourceQuestion,
  type Watermark,
} from '@recant/planner';
import { openInTargets, selectedBy } from './ask-open.ts';
import type { RollbackCore } from './core.ts';
import type { PlanReading, Selected } from './read-plan.ts';

/** Milliseconds that a plan waits, unless it says otherwise, and at least: what is there at once is always read. */
export const WAIT_MS = 10_000;
const WAIT_MS_MIN = 500;

/** How far everything that feeds the ledger was read. */
export type Reached = Pick<Watermark, 'at' | 'systems' | 'topics' | 'missing'>;

type Waiting = Pick<RollbackCore, 'clock' | 'drain' | 'producer' | 'store' | 'targets'>;

/** Waits until what was sent or committed before the call is in the ledger, at most `waitMs`; names what is not. */
export async function reachWatermark(core: Waiting, tenant: string, waitMs: number = WAIT_MS): Promise<Reached> {
  const at = new Date(core.clock.now()).toISOString();
  const [{ drained, lagging }, read] = await Promise.all([
    drainAll(core, tenant, Math.max(waitMs, WAIT_MS_MIN)),
    readTopics(core, tenant, waitMs),
  ]);
  return { at, systems: drained, topics: read.topics, missing: [...read.missing, ...lagging.map(missingOfSystem)] };
}

async function readTopics({ producer }: Waiting, tenant: string, waitMs: number): Promise<Pick<Reached, 'topics' | 'missing'>> {
  try {
    const { topics, unread, held } = await producer.reachTopics(tenant, waitMs);
    return { topics, missing: [...unread.map(missingOfTopic), ...(held ? [missingOfHeld(held)] : [])] };
  } catch (error) {
    return { topics: [], missing: [missingOfLedger(error instanceof Error ? error.message : String(error))] };
  }
}

async function drainAll(
  { drain, store, targets }: Waiting,
  tenant: string,
  waitMs: number,
): Promise<{ readonly drained: readonly string[]; readonly lagging: readonly LaggingSystem[] }> {
  const { lagging } = await drain.flush(tenant, waitMs);
  // Other systems capture nothing by themselves, so that nothing of theirs can be missing.
  const capturing = (await store.systems.list(tenant)).filter(({ connector }) => targets.connectors.get(connector)?.watched);
  const names = capturing.map(({ name }) => name).sort();
  return {
    drained: names.filter((name) => !lagging.some(({ system }) => system === name)),
    lagging: lagging.filter(({ system }) => names.includes(system)),
  };
}

/** Everything that the ledger lacks of a plan's selection at a vector, but for attempts that are open. */
export async function missingOf(
  core: Pick<RollbackCore, 'store' | 'targets'>,
  selected: Selected,
  vector: PlanInput['vector'],
  reached: Pick<Reached, 'missing'>,
): Promise<readonly Missing[]> {
  const [records, open] = await Promise.all([
    core.store.sourceReader.incomplete(selected.tenant, sourcesOf(selected), vector),
    openInTargets(core, selected.tenant, selected),
  ]);
  return [...reached.missing, ...missingOfSources(records, selected.selection), ...open.map(missingOfTransaction)];
}

/** Selected actions and runs stand for themselves: of actions, only what of them is not settled can be missing. */
function sourcesOf(selected: Selected): SourceQuestion {
  const { selection, unfinished } = selected;
  const { actions = [] } = selection;
  const chosen = selectedBy(selected);
  if (chosen !== undefined) return { ...chosen, actions };
  const all = Object.keys(selected.sources);
  return { agents: [], sources: selection.actions ? all.filter((source) => unfinished.has(source)) : all, actions };
}

/** The watermark of a plan. @throws ApiFault `missing_unknown`, `acceptance_without_reason` */
export function withAcceptance(
  { at, systems, topics }: Reached,
  found: readonly Missing[],
  names: readonly string[],
  { by, reason }: { readonly by: string; readonly reason: string | undefined },
): Watermark {
  if (names.length === 0) return { at, systems, topics, missing: found };
  if (reason === undefined) throw new ApiFault('acceptance_without_reason', 'Accepting what is missing needs a reason.');
  const { missing, unknown } = accept(found, names);
  if (unknown.length > 0) {
    const now = found.length === 0 ? 'nothing' : found.map(({ id }) => id).join(', ');
    throw new ApiFault('missing_unknown', `Not missing: ${unknown.join(', ')}. Missing now: ${now}.`);
  }
  return { at, systems, topics, missing, acceptance: { by, reason } };
}

/** @throws ApiFault `plan_stale` if something is missing that the plan does not name */
export async function checkMissing(core: Waiting, { header, selected }: Pick<PlanReading, 'header' | 'selected'>): Promise<void> {
  const reached = await reachWatermark(core, header.tenant);
  const vector = await core.store.ledgerReader.vector(header.tenant);
  const named = new Set(header.watermark?.missing.map(({ id }) => id));
  const [first, ...more] = (await missingOf(core, selected, vector, reached)).filter(({ id }) => !named.has(id));
  if (first === undefined) return;
  const rest = more.length === 0 ? '' : ` And ${more.length} more.`;
  throw new ApiFault('plan_stale', `Missing since the plan was made: ${first.subject}: ${first.detail}${rest}`);
}

import { type FreezeBody, type PlanView, type RunView, SelectionInput } from '@recant/api';
import { ApiError, type Client, everyItem } from '@recant/client';
import { CliError, EXIT } from '../../terminal/exit.ts';
import { fullId } from '../short-id.ts';
import { namedIn } from './freezing.ts';
import { selectedAgents, selectionOfPlan } from './planning.ts';

/** How far a rollback has come, by what the ledger has of it. */
export interface Found {
  /** Undefined: a freeze was ordered by another command, so that nobody said what is to be undone. */
  readonly selection: SelectionInput | undefined;
  readonly freezes: readonly FreezeBody[];
  readonly plan?: PlanView;
  readonly run?: RunView;
  /** Why it was ordered. Absent: nobody said it, or the act of the run cannot be read. */
  readonly reason?: string;
}

/** Acts that are searched for the plan that follows a freeze. */
const ACTS_READ_MAX = 2_000;
/** Freezes that are searched for those of a run, newest first. */
const FREEZES_READ_MAX = 2_000;
/** Milliseconds around the start of a run in which its act is searched. */
const NEAR_MS = 60_000;
const PAGE = 500;

/** @param id of a freeze, a plan or a run. @throws CliError `usage` for any other */
export async function findRollback(client: Client, id: string): Promise<Found> {
  const full = await fullId(client, ['run', 'plan', 'freeze'], id);
  const run = await unlessUnknown(client.run(full), 'run_unknown');
  const plan = await unlessUnknown(client.plan(run?.plan ?? full), 'plan_unknown');
  if (plan !== undefined) return ofPlan(client, plan, run);
  // Not a UUID: the service would refuse the request itself.
  const freeze = /^[0-9a-f]{8}(-[0-9a-f]{4}){3}-[0-9a-f]{12}$/.test(full)
    ? await unlessUnknown(client.freezeProgress(full), 'freeze_unknown')
    : undefined;
  if (freeze === undefined)
    throw new CliError(
      EXIT.usage,
      `No freeze, plan or run has the id ${JSON.stringify(id)}`,
      'List them with `recant frozen`, `recant status` and `recant acts`.',
    );
  const { selection, planId } = await sinceFreeze(client, freeze);
  const later = planId === undefined ? undefined : await unlessUnknown(client.plan(planId), 'plan_unknown');
  return later === undefined ? { selection, freezes: [freeze] } : ofPlan(client, later);
}

async function ofPlan(client: Client, plan: PlanView, known?: RunView): Promise<Found> {
  const selection = selectionOfPlan(plan);
  const run = known ?? (plan.run && (await client.run(plan.run.id)));
  const freezes = await freezesOf(client, plan, selection, run);
  const reason = freezes[0]?.reason ?? (run && (await reasonOf(client, run)));
  return { selection, plan, ...(run && { run }), ...(reason !== undefined && { reason }), freezes };
}

/** What the act of the run says. */
async function reasonOf(client: Client, { id, createdAt }: RunView): Promise<string | undefined> {
  const ms = Date.parse(createdAt);
  const window = { from: new Date(ms - NEAR_MS).toISOString(), to: new Date(ms + NEAR_MS).toISOString() };
  const { items } = await client.acts(window, { limit: PAGE }).catch((error: unknown) => {
    if (error instanceof ApiError) return { items: [] };
    throw error;
  });
  return items.find(({ event: { data } }) => data.operation === 'createRun' && data.object.run === id)?.event.data.reason;
}

/** Those in force for what the plan undoes; of a run, also those that were in force while it was planned and ended since. */
async function freezesOf(
  client: Client,
  plan: PlanView,
  selection: SelectionInput,
  run: RunView | undefined,
): Promise<readonly FreezeBody[]> {
  const agents = [...(await selectedAgents(client, plan))];
  const targets = [...namedIn(selection), ...agents.map((value) => ({ scope: 'agent', value }))];
  const wanted = new Set(targets.map(({ scope, value }) => `${scope} ${value}`));
  const found: FreezeBody[] = [];
  const concerns = ({ orderedAt, ended }: FreezeBody): boolean =>
    ended === undefined || (run !== undefined && orderedAt <= run.createdAt && ended.at >= plan.createdAt);
  let read = 0;
  for await (const freeze of everyItem((cursor) =>
    client.freezes({ all: run !== undefined }, { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) }),
  )) {
    if (wanted.has(`${freeze.scope} ${freeze.value}`) && concerns(freeze)) found.push(freeze);
    if (++read >= FREEZES_READ_MAX) break;
  }
  return found;
}

/** What the act of a freeze says is to be undone, and the newest plan of exactly that since. */
async function sinceFreeze(
  client: Client,
  { freeze, orderedAt }: FreezeBody,
): Promise<{ selection: SelectionInput | undefined; planId: string | undefined }> {
  const plans: { readonly id: string; readonly selection: string }[] = [];
  let selection: SelectionInput | undefined;
  let read = 0;
  for await (const { event } of everyItem((cursor) =>
    client.acts({ from: orderedAt }, { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) }),
  )) {
    const { operation, object, detail, outcome, selection: planned } = event.data;
    if (operation === 'createPlan' && outcome === 'done' && planned !== undefined)
      plans.push({ id: String(object.plan), selection: JSON.stringify(planned) });
    if (operation === 'orderFreeze' && object.freeze === freeze) selection ??= SelectionInput.safeParse(detail?.selection).data;
    if (++read >= ACTS_READ_MAX) break;
  }
  const same = plans.find((plan) => selection !== undefined && plan.selection === JSON.stringify(selection));
  return { selection, planId: same?.id };
}

async function unlessUnknown<T>(request: Promise<T>, code: string): Promise<T | undefined> {
  return request.catch((error: unknown) => {
    if (error instanceof ApiError && error.code === code) return undefined;
    throw error;
  });
}

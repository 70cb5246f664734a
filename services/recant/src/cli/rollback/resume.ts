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
}

/** Acts that are searched for the plan that follows a freeze. */
const ACTS_READ_MAX = 2_000;
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
  return { selection, plan, ...(run && { run }), freezes: await freezesOf(client, plan, selection) };
}

/** Those in force for what the plan undoes. */
async function freezesOf(client: Client, plan: PlanView, selection: SelectionInput): Promise<readonly FreezeBody[]> {
  const agents = [...(await selectedAgents(client, plan))];
  const targets = [...namedIn(selection), ...agents.map((value) => ({ scope: 'agent', value }))];
  const wanted = new Set(targets.map(({ scope, value }) => `${scope} ${value}`));
  const found: FreezeBody[] = [];
  for await (const freeze of everyItem((cursor) => client.freezes({}, { limit: PAGE, ...(cursor === undefined ? {} : { cursor }) })))
    if (wanted.has(`${freeze.scope} ${freeze.value}`)) found.push(freeze);
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

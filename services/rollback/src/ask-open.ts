import { setTimeout as delay } from 'node:timers/promises';
import type { OpenInTarget, PlanBody } from '@recant/planner';
import type { RollbackCore } from './core.ts';

/** Milliseconds that planning waits for a target to name its open transactions; one that is away is named by the flush. */
const ASK_MS_MAX = 5_000;

/** Transactions that the selected agents left open, on every system of the tenant: what they changed is not captured before they end. */
export async function openInTargets(
  { store, targets }: Pick<RollbackCore, 'store' | 'targets'>,
  tenant: string,
  plan: PlanBody,
): Promise<readonly OpenInTarget[]> {
  const of = selectedBy(plan);
  if (of === undefined) return [];
  const found = await Promise.all(
    (await store.systems.list(tenant)).map(async ({ name, connector }) => {
      const ending = new AbortController();
      const asked = targets.open(tenant, name, connector).then((target) => target?.drain?.openTransactions(of));
      const late = delay(ASK_MS_MAX, undefined, { signal: ending.signal });
      const open = await Promise.race([asked, late]).catch(() => undefined);
      ending.abort();
      return (open ?? []).map((transaction) => ({ system: name, ...transaction }));
    }),
  );
  return found.flat();
}

/** A selection by window alone means every agent that wrote in it; other selections mean the agents that they name or find. Selected actions and runs stand for themselves only. */
function selectedBy({
  selection,
  sources,
  steps,
  left,
}: PlanBody): { agents: readonly string[] | undefined; sources: readonly string[] } | undefined {
  const { fromMs: _from, toMs: _to, clock: _clock, ambiguous: _ambiguous, ...rest } = selection;
  if (rest.actions !== undefined || rest.runs !== undefined) return undefined;
  if (Object.keys(rest).length === 0) return { agents: undefined, sources: [] };
  const agents = rest.agents ?? [...new Set([...steps, ...left].map(({ agent }) => agent))];
  return { agents, sources: Object.keys(sources) };
}
